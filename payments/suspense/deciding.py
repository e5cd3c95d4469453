"""Maker and checker: a decision above the limit waits for a second person; each is audited, each once."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import audit
from core.phone import PhoneNumber
from core.reasons import REASON_CHARACTERS_MAX
from payments.receipts.parts import whole_of
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.refunds.service import a_file_decides, named_by_a_file
from payments.suspense.carrying_out import carry_out, locked_break, locked_receipt, open_member
from payments.suspense.model import BOOKING_ACTS, Act, DecisionState, NotPossible, Place, Wish
from payments.suspense.second_person import hear, require_reason
from payments.suspense.splitting import check_shares
from payments.suspense.tables import Decision


def decide(session: Session, wish: Wish, *, maker: str, limit_cents: int, now: datetime) -> Decision:
    """Carry a wish out, or keep it for a second person: when it is about more than `limit_cents`, or gives
    back what hangs on a statement file alone.

    The same key again returns the first decision and does nothing. Raises NotPossible.
    """
    # The receipt before the difference, as whoever carries a decision out: nobody waits in a circle.
    receipt = locked_receipt(session, wish.receipt_id or _receipt_of(session, wish.break_id))
    found = locked_break(session, wish.break_id)
    # After the locks: of two clicks at the same time the second finds what the first did.
    known = session.get(Decision, wish.key)
    if known is not None:
        return known
    require_reason(wish.reason)
    if receipt is None and found is None:
        raise NotPossible("no_subject")
    if wish.act == Act.MATCH:
        open_member(session, wish.member_id)
    if wish.act == Act.SPLIT and receipt is not None:
        check_shares(receipt.amount_cents, wish.shares)
    decision = _new(session, wish, receipt, found, maker=maker, now=now)
    try:
        with session.begin_nested():
            session.add(decision)
            session.flush()
    except IntegrityError as error:
        raise NotPossible("waits_already") from error
    if _needs_second(session, decision, receipt, limit_cents=limit_cents):
        _dry_run(session, decision, now=now)
        _note(session, decision, "proposed", actor=maker, reason=wish.reason, now=now)
        return decision
    carry_out(session, decision, now=now)
    _note(session, decision, "done", actor=maker, reason=wish.reason, now=now)
    return decision


def check(
    session: Session, decision_id: uuid.UUID, *, checker: str, approve: bool, reason: str, now: datetime
) -> Decision:
    """A second person's word on a proposal. Raises NotPossible, also when the facts have changed."""
    decision = session.get(Decision, decision_id, with_for_update=True, populate_existing=True)
    if decision is None:
        raise NotPossible("decided_already")
    hear(decision, checker=checker, reason=reason, now=now)
    if approve:
        carry_out(session, decision, now=now)
    else:
        decision.state = DecisionState.REFUSED
        session.flush()
    _note(session, decision, "approved" if approve else "refused", actor=checker, reason=reason, now=now)
    return decision


def _needs_second(session: Session, decision: Decision, receipt: Receipt | None, *, limit_cents: int) -> bool:
    if receipt is not None and _gives_back(session, decision) and a_file_decides(session, receipt):
        # Whoever hands in a file could have written it: one person alone must not have it paid out.
        return True
    at_stake = max(decision.amount_cents, stake_of(session, receipt) if receipt else 0)
    return at_stake > limit_cents and decision.act != Act.REPOST


def stake_of(session: Session, receipt: Receipt) -> int:
    """How many cents a decision about a receipt is about: of a part, all of the payment.

    What two people divided could otherwise be moved by one, part by part.
    """
    return whole_of(session, receipt).amount_cents


def _gives_back(session: Session, decision: Decision) -> bool:
    """Whether it puts money to the refunds: by itself, or by undoing what took it from there."""
    if decision.act != Act.UNDO:
        return decision.act == Act.REFUND
    undone = session.get_one(Decision, decision.undoes_id)
    return undone.before.get("place") == Place.REFUND != undone.after.get("place")


def _receipt_of(session: Session, break_id: uuid.UUID | None) -> uuid.UUID | None:
    return session.scalar(select(Break.receipt_id).where(Break.id == break_id))


def _new(
    session: Session,
    wish: Wish,
    receipt: Receipt | None,
    found: Break | None,
    *,
    maker: str,
    now: datetime,
) -> Decision:
    undone = _undone_by(session, wish, receipt, found)
    about = receipt or found
    assert about is not None
    return Decision(
        id=wish.key,
        act=wish.act,
        state=DecisionState.PROPOSED,
        wallet=about.wallet,
        shortcode=about.shortcode,
        receipt_id=receipt.id if receipt else None,
        break_id=found.id if found else (undone.break_id if undone else None),
        member_id=wish.member_id if wish.act == Act.MATCH else None,
        undoes_id=undone.id if undone else None,
        amount_cents=max(_at_stake(receipt, found), undone.amount_cents if undone else 0),
        shares=[share.as_details() for share in wish.shares],
        reason=wish.reason[:REASON_CHARACTERS_MAX],
        maker=maker,
        made_at=now,
        before={},
        after={},
    )


def _undone_by(session: Session, wish: Wish, receipt: Receipt | None, found: Break | None) -> Decision | None:
    """What a wish undoes: a decision about the same money or, if it explained or booked, the same difference.

    A large one would otherwise be undone in the name of something small, without a second person.
    """
    if wish.act != Act.UNDO:
        return None
    undone = session.get(Decision, wish.undoes_id) if wish.undoes_id else None
    if undone is None:
        raise NotPossible("not_to_undo")
    is_same_money = receipt is not None and undone.receipt_id == receipt.id
    is_of_break = undone.act in {Act.EXPLAIN, *BOOKING_ACTS}
    is_same_break = is_of_break and found is not None and undone.break_id == found.id
    if not (is_same_money or is_same_break):
        raise NotPossible("not_to_undo")
    return undone


def _at_stake(receipt: Receipt | None, found: Break | None) -> int:
    amounts = [receipt.amount_cents] if receipt else []
    amounts += [found.amount_cents or 0, found.other_amount_cents or 0] if found else []
    return max(abs(cents) for cents in amounts)


def _dry_run(session: Session, decision: Decision, *, now: datetime) -> None:
    """Refuse at once what could not be done: a checker's time is for what can."""
    trial = session.begin_nested()
    carry_out(session, decision, now=now)
    trial.rollback()
    session.refresh(decision)


def _note(
    session: Session, decision: Decision, outcome: str, *, actor: str, reason: str, now: datetime
) -> None:
    audit.record(
        session,
        at=now,
        actor=actor,
        action=f"decision.{outcome}",
        subject=decision.receipt_id or decision.break_id or decision.id,
        reason=reason[:REASON_CHARACTERS_MAX],
        details={
            "decision": str(decision.id),
            "act": decision.act,
            "amount_cents": decision.amount_cents,
            "maker": decision.maker,
            "checker": decision.checker,
            "member": str(decision.member_id) if decision.member_id else None,
            "shares": decision.shares,
            "before": decision.before,
            "after": decision.after,
        },
    )


def decisions_about(
    session: Session, *, receipt_id: uuid.UUID | None, break_id: uuid.UUID | None
) -> list[Decision]:
    """Every decision about a receipt or a difference, newest first."""
    about = [Decision.receipt_id == receipt_id] if receipt_id else []
    about += [Decision.break_id == break_id] if break_id else []
    condition = about[0] if len(about) == 1 else about[0] | about[1]
    return list(
        session.scalars(
            select(Decision).where(condition).order_by(Decision.made_at.desc(), Decision.id.desc())
        )
    )


def waiting(session: Session, limit: int = 100) -> list[Decision]:
    """Proposals that wait for a second person, oldest first."""
    return list(
        session.scalars(
            select(Decision)
            .where(Decision.state == DecisionState.PROPOSED)
            .order_by(Decision.made_at, Decision.id)
            .limit(limit)
        )
    )


def named_by_files(session: Session, proposals: Iterable[Decision]) -> dict[uuid.UUID, PhoneNumber]:
    """By proposal, the phone that money would be paid out to, where only a statement file names it."""
    phones: dict[uuid.UUID, PhoneNumber] = {}
    for proposal in proposals:
        receipt = session.get(Receipt, proposal.receipt_id) if proposal.receipt_id else None
        phone = named_by_a_file(session, receipt) if receipt and _gives_back(session, proposal) else None
        if phone is not None:
            phones[proposal.id] = phone
    return phones
