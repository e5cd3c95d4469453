"""What one person's files have told alone within a day: many small files are no way around the limit."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from payments.imports.tables import StatementImport

ADDED_UP = timedelta(hours=24)

# In these a file's lines may have been kept; `alone_cents` of them says what it told when they were.
_TAKEN = ("reading", "done", "failed")


def told_before(session: Session, row: StatementImport) -> int:
    """Cents that other files told alone and one person decided about: whoever handed in this one.

    Counts what was handed in within ADDED_UP before this file or since, without what a second one released.
    Whoever keeps lines holds the lock that keeps files apart (`payments.wallet_lines.staging`): of two files
    at once the second finds what the first has told.
    """
    total = session.scalar(
        select(func.sum(StatementImport.alone_cents)).where(
            StatementImport.by == row.by,
            StatementImport.id != row.id,
            StatementImport.at > row.at - ADDED_UP,
            StatementImport.state.in_(_TAKEN),
            StatementImport.released_by.is_(None),
        )
    )
    return int(total or 0)
