"""The payer's own word that the member number they typed is right: money that waited for it is credited."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from core.errors import InvalidValue
from core.money import Money
from members.model import Status
from members.numbers import MemberNumber
from members.tables import MemberRow
from payments.looking_again import have_looked_again, is_free
from payments.model import MatchStep
from payments.particulars import Particulars
from payments.receipts import service as receipts
from payments.receipts.model import NAMES_ANOTHER, Owner
from payments.receipts.tables import Receipt


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The money is that member's, since now or before."""

    receipt: str
    amount: Money
    number: str


def confirm(session: Session, payer: str, receipt_code: str, *, now: datetime) -> Confirmed | None:
    """Credit what this phone (a blind index) paid to the member whose number was typed.

    None when this phone paid nothing with this code, another form was typed, the money is not free, or it
    waits for another reason.
    """
    receipt = session.scalars(
        select(Receipt)
        .where(Receipt.receipt == receipt_code.strip().upper(), Receipt.payer_index == payer)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if receipt is None:
        return None
    member = _named(session, Particulars.from_json(receipt.particulars).account)
    if member is None:
        return None
    # Only what waits because it names them was asked about; another doubt their word does not settle.
    was_asked = is_free(receipt) and receipt.match_why in NAMES_ANOTHER
    if was_asked and Status(member.status).is_open:
        owner = Owner(member.id, MatchStep.CLAIM, "the payer said that the number is right")
        receipts.allocate(session, receipt, owner, now=now)
        have_looked_again(session, receipt, now=now)
    if receipt.member_id != member.id or receipt.reversed_at is not None:
        return None
    return Confirmed(receipt.receipt, Money(receipt.amount_cents, receipt.currency), member.number)


def _named(session: Session, account: str) -> MemberRow | None:
    """The member with this number; of two memberships that were made one, the one that stayed."""
    try:
        number = MemberNumber.parse(account).digits
    except InvalidValue:
        return None
    stayed = aliased(MemberRow)
    found = session.execute(
        select(MemberRow, stayed)
        .outerjoin(stayed, stayed.id == MemberRow.merged_into)
        .where(MemberRow.number == number)
    ).first()
    return None if found is None else found[1] or found[0]
