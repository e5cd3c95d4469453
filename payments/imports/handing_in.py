"""Statement files as staff hand them in: kept, sealed, for a worker to read; and how far each one is."""

import base64
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import outbox
from core.database import advisory_lock
from core.ids import new_id
from payments.imports.tables import StatementImport, StatementPiece

TOPIC = "statement"
_PIECE_BYTES = 512 * 1024
_NAME_CHARACTERS_MAX = 120


@dataclass(frozen=True, slots=True)
class HandedIn:
    """An import, and whether this very file was handed in for the first time."""

    import_id: uuid.UUID
    is_new: bool


def hand_in(
    session: Session, *, wallet: str, shortcode: str, name: str, content: bytes, by: str, now: datetime
) -> HandedIn:
    """Keep a file, sealed, and have it read. The same bytes again are the same import.

    Unless that failed or was refused.
    """
    digest = hashlib.sha256(content).hexdigest()
    with advisory_lock(session, f"statement:{digest}"):
        known = session.scalar(
            select(StatementImport.id).where(
                StatementImport.digest == digest,
                StatementImport.wallet == wallet,
                StatementImport.shortcode == shortcode,
                StatementImport.state.in_(("waiting", "reading", "held", "done")),
            )
        )
        if known is not None:
            return HandedIn(known, is_new=False)
        row = StatementImport(
            id=new_id(),
            wallet=wallet,
            shortcode=shortcode,
            name="".join(letter for letter in name if letter.isprintable())[-_NAME_CHARACTERS_MAX:],
            digest=digest,
            size_bytes=len(content),
            state="waiting",
            by=by,
            at=now,
        )
        session.add(row)
        session.flush()
    for number, start in enumerate(range(0, len(content), _PIECE_BYTES)):
        piece = base64.b64encode(content[start : start + _PIECE_BYTES]).decode()
        session.add(StatementPiece(import_id=row.id, number=number, content=piece))
        session.flush()
    outbox.add(session, TOPIC, str(row.id), {"import_id": str(row.id)}, now=now)
    return HandedIn(row.id, is_new=True)


def imports(session: Session, limit: int = 50) -> Sequence[StatementImport]:
    """The newest imports."""
    newest_first = (StatementImport.at.desc(), StatementImport.id.desc())
    return session.scalars(select(StatementImport).order_by(*newest_first).limit(limit)).all()
