"""The payer's own word that the member number they typed is right: money that waited for it is credited."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from core.errors import InvalidValue
from core.money import Money
from members.model import Status
from members.numbers import MemberNumber
from members.tables import MemberRow
from payments.claims.tables import Claim
from payments.looking_again import have_looked_again, is_free
from payments.model import MatchStep
from payments.naming import waits_named
from payments.particulars import Particulars
from payments.receipts import service as receipts
from payments.receipts.model import NAMES_ANOTHER, Owner
from payments.receipts.tables import Receipt

# Of a phone of which more waits, several questions are open in all likelihood.
_LOOKED_AT_MAX = 20


@dataclass(frozen=True, slots=True)
class Named:
    """A payment, and the number of the member whom it names."""

    receipt: str
    amount: Money
    number: str


def confirm(session: Session, payer: str, receipt_code: str, *, now: datetime) -> Named | None:
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
    member = _named(session, receipt)
    if member is None:
        return None
    if _is_asked_about(receipt, member):
        owner = Owner(member.id, MatchStep.CLAIM, "the payer said that the number is right")
        receipts.allocate(session, receipt, owner, now=now)
        have_looked_again(session, receipt, now=now)
    if receipt.member_id != member.id or receipt.reversed_at is not None:
        return None
    return _naming(receipt, member)


def asked_about_another(session: Session, claim_id: uuid.UUID) -> Named | None:
    """What the payer of a claimed payment was asked, where it names another member than the claimant."""
    row = session.get_one(Claim, claim_id)
    receipt = session.get_one(Receipt, row.receipt_id)
    member = _named(session, receipt)
    if member is None or member.id == row.member_id or not _is_asked_about(receipt, member):
        return None
    return _naming(receipt, member)


def only_question(session: Session, payer: str) -> Named | None:
    """What the phone (a blind index) was asked, if exactly one question to it is open."""
    waiting = session.scalars(select(Receipt).where(waits_named(payer)).limit(_LOOKED_AT_MAX)).all()
    named = [(receipt, _named(session, receipt)) for receipt in waiting]
    asked = [_naming(receipt, one) for receipt, one in named if one and _is_asked_about(receipt, one)]
    return asked[0] if len(asked) == 1 and len(waiting) < _LOOKED_AT_MAX else None


def _is_asked_about(receipt: Receipt, member: MemberRow) -> bool:
    """Whether the payer was asked if this member is meant, and the money waits for their word.

    Only what waits because it names them was asked about; another doubt their word does not settle.
    """
    return is_free(receipt) and receipt.match_why in NAMES_ANOTHER and Status(member.status).is_open


def _naming(receipt: Receipt, member: MemberRow) -> Named:
    return Named(receipt.receipt, Money(receipt.amount_cents, receipt.currency), member.number)


def _named(session: Session, receipt: Receipt) -> MemberRow | None:
    """The member whose number was typed; of two memberships that were made one, the one that stayed."""
    try:
        number = MemberNumber.parse(Particulars.from_json(receipt.particulars).account).digits
    except InvalidValue:
        return None
    stayed = aliased(MemberRow)
    found = session.execute(
        select(MemberRow, stayed)
        .outerjoin(stayed, stayed.id == MemberRow.merged_into)
        .where(MemberRow.number == number)
    ).first()
    return None if found is None else found[1] or found[0]
