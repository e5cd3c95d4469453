"""Making two memberships one, and two again: status, receipts, ledger and registry together."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from members.duplicates.doubt import end_doubt
from members.duplicates.model import CaseState
from members.duplicates.tables import DuplicateCaseRow
from members.enrolments import tell_standing
from members.model import Status
from members.tables import MemberRow
from payments.contributions.tables import Contribution
from payments.ledger import service as ledger
from payments.ledger.model import Account, Leg, Reason
from payments.merging.model import PairAct
from payments.merging.tables import PairDecision
from payments.merging.telling import tell_merged, tell_undone
from payments.plans.service import stop_plan
from payments.receipts.service import name_of
from payments.receipts.tables import Receipt
from payments.registry_postings.corrections import MERGED
from payments.registry_postings.restating import restate
from payments.registry_postings.service import queue_if_confirmed
from payments.suspense.model import DecisionState, NotPossible


def carry_out(session: Session, decision: PairDecision, case: DuplicateCaseRow, *, now: datetime) -> None:
    """Do it. `case` is locked. Raises NotPossible when the facts do not allow it; nothing is changed then."""
    match PairAct(decision.act):
        case PairAct.MERGE:
            _merge(session, decision, now=now)
            state = CaseState.MERGED
        case PairAct.UNDO:
            _undo(session, decision, now=now)
            state = CaseState.OPEN
        case PairAct.DIFFERENT:
            state = CaseState.DIFFERENT
    case.state = state
    case.settled_at = None if state is CaseState.OPEN else now
    decision.state, decision.done_at = DecisionState.DONE, now
    session.flush()
    if state is not CaseState.OPEN:
        _end_doubts(session, decision, case, now=now)


def take_over(session: Session, merge: PairDecision, *, now: datetime) -> int:
    """Move what stands in the name of the closed membership to the one that stayed; returns what could not.

    Also what came to it since: a payment that was under way as the merge was made. Locks are taken in the
    order of everybody who moves money: contributions, receipts, ledger.
    """
    assert merge.kept_id is not None
    asked = session.scalars(
        select(Contribution)
        .where(Contribution.member_id == merge.closed_id)
        .order_by(Contribution.id)
        .with_for_update()
    ).all()
    receipts = session.scalars(
        select(Receipt)
        .where(Receipt.member_id == merge.closed_id, Receipt.reversed_at.is_(None))
        .order_by(Receipt.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    kept = merge.kept_id
    keyed = [(one, _key(merge, one, _times(merge, one))) for one in receipts]
    moved = [receipt for receipt, key in keyed if _move(session, receipt, kept, key, now=now)]
    for contribution in asked:
        contribution.member_id = kept
    known = merge.moved
    merge.moved = known | {
        "receipts": [*known.get("receipts", []), *(str(receipt.id) for receipt in moved)],
        "contributions": [*known.get("contributions", []), *(str(one.id) for one in asked)],
    }
    session.flush()
    return len(receipts) - len(moved)


def _merge(session: Session, decision: PairDecision, *, now: datetime) -> None:
    if take_over(session, decision, now=now):
        raise NotPossible("at_registry_now")
    kept, closed = _both(session, decision)
    if not Status(kept.status).is_open or not Status(closed.status).is_open:
        raise NotPossible("closed_member")
    if session.scalar(select(MemberRow.id).where(MemberRow.merged_into == closed.id).limit(1)):
        raise NotPossible("has_others")
    decision.moved = decision.moved | {"status": closed.status}
    closed.status, closed.merged_into = Status.CLOSED, kept.id
    stop_plan(session, closed.id, now=now)
    session.flush()
    tell_standing(session, closed, now=now)
    tell_merged(session, decision, kept, closed, now=now)


def _end_doubts(session: Session, decision: PairDecision, case: DuplicateCaseRow, *, now: datetime) -> None:
    """Who waited for review only because of this likeness waits no longer."""
    verified = [
        str(member_id)
        for member_id in (case.first_id, case.second_id)
        if end_doubt(session, member_id, decision.id, now=now)
    ]
    decision.moved = decision.moved | {"verified": verified}
    session.flush()


def _undo(session: Session, decision: PairDecision, *, now: datetime) -> None:
    merge = session.get(PairDecision, decision.undoes_id, with_for_update=True, populate_existing=True)
    if merge is None or merge.act != PairAct.MERGE or merge.state != DecisionState.DONE:
        raise NotPossible("not_to_undo")
    assert merge.closed_id is not None
    asked = session.scalars(
        select(Contribution)
        .where(Contribution.id.in_(_ids(merge, "contributions")), Contribution.member_id == merge.kept_id)
        .order_by(Contribution.id)
        .with_for_update()
    ).all()
    # What was refunded, reversed or given to somebody else since stays where it is now.
    for receipt in still_there(session, merge):
        if not _move(session, receipt, merge.closed_id, _key(decision, receipt), now=now, merge=merge):
            raise NotPossible("at_registry_now")
    for contribution in asked:
        contribution.member_id = merge.closed_id
    kept, closed = _both(session, merge)
    closed.merged_into, closed.status = None, merge.moved["status"]
    if str(kept.id) in merge.moved.get("verified", []) and kept.status == Status.ACTIVE:
        kept.status = Status.NEEDS_REVIEW
    merge.state = DecisionState.UNDONE
    session.flush()
    tell_standing(session, closed, now=now)
    tell_undone(session, decision, kept, closed, now=now)


def still_there(session: Session, merge: PairDecision) -> Sequence[Receipt]:
    """What the merge took over and the membership that stayed still has, locked."""
    return session.scalars(
        select(Receipt)
        .where(
            Receipt.id.in_(_ids(merge, "receipts")),
            Receipt.member_id == merge.kept_id,
            Receipt.reversed_at.is_(None),
        )
        .order_by(Receipt.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _move(
    session: Session,
    receipt: Receipt,
    to: uuid.UUID,
    key: str,
    *,
    now: datetime,
    merge: PairDecision | None = None,
) -> bool:
    """One linked transfer. False while the registry is being told of the receipt."""
    assert receipt.member_id is not None
    if not restate(session, receipt, to, MERGED, now=now):
        return False
    ledger.post(
        session,
        key,
        [
            Leg(Account.of_member(receipt.member_id, receipt.currency), receipt.amount_cents),
            Leg(Account.of_member(to, receipt.currency), -receipt.amount_cents),
        ],
        reason=Reason.CORRECTION,
        # Members' savings taken together stay the same: no day that is closed counts otherwise than before.
        occurred_at=now,
        now=now,
        corrects=_key(merge, receipt, _times(merge, receipt) - 1) if merge else f"credit:{name_of(receipt)}",
    )
    receipt.member_id = to
    session.flush()
    queue_if_confirmed(session, receipt, now=now)
    return True


def _key(decision: PairDecision, receipt: Receipt, times: int = 0) -> str:
    """The business key of the transfer that a decision makes for a receipt moved so many times before."""
    return f"pair:{decision.id}:{receipt.id}:{times}" if times else f"pair:{decision.id}:{receipt.id}"


def _times(merge: PairDecision, receipt: Receipt) -> int:
    """How often a merge moved a receipt: money may come back to the closed membership and follow again."""
    moved: list[str] = merge.moved.get("receipts", [])
    return moved.count(str(receipt.id))


def _ids(merge: PairDecision, name: str) -> list[uuid.UUID]:
    return [uuid.UUID(one) for one in merge.moved.get(name, [])]


def _both(session: Session, merge: PairDecision) -> tuple[MemberRow, MemberRow]:
    """The membership that stays and the one that is closed, locked in one order for everybody."""
    rows = {
        row.id: row
        for row in session.scalars(
            select(MemberRow)
            .where(MemberRow.id.in_((merge.kept_id, merge.closed_id)))
            .order_by(MemberRow.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    }
    assert merge.kept_id is not None
    assert merge.closed_id is not None
    return rows[merge.kept_id], rows[merge.closed_id]
