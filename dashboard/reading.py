"""That somebody saw personal data, masked or not, is in the audit trail: in the transaction that read it."""

import uuid

from sqlalchemy.orm import Session

from core import audit
from dashboard.login import me
from dashboard.services import services


def was_seen(session: Session, action: str, subject: str | uuid.UUID, *, rows: int | None = None) -> None:
    """Write down that whoever looks saw `subject`; of a list, how many `rows`. An empty one shows nobody."""
    if rows == 0:
        return
    audit.record(
        session,
        at=services().clock.now(),
        actor=me().actor,
        action=action,
        subject=subject,
        details={} if rows is None else {"rows": rows},
    )
