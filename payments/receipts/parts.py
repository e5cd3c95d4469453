"""The parts of a payment that staff divided among members: which there are, and how they are called."""

import itertools
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


def is_live_part(part: type[Receipt], whole_id: uuid.UUID | ColumnElement[uuid.UUID]) -> ColumnElement[bool]:
    """SQL: `part`, the table or an alias of it, holds money of the payment with this id."""
    return (part.part_of == whole_id) & func.coalesce(part.staff_place, "").not_in(_GONE)


def holds_money() -> ColumnElement[bool]:
    """SQL: an undivided payment, or a live part of a divided one: each cent that came is counted once."""
    return func.coalesce(Receipt.staff_place, "").not_in(_GONE)


def live_parts(session: Session, whole_id: uuid.UUID) -> Sequence[Receipt]:
    """Where a divided payment's money is."""
    parts = select(Receipt).where(is_live_part(Receipt, whole_id))
    return session.scalars(parts.order_by(Receipt.id)).all()


def is_live(receipt: Receipt) -> bool:
    """Whether a receipt holds money itself: neither its parts nor the whole that it was joined to do."""
    return receipt.staff_place not in _GONE


def family(session: Session, whole: Receipt) -> Sequence[Receipt]:
    """A payment and every part it ever had, those of a rest and those joined again too.

    `whole` is locked, they become so.
    """
    parts = select(Receipt).where(Receipt.part_of == whole.id).order_by(Receipt.id).with_for_update()
    return [whole, *session.scalars(parts.execution_options(populate_existing=True))]


def part_of_member(session: Session, whole: Receipt, member_id: uuid.UUID) -> Receipt | None:
    """What a member has of a divided payment."""
    return next((part for part in live_parts(session, whole.id) if part.member_id == member_id), None)


def new_codes(session: Session, whole: Receipt, count: int) -> list[str]:
    """Codes that no part of this whole ever had, and no other payment: `<code>-1`, `<code>-2`, …

    `whole` is locked.
    """
    taken = set(
        session.scalars(
            select(Receipt.receipt).where(
                Receipt.wallet == whole.wallet,
                Receipt.shortcode == whole.shortcode,
                Receipt.receipt.startswith(f"{whole.receipt}-", autoescape=True),
            )
        )
    )
    free = (code for place in itertools.count(1) if (code := f"{whole.receipt}-{place}") not in taken)
    return list(itertools.islice(free, count))


def wallets_code() -> ColumnElement[str]:
    """SQL: the code that the wallet knows this money by: a part's is that of its whole."""
    whole = aliased(Receipt)
    of_whole = select(whole.receipt).where(whole.id == Receipt.part_of).correlate(Receipt).scalar_subquery()
    return func.coalesce(of_whole, Receipt.receipt)


def was_taken_back(session: Session, receipt: Receipt) -> bool:
    """Whether the wallet took this money back: of a part, it took the whole. Both are locked."""
    return any(one.reversed_at is not None for one in (receipt, whole_of(session, receipt)))


def whole_of(session: Session, receipt: Receipt) -> Receipt:
    """The payment that a part is of; of a whole, itself."""
    return receipt if receipt.part_of is None else session.get_one(Receipt, receipt.part_of)
