"""The form that divides a payment: rows of member and amount as typed, and what is wrong with each."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import InvalidValue
from core.reasons import on_one_line
from members.model import Status
from members.numbers import MemberNumber
from members.tables import MemberRow
from payments.receipts.tables import Receipt
from payments.suspense.model import Share
from payments.suspense.splitting import SHARES_MAX

ROWS_AT_FIRST = 4
_ROWS_MORE = 4
_CHARACTERS_MAX = 20
# A comma stands for thousands and never for the decimal point: read as nothing it would make 300,50 hundreds.
# `static/work.js` has the same.
_AMOUNT = re.compile(
    r"([0-9]{1,9}|[0-9]{1,3}(?:,[0-9]{3}){1,2}|[0-9]{1,3}(?: [0-9]{3}){1,2})(?:\.([0-9]{1,2}))?"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row as typed. `fault`: a code that the page has words for; `name` masked, once it is known."""

    number: str = ""
    amount: str = ""
    member_id: uuid.UUID | None = None
    name: str = ""
    cents: int | None = None
    fault: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.number and not self.amount


@dataclass(frozen=True, slots=True)
class Division:
    """All rows, and what they leave of the payment; negative when they take more than there is."""

    rows: tuple[Row, ...]
    rest_cents: int

    @property
    def has_faults(self) -> bool:
        return any(row.fault for row in self.rows)

    @property
    def member_ids(self) -> tuple[uuid.UUID, ...]:
        """Whose names the rows show, each once, as typed."""
        return tuple(dict.fromkeys(row.member_id for row in self.rows if row.member_id is not None))

    @property
    def shares(self) -> tuple[Share, ...]:
        """What is to be done; only of a division without faults."""
        return tuple(
            Share(row.member_id, row.cents)
            for row in self.rows
            if row.member_id is not None and row.cents is not None
        )


def first_rows(session: Session, receipt: Receipt) -> Division:
    """An empty form; who has the money now stands in the first row, for the part that they keep."""
    number = session.scalar(select(MemberRow.number).where(MemberRow.id == receipt.member_id))
    rows = [Row(number or ""), *(Row() for _ in range(ROWS_AT_FIRST - 1))]
    return Division(tuple(rows), receipt.amount_cents)


def typed_rows(numbers: Sequence[str], amounts: Sequence[str], *, more: bool) -> list[Row]:
    """What was posted, with room for more when it was asked for. No more rows than a payment has parts."""
    typed = [Row(_plain(number), _plain(amount)) for number, amount in zip(numbers, amounts, strict=False)]
    typed += [Row()] * (_ROWS_MORE if more else 0)
    return typed[:SHARES_MAX]


def judged(session: Session, receipt: Receipt, rows: Sequence[Row]) -> Division:
    """The rows with their members' masked names, their cents, and what is wrong with them."""
    seen: set[uuid.UUID] = set()
    known = []
    for row in rows:
        one = row if row.is_empty else _judged(session, row, seen)
        if one.member_id is not None:
            seen.add(one.member_id)
        known.append(one)
    rest_cents = receipt.amount_cents - sum(row.cents or 0 for row in known)
    return Division(tuple(known), rest_cents)


def _judged(session: Session, row: Row, seen: set[uuid.UUID]) -> Row:
    cents = cents_of(row.amount)
    row = replace(row, cents=cents)
    member = _member(session, row.number)
    if member is None:
        return replace(row, fault="no_member" if row.number else "no_number")
    row = replace(row, member_id=member.id, name=member.masked_name or "")
    if not Status(member.status).is_open:
        return replace(row, fault="closed_member")
    if member.id in seen:
        return replace(row, fault="member_twice")
    if cents is None:
        return replace(row, fault="bad_amount" if row.amount else "no_amount")
    return replace(row, fault="" if cents else "bad_amount")


def cents_of(typed: str) -> int | None:
    """`1,200`, `1200.5` and `1 200.50` are amounts; None for what is none, as `300,50`."""
    found = _AMOUNT.fullmatch(typed)
    if found is None:
        return None
    shillings, cents = found.groups(default="")
    return int(re.sub(r"[ ,]", "", shillings)) * 100 + int(cents.ljust(2, "0"))


def _member(session: Session, typed: str) -> MemberRow | None:
    try:
        number = MemberNumber.parse(typed)
    except InvalidValue:
        return None
    return session.scalar(select(MemberRow).where(MemberRow.number == number.digits))


def _plain(typed: str) -> str:
    return on_one_line(typed)[:_CHARACTERS_MAX]
