"""Moving a receipt's money between a member, suspense, refunds payable and nowhere, as linked transfers."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import outbox
from payments.ledger import service as ledger
from payments.ledger.model import Account, AccountKind, Leg, Reason
from payments.model import MatchStep, PostingState
from payments.receipts.parts import was_taken_back, whole_of
from payments.receipts.service import name_of
from payments.receipts.tables import Receipt
from payments.refunds.model import RefundState, can_be_sent
from payments.refunds.service import only_a_file_tells, payer_of
from payments.refunds.tables import Refund
from payments.registry_postings.corrections import GIVEN_BACK, MOVED
from payments.registry_postings.restating import make_room, put_back_posting, restate, withdraw
from payments.registry_postings.service import queue_if_confirmed
from payments.registry_postings.tables import RegistryPosting
from payments.suspense.model import NotPossible, Place
from payments.view import is_confirmed
from payments.wallet_lines.tables import StoredLine
from payments.wallets.protocol import LineKind

_KINDS = {
    Place.SUSPENSE: AccountKind.SUSPENSE,
    Place.REFUND: AccountKind.REFUNDS_PAYABLE,
    # What the wallet never had is taken out of the float that our credit put it into.
    Place.WRITTEN_OFF: AccountKind.WALLET_FLOAT,
}
_REASONS = {
    Place.MEMBER: Reason.ALLOCATION,
    Place.SUSPENSE: Reason.CORRECTION,
    Place.REFUND: Reason.REFUND,
    Place.WRITTEN_OFF: Reason.CORRECTION,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a receipt's money stands; `member_id` only at a member."""

    place: Place
    member_id: uuid.UUID | None = None

    def as_details(self) -> dict[str, Any]:
        """For the audit trail and for putting it back: plain JSON."""
        return {"place": self.place.value, "member_id": str(self.member_id) if self.member_id else None}

    @classmethod
    def of_details(cls, details: dict[str, Any]) -> "Standing":
        member_id = details["member_id"]
        return cls(Place(details["place"]), uuid.UUID(member_id) if member_id else None)


def standing_of(receipt: Receipt) -> Standing:
    if receipt.member_id is not None:
        return Standing(Place.MEMBER, receipt.member_id)
    return Standing(Place(receipt.staff_place or Place.SUSPENSE))


def move(
    session: Session, receipt: Receipt, to: Standing, *, key: str, corrects: str | None, now: datetime
) -> None:
    """Move all of a receipt's money. `receipt` is locked. `key` names the transfer: it happens once.

    What the central registry has in the old member's name is made void there, and told anew in the new one.
    Raises NotPossible when the money is there already, was taken back by the wallet, or while the registry is
    being told of it.
    """
    here = standing_of(receipt)
    if was_taken_back(session, receipt):
        raise NotPossible("reversed")
    if here == to:
        raise NotPossible("already_there")
    if here.place in {Place.SPLIT, Place.REJOINED}:
        raise NotPossible("in_parts" if here.place is Place.SPLIT else "joined_again")
    if here.place is Place.MEMBER:
        _leave_registry(session, receipt, to, now=now)
    if here.place is Place.REFUND and _is_being_refunded(session, receipt):
        raise NotPossible("being_refunded")
    if to.place is Place.REFUND and not can_be_sent(receipt.wallet, receipt.amount_cents):
        # Only a part has cents: nobody can pay them by phone, and the wallet cannot give them back either.
        raise NotPossible("cents_not_sent")
    if to.place is Place.REFUND and receipt.part_of is not None and payer_of(session, receipt) is None:
        # Without a phone to pay to the wallet would have to reverse the payment, which it does only whole.
        raise NotPossible("part_without_payer")
    if to.place is Place.REFUND and payer_of(session, receipt) and not is_listed(session, receipt):
        # A message can be forged, and what is paid out is gone: the wallet's own list must have it. Without
        # a payer's phone the wallet itself reverses the payment, and reverses none that it does not have.
        raise NotPossible("not_confirmed")
    if to.member_id is not None and not make_room(session, receipt, to.member_id):
        raise NotPossible("at_registry_now")
    ledger.post(
        session,
        key,
        [
            Leg(account_of(receipt, here), receipt.amount_cents),
            Leg(account_of(receipt, to), -receipt.amount_cents),
        ],
        reason=_REASONS[to.place],
        # It puts right what was said of the payment: it counts for the payment's own day while that is open.
        occurred_at=receipt.paid_at,
        now=now,
        corrects=corrects or f"credit:{name_of(receipt)}",
    )
    stand(receipt, to)
    session.flush()
    if to.member_id is not None:
        tell(session, receipt, to.member_id, key, now=now)
        queue_if_confirmed(session, receipt, now=now)
        put_back_posting(session, receipt.id, to.member_id, now=now)


def stand(receipt: Receipt, standing: Standing) -> None:
    """Write down where a receipt's money is by the word of staff."""
    receipt.member_id, receipt.staff_place = standing.member_id, standing.place
    receipt.match_step = MatchStep.STAFF if standing.place is Place.MEMBER else MatchStep.SUSPENSE
    receipt.match_why = "decided by staff"


def repost(session: Session, receipt: Receipt, *, now: datetime) -> tuple[str, str]:
    """Have the central registry told again, under the same ids; the posting's state before and after.

    Raises NotPossible when nothing is to be told: the correction of what was given back is over by now, and
    what is told after it would stay for ever.
    """
    if was_taken_back(session, receipt):
        raise NotPossible("reversed")
    if receipt.member_id is None:
        raise NotPossible("no_owner")
    row = session.get(RegistryPosting, receipt.id, with_for_update=True, populate_existing=True)
    if row is None:
        queue_if_confirmed(session, receipt, now=now)
        if session.get(RegistryPosting, receipt.id) is None:
            raise NotPossible("not_confirmed")
        put_back_posting(session, receipt.id, receipt.member_id, now=now)
        return "none", PostingState.PENDING
    if row.state == PostingState.ACKNOWLEDGED:
        raise NotPossible("acknowledged")
    before = row.state
    row.state = PostingState.PENDING
    row.last_error, row.read_back_amount_cents = "", None
    session.flush()
    if not put_back_posting(session, receipt.id, row.member_id, now=now):
        outbox.wake(session, "post", [str(receipt.id)], now=now)
    return before, row.state


def account_of(receipt: Receipt, standing: Standing) -> Account:
    """The account that holds a receipt's money when it stands so."""
    if standing.member_id is not None:
        return Account.of_member(standing.member_id, receipt.currency)
    return Account.of_shortcode(_KINDS[standing.place], receipt.wallet, receipt.shortcode, receipt.currency)


def _is_being_refunded(session: Session, receipt: Receipt) -> bool:
    """Whether a payout was begun. Refunds are opened under the receipt's lock, which the caller holds."""
    begun = select(Refund.id).where(Refund.receipt_id == receipt.id, Refund.state != RefundState.FAILED)
    return session.scalar(begun) is not None


def is_listed(session: Session, receipt: Receipt) -> bool:
    """Whether the wallet's own list has it, with its amount."""
    return bool(session.scalar(select(is_confirmed()).select_from(Receipt).where(Receipt.id == receipt.id)))


def has_come(session: Session, receipt: Receipt) -> bool:
    """Whether the wallet's own list has a credit by this code, of whatever amount.

    Of a payment that only a file told of, the file proves nothing.
    """
    if only_a_file_tells(session, receipt):
        return False
    line = select(StoredLine.id).where(
        StoredLine.wallet == receipt.wallet,
        StoredLine.shortcode == receipt.shortcode,
        StoredLine.receipt == whole_of(session, receipt).receipt,
        StoredLine.kind == LineKind.CREDIT,
    )
    return session.scalar(line.limit(1)) is not None


def _leave_registry(session: Session, receipt: Receipt, to: Standing, *, now: datetime) -> None:
    """Have the registry count it no more for its member. Raises NotPossible while it is being told, and where
    it holds another amount than it was told.
    """
    if to.member_id is not None:
        is_left = restate(session, receipt, to.member_id, MOVED, now=now)
    else:
        why = GIVEN_BACK if to.place is Place.REFUND else MOVED
        is_left = withdraw(session, receipt, why, now=now)
    if not is_left:
        row = session.get(RegistryPosting, receipt.id)
        is_rejected = row is not None and row.state == PostingState.REJECTED
        raise NotPossible("at_registry" if is_rejected else "at_registry_now")


def tell(
    session: Session,
    receipt: Receipt,
    member_id: uuid.UUID,
    key: str,
    *,
    template: str = "receipt",
    now: datetime,
) -> None:
    """Say once, by `template`, what a decision did to a member's savings; `key` is its transfer's."""
    # Keyed by the decision: another member may have been told of this receipt before.
    values = {
        "amount_cents": receipt.amount_cents,
        "balance_cents": ledger.savings(session, member_id, receipt.currency).amount_cents,
        "currency": receipt.currency,
        "receipt": receipt.receipt,
        "wallet": receipt.wallet,
        "as_of": now.isoformat(),
    }
    payload = {"template": template, "member_id": str(member_id), "values": values}
    occasion = key if receipt.part_of is None else f"{key}:{receipt.id}"
    outbox.add(session, "message", f"{template}:{occasion}", payload, now=now)
