"""A second look at a statement file that alone tells of much money: released, refused or withdrawn, once."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from core import audit, outbox
from core.reasons import REASON_CHARACTERS_MAX
from payments.imports.handing_in import TOPIC
from payments.imports.tables import StatementImport, StatementPiece
from payments.suspense.model import NotPossible
from payments.suspense.second_person import require_reason


def release(session: Session, import_id: uuid.UUID, *, by: str, now: datetime) -> None:
    """Have a held file read again, and taken this time, whatever it tells.

    Raises NotPossible: whoever handed it in never releases it, and what waits no more is not released again.
    """
    row = _held(session, import_id)
    if row.by == by:
        raise NotPossible("own_file")
    row.state, row.finished_at, row.lines_kept = "waiting", None, 0
    row.released_by, row.released_at = by, now
    # A key of its own: the task that held it is done, or comes again and finds that there is nothing to do.
    outbox.add(session, TOPIC, f"{row.id}:released", {"import_id": str(row.id)}, now=now)
    _note(session, row, "statement.released", by=by, now=now)


def refuse(session: Session, import_id: uuid.UUID, *, by: str, reason: str, now: datetime) -> None:
    """End a held file with a reason; its content is forgotten. The file may be handed in again.

    Raises NotPossible.
    """
    row = _held(session, import_id)
    require_reason(reason)
    _end(session, row, by=by, reason=reason[:REASON_CHARACTERS_MAX], now=now)
    _note(session, row, "statement.sent_back", by=by, now=now)


def withdraw(session: Session, import_id: uuid.UUID, *, by: str, now: datetime) -> None:
    """As `refuse`, by whoever handed it in, who need not say why. Raises NotPossible."""
    row = _held(session, import_id)
    if row.by != by:
        raise NotPossible("not_own_file")
    _end(session, row, by=by, reason="", now=now)
    _note(session, row, "statement.withdrawn", by=by, now=now)


def held(session: Session, limit: int = 100) -> Sequence[StatementImport]:
    """Files that wait for a second person, oldest first."""
    oldest_first = (StatementImport.at, StatementImport.id)
    return session.scalars(_waiting().order_by(*oldest_first).limit(limit)).all()


def held_count(session: Session) -> int:
    """How many files wait for a second person."""
    return session.scalar(select(func.count()).select_from(_waiting().subquery())) or 0


def forget(session: Session, import_id: uuid.UUID) -> None:
    """Delete the content of a file that nobody will read again."""
    session.execute(delete(StatementPiece).where(StatementPiece.import_id == import_id))


def _waiting() -> Select[StatementImport]:
    return select(StatementImport).where(StatementImport.state == "held")


def _held(session: Session, import_id: uuid.UUID) -> StatementImport:
    """The import, locked. Of two people at once the second finds what the first did, and is told."""
    row = session.get(StatementImport, import_id, with_for_update=True, populate_existing=True)
    if row is None or row.state != "held":
        raise NotPossible("not_held")
    return row


def _end(session: Session, row: StatementImport, *, by: str, reason: str, now: datetime) -> None:
    row.state, row.finished_at = "refused", now
    row.refused_by, row.refused_reason = by, reason
    row.alone_accounts = None
    forget(session, row.id)


def _note(session: Session, row: StatementImport, action: str, *, by: str, now: datetime) -> None:
    audit.record(
        session,
        at=now,
        actor=by,
        action=action,
        subject=f"{row.wallet}:{row.shortcode}",
        reason=row.refused_reason,
        details={
            "import": str(row.id),
            "digest": row.digest,
            "maker": row.by,
            "alone": row.alone_lines,
            "alone_cents": row.alone_cents,
        },
    )
