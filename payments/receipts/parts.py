"""The parts of a payment that staff divided among members: which there are, and how they are called."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from payments.receipts.tables import Receipt

# As `payments.suspense` calls the places: what has parts, and a part whose money went back to the whole.
SPLIT, REJOINED = "split", "rejoined"
_GONE = (SPLIT, REJOINED)


def is_whole() -> ColumnElement[bool]:
    """SQL: a payment as the wallet knows it, divided or not."""
    return Receipt.part_of.is_(None)


def live_parts(session: Session, whole_id: uuid.UUID, *, lock: bool = False) -> Sequence[Receipt]:
    """Where a divided payment's money is. With `lock`, in everybody's order: the whole is locked by then."""
    query = (
        select(Receipt)
        .where(Receipt.part_of == whole_id, func.coalesce(Receipt.staff_place, "").not_in(_GONE))
        .order_by(Receipt.id)
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).all()


def part_of_member(session: Session, whole: Receipt, member_id: uuid.UUID) -> Receipt | None:
    """What a member has of a divided payment."""
    return next((part for part in live_parts(session, whole.id) if part.member_id == member_id), None)


def new_codes(session: Session, whole: Receipt, count: int) -> list[str]:
    """Codes that no part of this whole ever had: `<code>-1`, `<code>-2`, … `whole` is locked."""
    before = session.scalar(select(func.count()).where(Receipt.part_of == whole.id)) or 0
    return [f"{whole.receipt}-{before + place}" for place in range(1, count + 1)]


def wallets_code() -> ColumnElement[str]:
    """SQL: the code that the wallet knows this money by: a part's is that of its whole."""
    whole = aliased(Receipt)
    of_whole = select(whole.receipt).where(whole.id == Receipt.part_of).correlate(Receipt).scalar_subquery()
    return func.coalesce(of_whole, Receipt.receipt)


def whole_of(session: Session, receipt: Receipt) -> Receipt:
    """The payment that a part is of; of a whole, itself."""
    return receipt if receipt.part_of is None else session.get_one(Receipt, receipt.part_of)
