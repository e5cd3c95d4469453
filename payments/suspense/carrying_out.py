"""What a decision does once it may: one linked transfer, the differences it ends, before and after."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from members.model import Status
from members.tables import MemberRow
from payments.ledger import service as ledger
from payments.ledger.model import Account, AccountKind, Leg, Reason
from payments.looking_again import have_looked_again
from payments.model import BreakClass
from payments.receipts.service import name_of
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.refunds.model import PAYER_LINE
from payments.refunds.service import file_line_of
from payments.registry_postings.corrections import MOVED
from payments.registry_postings.restating import put_back_posting, withdraw
from payments.registry_postings.service import queue_if_confirmed
from payments.suspense.booking import book, unbook
from payments.suspense.model import BOOKING_ACTS, Act, DecisionState, NotPossible, Place, Share
from payments.suspense.places import Standing, has_come, move, repost, standing_of
from payments.suspense.splitting import parts_as_details, rejoin, split
from payments.suspense.tables import Decision

_DESTINATIONS = {Act.SUSPEND: Place.SUSPENSE, Act.REFUND: Place.REFUND, Act.WRITE_OFF: Place.WRITTEN_OFF}
# Where money goes, these differences end; the others stay until the next comparison says otherwise.
_ENDED_BY_MOVING = (
    BreakClass.SUSPENSE,
    BreakClass.CONFLICTING_EVIDENCE,
    BreakClass.DUPLICATE_INTENT,
)
_MOVING = (Act.MATCH, Act.SPLIT, Act.SUSPEND, Act.REFUND, Act.WRITE_OFF, Act.UNDO)
_RESOLUTIONS = {
    Act.MATCH: "staff named the member",
    Act.SPLIT: "divided among members by staff",
    Act.SUSPEND: "moved to suspense by staff",
    Act.REFUND: "to be refunded, decided by staff",
    Act.WRITE_OFF: "written off by staff",
    Act.REPOST: "told to the registry again by staff",
    Act.EXPLAIN: "explained by staff",
    Act.BOOK_COST: "booked by staff",
    Act.BOOK_BANK: "booked by staff",
}


def locked_receipt(session: Session, receipt_id: uuid.UUID | None) -> Receipt | None:
    """The receipt, and before it the payment that it is a part of: so nobody waits in a circle."""
    if receipt_id is None:
        return None
    whole_id = session.scalar(select(Receipt.part_of).where(Receipt.id == receipt_id))
    if whole_id is not None:
        session.get(Receipt, whole_id, with_for_update=True, populate_existing=True)
    return session.get(Receipt, receipt_id, with_for_update=True, populate_existing=True)


def locked_break(session: Session, break_id: uuid.UUID | None) -> Break | None:
    if break_id is None:
        return None
    return session.get(Break, break_id, with_for_update=True, populate_existing=True)


def key_of(decision_id: uuid.UUID) -> str:
    """The business key of the transfer that a decision makes."""
    return f"decision:{decision_id}"


def carry_out(session: Session, decision: Decision, *, now: datetime) -> None:
    """Do it. Raises NotPossible when the facts no longer allow it; nothing is changed then."""
    receipt = locked_receipt(session, decision.receipt_id)
    found = locked_break(session, decision.break_id)
    decision.before = _snapshot(receipt, found)
    match decision.act:
        case Act.MATCH | Act.SUSPEND | Act.REFUND:
            _move(session, decision, _known(receipt), now=now)
        case Act.SPLIT:
            _split(session, decision, _known(receipt), now=now)
        case Act.WRITE_OFF:
            _write_off(session, decision, _known(receipt), found, now=now)
        case Act.REPOST:
            before, after = repost(session, _known(receipt), now=now)
            decision.before |= {"posting": before}
            decision.after = {"posting": after}
        case Act.BOOK_COST | Act.BOOK_BANK:
            book(session, decision, found, key=key_of(decision.id), now=now)
        case Act.EXPLAIN if found is None or found.state != "open":
            raise NotPossible("not_open")
        case Act.UNDO:
            _undo(session, decision, receipt, now=now)
    decision.state, decision.done_at = DecisionState.DONE, now
    if decision.act != Act.UNDO:
        _end_differences(session, decision, found, now=now)
    session.flush()
    decision.after = {
        **_snapshot(receipt, found),
        **_payer_line(session, decision, receipt),
        **decision.after,
    }
    session.flush()
    if "borne_cents" in decision.after and receipt is not None and receipt.member_id is not None:
        # The member's savings have it: the central registry may hear of it now.
        queue_if_confirmed(session, receipt, now=now)
        # It was told before, if the fund bore this once and then not: its task is over.
        put_back_posting(session, receipt.id, receipt.member_id, now=now)


def _known(receipt: Receipt | None) -> Receipt:
    if receipt is None:
        raise NotPossible("no_receipt")
    return receipt


def _snapshot(receipt: Receipt | None, found: Break | None) -> dict[str, Any]:
    seen: dict[str, Any] = standing_of(receipt).as_details() if receipt else {}
    return seen | ({"break": found.state} if found else {})


def _payer_line(session: Session, decision: Decision, receipt: Receipt | None) -> dict[str, Any]:
    """Which line of a file named the phone to pay when this put the money to the refunds, for who asks
    whether two people knew it.
    """
    if receipt is None or standing_of(receipt).place is not Place.REFUND:
        return {}
    came = decision.before["place"] != Place.REFUND
    line = file_line_of(session, receipt) if came else None
    return {} if line is None else {PAYER_LINE: line}


def _move(session: Session, decision: Decision, receipt: Receipt, *, now: datetime) -> None:
    if decision.act == Act.MATCH:
        to = Standing(Place.MEMBER, open_member(session, decision.member_id))
    else:
        to = Standing(_DESTINATIONS[Act(decision.act)])
    move(
        session,
        receipt,
        to,
        key=key_of(decision.id),
        corrects=_last_transfer(session, decision, receipt),
        now=now,
    )
    if to.place is Place.MEMBER:
        have_looked_again(session, receipt, occasion=key_of(decision.id), now=now)


def _split(session: Session, decision: Decision, receipt: Receipt, *, now: datetime) -> None:
    shares = [Share.of_details(share) for share in decision.shares]
    for share in shares:
        open_member(session, share.member_id)
    corrects = _last_transfer(session, decision, receipt)
    parts = split(session, receipt, shares, key=key_of(decision.id), corrects=corrects, now=now)
    for part in parts:
        if part.member_id is not None:
            have_looked_again(session, part, now=now)
    decision.after = {"parts": parts_as_details(parts)}


def open_member(session: Session, member_id: uuid.UUID | None) -> uuid.UUID:
    """The id of a member who may get money. Raises NotPossible."""
    status = session.scalar(select(MemberRow.status).where(MemberRow.id == member_id))
    if status is None or member_id is None:
        raise NotPossible("no_member")
    if not Status(status).is_open:
        raise NotPossible("closed_member")
    return member_id


def _last_transfer(session: Session, decision: Decision, receipt: Receipt) -> str | None:
    """The transfer that put the money where it is: the last decision's, else the one that made the part; None
    stands for the first credit's.
    """
    last = session.scalar(
        select(Decision.id)
        .where(
            Decision.receipt_id == receipt.id,
            Decision.id != decision.id,
            Decision.state.in_((DecisionState.DONE, DecisionState.UNDONE)),
            Decision.act.in_(_MOVING),
        )
        .order_by(Decision.done_at.desc(), Decision.made_at.desc())
        .limit(1)
    )
    if last is None and receipt.part_of is not None:
        family = (Receipt.id == receipt.part_of) | (Receipt.part_of == receipt.part_of)
        last = session.scalar(
            select(Decision.id).where(
                Decision.receipt_id.in_(select(Receipt.id).where(family)),
                Decision.act == Act.SPLIT,
                Decision.after.contains({"parts": [{"id": str(receipt.id)}]}),
            )
        )
    return key_of(last) if last else None


def _write_off(
    session: Session, decision: Decision, receipt: Receipt, found: Break | None, *, now: datetime
) -> None:
    if found is None or found.state != "open":
        raise NotPossible("not_open")
    if found.break_class == BreakClass.AMOUNT_DIFFERS:
        _bear(session, decision, receipt, found, now=now)
        return
    if found.break_class != BreakClass.NOT_ON_STATEMENT:
        # Of a message that contradicts what is known nobody knows which of the two is wrong.
        raise NotPossible("not_to_write_off")
    if has_come(session, receipt):
        raise NotPossible("has_come")
    _move(session, decision, receipt, now=now)


def _bear(session: Session, decision: Decision, receipt: Receipt, found: Break, *, now: datetime) -> None:
    """The fund bears what it credited beyond what the wallet has, and did not bear yet."""
    missing_cents = (found.amount_cents or 0) - (found.other_amount_cents or 0)
    missing_cents -= _borne_cents(session, receipt)
    if missing_cents <= 0:
        raise NotPossible("wallet_has_more")
    accounts = [
        Account.of_shortcode(kind, receipt.wallet, receipt.shortcode, receipt.currency)
        for kind in (AccountKind.CHARGES, AccountKind.WALLET_FLOAT)
    ]
    ledger.post(
        session,
        key_of(decision.id),
        [Leg(accounts[0], missing_cents), Leg(accounts[1], -missing_cents)],
        reason=Reason.CORRECTION,
        occurred_at=receipt.paid_at,
        now=now,
        corrects=f"credit:{name_of(receipt)}",
    )
    decision.after = {"borne_cents": missing_cents}


def _borne_cents(session: Session, receipt: Receipt) -> int:
    """What the fund bears of this payment by decisions that were not undone: the wallet's amount may change
    again after each.
    """
    borne = select(Decision.after["borne_cents"].as_integer()).where(
        Decision.receipt_id == receipt.id,
        Decision.act == Act.WRITE_OFF,
        Decision.state == DecisionState.DONE,
        Decision.after.has_key("borne_cents"),
    )
    return sum(session.scalars(borne))


def _undo(session: Session, decision: Decision, receipt: Receipt | None, *, now: datetime) -> None:
    undone = session.get(Decision, decision.undoes_id, with_for_update=True, populate_existing=True)
    if undone is None or not undone.is_to_undo:
        raise NotPossible("not_to_undo")
    if undone.act != Act.EXPLAIN and undone.receipt_id != decision.receipt_id:
        raise NotPossible("not_to_undo")
    if undone.act == Act.WRITE_OFF and "borne_cents" in undone.after:
        _unbear(session, decision, undone, _known(receipt), now=now)
    elif undone.act in BOOKING_ACTS:
        unbook(session, undone, key=key_of(decision.id), now=now)
    elif undone.act == Act.SPLIT:
        _may_come_back(session, undone)
        rejoin(session, _known(receipt), undone, key=key_of(decision.id), now=now)
        decision.before |= {"parts": undone.after["parts"]}
    elif undone.act != Act.EXPLAIN:
        money = _known(receipt)
        if standing_of(money).as_details() != {name: undone.after[name] for name in ("place", "member_id")}:
            raise NotPossible("moved_since")
        back = _may_come_back(session, undone)
        move(session, money, back, key=key_of(decision.id), corrects=key_of(undone.id), now=now)
    undone.state = DecisionState.UNDONE
    # An explanation moved nothing: a difference that has ended by itself since does not come back.
    ended = Break.state == "settled" if undone.act == Act.EXPLAIN else Break.state != "open"
    session.execute(
        update(Break)
        .where(Break.id == undone.break_id, ended)
        .values(state="open", resolved_at=None, resolution="")
        .execution_options(synchronize_session="fetch")
    )


def _may_come_back(session: Session, undone: Decision) -> Standing:
    """Where the money was before. Raises NotPossible when it was at a membership that ended since."""
    back = Standing.of_details(undone.before)
    merged_into = session.scalar(select(MemberRow.merged_into).where(MemberRow.id == back.member_id))
    # From a membership that was merged into another, money follows to that one.
    if back.member_id is not None and merged_into is None:
        open_member(session, back.member_id)
    return back


def _unbear(
    session: Session, decision: Decision, undone: Decision, receipt: Receipt, *, now: datetime
) -> None:
    if not withdraw(session, receipt, MOVED, now=now):
        raise NotPossible("at_registry_now")
    cents = int(undone.after["borne_cents"])
    charges, wallet_float = (
        Account.of_shortcode(kind, receipt.wallet, receipt.shortcode, receipt.currency)
        for kind in (AccountKind.CHARGES, AccountKind.WALLET_FLOAT)
    )
    legs = [Leg(wallet_float, cents), Leg(charges, -cents)]
    ledger.post(
        session,
        key_of(decision.id),
        legs,
        reason=Reason.CORRECTION,
        occurred_at=receipt.paid_at,
        now=now,
        corrects=key_of(undone.id),
    )


def _end_differences(session: Session, decision: Decision, found: Break | None, *, now: datetime) -> None:
    words = _RESOLUTIONS[Act(decision.act)]
    if decision.act in _MOVING:
        # Only writing off ends the doubt whether the money ever came.
        never_came = (BreakClass.NOT_ON_STATEMENT,) if decision.act == Act.WRITE_OFF else ()
        ended = (*_ENDED_BY_MOVING, *never_came)
        session.execute(
            update(Break)
            .where(
                Break.receipt_id == decision.receipt_id,
                Break.state == "open",
                Break.break_class.in_(ended),
            )
            .values(state="resolved", resolved_at=now, resolution=words)
            .execution_options(synchronize_session="fetch")
        )
    if found is not None and found.state == "open" and decision.act in BOOKING_ACTS:
        found.state, found.resolved_at, found.resolution = "resolved", now, words
    if found is not None and found.state == "open" and decision.act in {Act.EXPLAIN, Act.WRITE_OFF}:
        # What staff understood stays settled however often the day is compared, until its amounts change.
        found.state, found.resolved_at, found.resolution = "settled", now, words
