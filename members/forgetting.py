"""Forgetting what was looked up about people who typed an ID and never joined."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from members.tables import EnrolmentCheckRow, IdentityCheckRow


def forget_looked_up(session: Session, *, before: datetime, limit: int) -> int:
    """Delete at most so many looked-up IDs from before then that led to no membership; returns how many.

    One that somebody joins with at this moment is locked by their join, and left.
    """
    checks = session.scalars(
        select(IdentityCheckRow.id)
        .where(IdentityCheckRow.member_id.is_(None), IdentityCheckRow.created_at < before)
        .order_by(IdentityCheckRow.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for table, column in (
        (EnrolmentCheckRow, EnrolmentCheckRow.check_id),
        (IdentityCheckRow, IdentityCheckRow.id),
    ):
        forget = delete(table).where(column.in_(checks))
        session.execute(forget.execution_options(synchronize_session=False))
    return len(checks)
