"""Claiming money that does not show. Nothing here calls a wallet, and nothing tells whose money it is."""

import re
import uuid
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core import outbox
from core.ids import new_id
from core.money import Money
from members.model import Status
from members.tables import MemberRow
from payments.claims.fitting import why_it_fits
from payments.claims.model import (
    AlreadyYours,
    ClaimOutcome,
    ClaimState,
    ForStaff,
    NotAClaim,
    NotKnownYet,
    Offered,
)
from payments.claims.tables import Claim
from payments.ledger.model import AccountKind
from payments.ledger.tables import LedgerAccount
from payments.looking_again import have_looked_again, is_free
from payments.model import MatchStep
from payments.receipts import service as receipts
from payments.receipts.model import Owner
from payments.receipts.parts import SPLIT, part_of_member
from payments.receipts.tables import Receipt
from payments.wallet_lines.asking import ask_for_pull

# Who tries codes finds nothing: codes have ten characters or more, and these are all the tries of a day.
CLAIMS_PER_DAY_MAX = 5
_CODE = re.compile(r"[A-Z0-9][A-Z0-9.-]{4,22}[A-Z0-9]")
_DAY = timedelta(days=1)
_PULL_AFTER = timedelta(seconds=1)


def claim(session: Session, member_id: uuid.UUID, receipt_code: str, *, now: datetime) -> ClaimOutcome:
    """Look for a payment by the code of the wallet's SMS. The same claim again is the same claim; once staff
    closed it, it is begun anew.

    Offered when the payer's evidence fits the member; otherwise, and always where the membership is closed,
    a case for staff. What is not known yet is looked for in the wallet's own list.
    """
    code = receipt_code.strip().upper()
    member = session.get_one(MemberRow, member_id)
    if not _CODE.fullmatch(code):
        return NotAClaim("not_a_code")
    receipt = receipt_of(session, code)
    own = own_of(session, receipt, member_id)
    if own is not None:
        return _theirs(own)
    row = _kept(session, member_id, code, now=now)
    if row is None:
        return NotAClaim("too_many")
    return _judge(session, row, member, receipt, now=now)


def take(session: Session, claim_id: uuid.UUID, *, now: datetime) -> bool:
    """The member says that an offered payment is theirs: it is credited, told and posted. False when it is
    no longer on offer.
    """
    receipt_id = session.scalar(select(Claim.receipt_id).where(Claim.id == claim_id))
    if receipt_id is None:
        return False
    # The receipt before the claim, as `claim` has them and as staff close one.
    receipt = session.get_one(Receipt, receipt_id, with_for_update=True, populate_existing=True)
    row = session.get_one(Claim, claim_id, with_for_update=True, populate_existing=True)
    if row.state != ClaimState.OFFERED or row.receipt_id != receipt_id:
        return False
    if not is_free(receipt):
        row.state = ClaimState.STAFF
        return False
    owner = Owner(row.member_id, MatchStep.CLAIM, f"claimed: {row.why}")
    receipts.allocate(session, receipt, owner, now=now)
    have_looked_again(session, receipt, now=now)
    row.state, row.decided_at = ClaimState.TAKEN, now
    session.flush()
    return True


def shown(session: Session, member_id: uuid.UUID, receipt_code: str) -> Offered | AlreadyYours | None:
    """What a member may be shown of the money with this code: theirs, or on offer to them."""
    found = session.execute(
        select(Receipt, Claim)
        .outerjoin(Claim, (Claim.receipt_id == Receipt.id) & (Claim.member_id == member_id))
        .where(Receipt.receipt == receipt_code.strip().upper())
        .order_by(Receipt.member_id.is_not(None), Receipt.paid_at.desc())
    )
    for receipt, row in found:
        own = own_of(session, receipt, member_id)
        if own is not None:
            return _theirs(own)
        if row is not None and row.state == ClaimState.OFFERED and is_free(receipt):
            amount = Money(receipt.amount_cents, receipt.currency)
            return Offered(row.id, amount, receipt.paid_at, receipt.receipt, row.why)
    return None


def look_again(session: Session, claim_id: uuid.UUID, *, now: datetime, last: bool) -> ClaimOutcome | None:
    """Judge a waiting claim anew; `last`: then it is for staff. None when it does not wait."""
    code = session.scalar(
        select(Claim.receipt).where(Claim.id == claim_id, Claim.state == ClaimState.WAITING)
    )
    if code is None:
        return None
    # The receipt before the claim, as `claim` has them and as staff close one.
    receipt = receipt_of(session, code)
    row = session.get_one(Claim, claim_id, with_for_update=True, populate_existing=True)
    if row.state != ClaimState.WAITING:
        return None
    member = session.get_one(MemberRow, row.member_id)
    own = own_of(session, receipt, row.member_id)
    if own is not None:
        row.state, row.receipt_id, row.decided_at = ClaimState.SETTLED, own.id, now
        return _theirs(own)
    if receipt is None and last:
        row.state, row.why = ClaimState.STAFF, "no wallet lists this receipt"
        return ForStaff(row.id)
    return _judge(session, row, member, receipt, now=now)


def _judge(
    session: Session, row: Claim, member: MemberRow, receipt: Receipt | None, *, now: datetime
) -> ClaimOutcome:
    # What was theirs once and is not any more is a case again.
    row.decided_at = None
    if not Status(member.status).is_open:
        # Nothing is credited there; who writes may have a reason that only a person can hear.
        row.state, row.why = ClaimState.STAFF, "the membership is closed"
        row.receipt_id = receipt.id if receipt is not None else None
        return ForStaff(row.id)
    if receipt is None:
        if row.state == ClaimState.STAFF:
            return ForStaff(row.id)
        _look_for(session, row, now=now)
        return NotKnownYet(row.id)
    row.receipt_id = receipt.id
    fits = why_it_fits(receipt, member) if is_free(receipt) else ""
    row.state = ClaimState.OFFERED if fits else ClaimState.STAFF
    row.why = fits or _why_staff(receipt)
    session.flush()
    if not fits:
        return ForStaff(row.id)
    amount = Money(receipt.amount_cents, receipt.currency)
    return Offered(row.id, amount, receipt.paid_at, receipt.receipt, fits)


def own_of(session: Session, receipt: Receipt | None, member_id: uuid.UUID) -> Receipt | None:
    """What of a payment is the member's already: all of it, or their part; nothing once it was taken back."""
    if receipt is None or receipt.reversed_at is not None:
        return None
    if receipt.member_id == member_id:
        return receipt
    return part_of_member(session, receipt, member_id) if receipt.staff_place == SPLIT else None


def _theirs(own: Receipt) -> AlreadyYours:
    return AlreadyYours(Money(own.amount_cents, own.currency), own.receipt, own.paid_at)


def _why_staff(receipt: Receipt) -> str:
    if receipt.reversed_at is not None:
        return "the payment was reversed"
    if receipt.member_id is not None:
        return "the receipt is another member's"
    if receipt.staff_place is not None:
        return "staff decided about this receipt"
    return "the payer's evidence does not fit"


def receipt_of(session: Session, code: str) -> Receipt | None:
    """The receipt with this code, locked. Of two wallets with the same code the one in suspense is meant."""
    return session.scalars(
        select(Receipt)
        .where(Receipt.receipt == code)
        .order_by(Receipt.member_id.is_not(None), Receipt.paid_at.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def _kept(session: Session, member_id: uuid.UUID, code: str, *, now: datetime) -> Claim | None:
    same = select(Claim).where(Claim.member_id == member_id, Claim.receipt == code).with_for_update()
    known = session.scalars(same.execution_options(populate_existing=True)).first()
    if known is not None and known.state != ClaimState.SETTLED:
        return known
    recent = select(func.count()).where(Claim.member_id == member_id, Claim.claimed_at > now - _DAY)
    if (session.scalar(recent) or 0) >= CLAIMS_PER_DAY_MAX:
        return None
    if known is not None:
        # Who asks again has something to say: it is a case of today, behind those that wait already.
        known.state, known.claimed_at = ClaimState.WAITING, now
        return known
    values = {
        "id": new_id(),
        "member_id": member_id,
        "receipt": code,
        "state": ClaimState.WAITING,
        "claimed_at": now,
    }
    session.execute(insert(Claim).values(values).on_conflict_do_nothing())
    return session.scalars(same.execution_options(populate_existing=True)).one()


def _look_for(session: Session, row: Claim, *, now: datetime) -> None:
    """Read the wallets' lists that are read for this member's kind of payment, and look again after that."""
    floats = select(LedgerAccount.key).where(LedgerAccount.kind == AccountKind.WALLET_FLOAT)
    for key in session.scalars(floats).all():
        wallet, _, shortcode = key.partition(":")
        ask_for_pull(session, wallet, shortcode, delay=_PULL_AFTER, now=now)
    payload = {"claim_id": str(row.id)}
    # Of a claim that is begun anew the first looking is over.
    key = f"{row.id}:{row.claimed_at.timestamp():.0f}"
    outbox.add(session, "claim_again", key, payload, now=now, due_at=now + timedelta(seconds=30))
