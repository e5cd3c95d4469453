"""Questions answered later: written down before they are sent, so that no answer is a stranger."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from registry.tables import DciQuestionRow


def note_asked(
    session: Session,
    transaction_id: str,
    *,
    connection: str,
    action: str,
    purpose: str,
    subject: str,
    reference_ids: Sequence[str],
    now: datetime,
) -> None:
    """Write a question down. The same transaction id again is the same question."""
    row = {
        "transaction_id": transaction_id,
        "connection": connection,
        "action": action,
        "purpose": purpose,
        "subject": subject,
        "reference_ids": list(reference_ids),
        "asked_at": now,
    }
    session.execute(insert(DciQuestionRow).values(row).on_conflict_do_nothing())


def note_correlation(session: Session, transaction_id: str, correlation_id: str) -> None:
    """The registry's own name for a question it took."""
    session.execute(
        update(DciQuestionRow)
        .where(DciQuestionRow.transaction_id == transaction_id)
        .values(correlation_id=correlation_id[:200])
    )
