"""Seeing somebody's data in full: an act with a reason, in the audit trail before anything is shown."""

import uuid
from collections.abc import Mapping
from typing import Any

from flask import flash
from sqlalchemy.orm import Session

from core import audit
from core.reasons import REASON_CHARACTERS_MIN, is_reason
from dashboard.catalogue import text
from dashboard.login import me
from dashboard.reasons import typed_reason
from dashboard.services import services


def reason_to_reveal(field: str = "reason") -> str | None:
    """The reason of the posted form; None, and the next page says so, when it says too little."""
    reason = typed_reason(field)
    if is_reason(reason):
        return reason
    flash(text("unmask.short", count=REASON_CHARACTERS_MIN), "fault")
    return None


def was_revealed(
    session: Session,
    action: str,
    subject: uuid.UUID,
    reason: str,
    *,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write down who sees what in full, and why, in the transaction that shows it."""
    audit.record(
        session,
        at=services().clock.now(),
        actor=me().actor,
        action=action,
        subject=subject,
        reason=reason,
        details=details,
    )
