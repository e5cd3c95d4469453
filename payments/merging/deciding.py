"""Maker and checker over a pair: above the limit a merge or its undoing waits for a second person."""

import uuid
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import audit
from core.reasons import REASON_CHARACTERS_MAX
from members.duplicates.model import CaseState
from members.duplicates.tables import DuplicateCaseRow
from payments.merging.carrying_out import carry_out, still_there
from payments.merging.model import PairAct, PairWish
from payments.merging.tables import PairDecision
from payments.receipts.tables import Receipt
from payments.suspense.model import DecisionState, NotPossible
from payments.suspense.second_person import hear, require_reason


def decide_pair(
    session: Session, wish: PairWish, *, maker: str, limit_cents: int, now: datetime
) -> PairDecision:
    """Carry a wish out, or keep it for a second person when more than `limit_cents` would move.

    The same key again returns the first decision and does nothing. Raises NotPossible.
    """
    case = _locked_case(session, wish.case_id)
    # After the lock: of two clicks at the same time the second finds what the first did.
    known = session.get(PairDecision, wish.key)
    if known is not None:
        return known
    require_reason(wish.reason)
    decision = _new(session, wish, case, maker=maker, now=now)
    try:
        with session.begin_nested():
            session.add(decision)
            session.flush()
    except IntegrityError as error:
        raise NotPossible("waits_already") from error
    if decision.amount_cents > limit_cents:
        _dry_run(session, decision, case, now=now)
        _note(session, decision, case, "proposed", actor=maker, reason=wish.reason, now=now)
        return decision
    carry_out(session, decision, case, now=now)
    _note(session, decision, case, "done", actor=maker, reason=wish.reason, now=now)
    return decision


def check_pair(
    session: Session, decision_id: uuid.UUID, *, checker: str, approve: bool, reason: str, now: datetime
) -> PairDecision:
    """A second person's word on a proposal. Raises NotPossible, also when the facts have changed."""
    case_id = session.scalar(select(PairDecision.case_id).where(PairDecision.id == decision_id))
    if case_id is None:
        raise NotPossible("decided_already")
    case = _locked_case(session, case_id)
    decision = session.get_one(PairDecision, decision_id, with_for_update=True, populate_existing=True)
    hear(decision, checker=checker, reason=reason, now=now)
    if approve:
        carry_out(session, decision, case, now=now)
    else:
        decision.state = DecisionState.REFUSED
        session.flush()
    outcome = "approved" if approve else "refused"
    _note(session, decision, case, outcome, actor=checker, reason=reason, now=now)
    return decision


def decisions_on(session: Session, case_id: uuid.UUID) -> list[PairDecision]:
    """Every decision about a pair, newest first."""
    return list(
        session.scalars(
            select(PairDecision)
            .where(PairDecision.case_id == case_id)
            .order_by(PairDecision.made_at.desc(), PairDecision.id.desc())
        )
    )


def _locked_case(session: Session, case_id: uuid.UUID) -> DuplicateCaseRow:
    case = session.get(DuplicateCaseRow, case_id, with_for_update=True, populate_existing=True)
    if case is None:
        raise NotPossible("no_case")
    return case


def _new(
    session: Session, wish: PairWish, case: DuplicateCaseRow, *, maker: str, now: datetime
) -> PairDecision:
    kept_id, closed_id, cents = None, None, 0
    if wish.act is PairAct.UNDO:
        merge = session.get(PairDecision, wish.undoes_id) if wish.undoes_id else None
        if merge is None or merge.case_id != case.id or merge.state != DecisionState.DONE:
            raise NotPossible("not_to_undo")
        cents = sum(receipt.amount_cents for receipt in still_there(session, merge))
    elif case.state != CaseState.OPEN:
        raise NotPossible("decided_already")
    if wish.act is PairAct.MERGE:
        if wish.kept_id not in {case.first_id, case.second_id}:
            raise NotPossible("no_member")
        kept_id = wish.kept_id
        closed_id = case.second_id if kept_id == case.first_id else case.first_id
        cents = _at_stake(session, closed_id)
    return PairDecision(
        id=wish.key,
        case_id=case.id,
        act=wish.act,
        state=DecisionState.PROPOSED,
        kept_id=kept_id,
        closed_id=closed_id,
        undoes_id=wish.undoes_id if wish.act is PairAct.UNDO else None,
        amount_cents=cents,
        reason=wish.reason[:REASON_CHARACTERS_MAX],
        maker=maker,
        made_at=now,
        moved={},
    )


def _at_stake(session: Session, member_id: uuid.UUID) -> int:
    standing = (Receipt.member_id == member_id, Receipt.reversed_at.is_(None))
    return int(session.scalar(select(func.sum(Receipt.amount_cents)).where(*standing)) or 0)


def _dry_run(session: Session, decision: PairDecision, case: DuplicateCaseRow, *, now: datetime) -> None:
    """Refuse at once what could not be done: a checker's time is for what can."""
    trial = session.begin_nested()
    carry_out(session, decision, case, now=now)
    trial.rollback()
    session.refresh(decision)
    session.refresh(case)


def _note(
    session: Session,
    decision: PairDecision,
    case: DuplicateCaseRow,
    outcome: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> None:
    """One entry for each of the two memberships: each one's story is told on its own page."""
    for member_id in (case.first_id, case.second_id):
        audit.record(
            session,
            at=now,
            actor=actor,
            action=f"duplicate.{decision.act}_{outcome}",
            subject=member_id,
            reason=reason[:REASON_CHARACTERS_MAX],
            details={
                "decision": str(decision.id),
                "case": str(case.id),
                "amount_cents": decision.amount_cents,
                "kept": str(decision.kept_id) if decision.kept_id else None,
                "closed": str(decision.closed_id) if decision.closed_id else None,
                "undoes": str(decision.undoes_id) if decision.undoes_id else None,
                "verified": decision.moved.get("verified", []),
                "maker": decision.maker,
                "checker": decision.checker,
            },
        )
