"""How the giving back of a payment stands, and its steps: decided or asked for, sent, paid, told."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from payments.receipts.tables import Receipt
from payments.refunds.model import REFUND_PLACE, RefundState
from payments.refunds.tables import Refund
from payments.registry_postings.corrections import TOLD_ANEW, CorrectionState
from payments.registry_postings.tables import RegistryCorrection
from payments.suspense.model import Act, DecisionState
from payments.suspense.tables import Decision


class GivingBack(StrEnum):
    """WAITING: decided, and not begun. ON_ITS_WAY: begun, and its end is not known."""

    WAITING = "refund_waiting"
    ON_ITS_WAY = "refund_on_its_way"
    PAID = "refunded"
    FAILED = "refund_failed"

    @property
    def is_final(self) -> bool:
        """Whether the money can no longer be called back."""
        return self in {GivingBack.ON_ITS_WAY, GivingBack.PAID}


class BackStep(StrEnum):
    """What happens to a payment that is given back. The last three are about the central registry."""

    DECIDED = "refund_decided"
    ASKED = "refund_asked"
    SENT = "refund_sent"
    PAID = "refunded"
    FAILED = "refund_failed"
    TOLD = "correction_told"
    CONFIRMED = "correction_confirmed"
    REFUSED = "correction_refused"


@dataclass(frozen=True, slots=True)
class GivenBack:
    """How it stands and since when, and who had the money before, if anybody."""

    stands: GivingBack
    since: datetime
    member_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class BackWay:
    """The steps that were made, and those that are still ahead."""

    steps: Sequence["StepMade"]
    ahead: Sequence[BackStep]


@dataclass(frozen=True, slots=True)
class StepMade:
    """One step, when, and what the wallet said of it."""

    state: BackStep
    at: datetime
    why: str = ""


def given_back(session: Session, receipt: Receipt) -> GivenBack | None:
    """How its giving back stands; None for money that is not given back."""
    return given_back_of(session, [receipt]).get(receipt.id)


def given_back_of(session: Session, receipts: Iterable[Receipt]) -> Mapping[uuid.UUID, GivenBack]:
    """The same for many, by the ids of those that are given back."""
    known = {receipt.id: receipt for receipt in receipts}
    refunds, decisions = _refunds(session, known), _decisions(session, known)
    found = {}
    for receipt_id, receipt in known.items():
        stands = _standing(receipt, refunds.get(receipt_id, ()), decisions.get(receipt_id, ()))
        if stands is not None:
            found[receipt_id] = stands
    return found


def way_back(session: Session, receipt: Receipt) -> BackWay:
    """What happened on its way back, and what is still to happen; empty for money that stays."""
    refunds = _refunds(session, [receipt.id]).get(receipt.id, ())
    decisions = _decisions(session, [receipt.id]).get(receipt.id, ())
    stands = _standing(receipt, refunds, decisions)
    steps = [step for refund in refunds for step in _steps_of(refund, decisions)]
    ahead: list[BackStep] = []
    if stands is not None and stands.stands is GivingBack.WAITING:
        steps.append(StepMade(BackStep.DECIDED, stands.since))
    if stands is not None and stands.stands in {GivingBack.WAITING, GivingBack.ON_ITS_WAY}:
        is_sent = any(each.sent_at for each in refunds if each.state != RefundState.FAILED)
        ahead += [BackStep.PAID] if is_sent else [BackStep.SENT, BackStep.PAID]
    told = session.scalars(
        select(RegistryCorrection)
        .where(RegistryCorrection.receipt_id == receipt.id, RegistryCorrection.why.not_in(TOLD_ANEW))
        .order_by(RegistryCorrection.created_at)
    )
    for correction in told:
        steps += _steps_at_the_registry(correction)
        ahead += _ahead_at_the_registry(correction)
    return BackWay(sorted(steps, key=lambda step: step.at), ahead)


def _refunds(session: Session, receipt_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Refund]]:
    found: dict[uuid.UUID, list[Refund]] = {}
    query = select(Refund).where(Refund.receipt_id.in_(receipt_ids)).order_by(Refund.asked_at, Refund.id)
    for refund in session.scalars(query):
        found.setdefault(refund.receipt_id, []).append(refund)
    return found


def _decisions(session: Session, receipt_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Decision]]:
    """What staff decided to give back, with what they undid since: a refund may have begun and failed."""
    found: dict[uuid.UUID, list[Decision]] = {}
    decisions = session.scalars(
        select(Decision)
        .where(
            Decision.receipt_id.in_(receipt_ids),
            Decision.act == Act.REFUND,
            Decision.state.in_((DecisionState.DONE, DecisionState.UNDONE)),
        )
        .order_by(Decision.done_at, Decision.id)
    )
    for decision in decisions:
        if decision.receipt_id is not None:
            found.setdefault(decision.receipt_id, []).append(decision)
    return found


def _standing(receipt: Receipt, refunds: Sequence[Refund], decisions: Sequence[Decision]) -> GivenBack | None:
    is_payable = receipt.member_id is None and receipt.staff_place == REFUND_PLACE
    last = next((each for each in refunds if each.state == RefundState.PAID), None)
    if last is None:
        if not is_payable or receipt.reversed_at is not None:
            return None
        last = next((each for each in refunds if each.state != RefundState.FAILED), None)
        last = last or (refunds[-1] if refunds else None)
    decision = decisions[-1] if decisions else None
    if decision is not None and decision.done_at is not None and _is_newer(decision, last):
        return GivenBack(GivingBack.WAITING, decision.done_at, _before(decision))
    if last is None:
        return None
    stands = {RefundState.PAID: GivingBack.PAID, RefundState.FAILED: GivingBack.FAILED}
    member_id = last.member_id or _before(_behind(last, decisions))
    since = last.finished_at or last.sent_at or last.asked_at
    return GivenBack(stands.get(RefundState(last.state), GivingBack.ON_ITS_WAY), since, member_id)


def _is_newer(decision: Decision, last: Refund | None) -> bool:
    """Whether a refund is still to be opened for it: as `refunds.service.open_decided` chooses."""
    if decision.state != DecisionState.DONE or decision.done_at is None:
        return False
    if last is None:
        return True
    return last.state == RefundState.FAILED and bool(last.finished_at and decision.done_at > last.finished_at)


def _before(decision: Decision | None) -> uuid.UUID | None:
    member_id = decision.before.get("member_id") if decision is not None else None
    return uuid.UUID(member_id) if member_id else None


def _behind(refund: Refund, decisions: Sequence[Decision]) -> Decision | None:
    """The decision that a refund was opened for; None for one that the member asked for."""
    if refund.member_id is not None:
        return None
    earlier = [each for each in decisions if each.done_at is not None and each.done_at <= refund.asked_at]
    return earlier[-1] if earlier else None


def _steps_of(refund: Refund, decisions: Sequence[Decision]) -> list[StepMade]:
    decision = _behind(refund, decisions)
    begun = BackStep.DECIDED if refund.member_id is None else BackStep.ASKED
    steps = [StepMade(begun, (decision.done_at if decision else None) or refund.asked_at)]
    if refund.sent_at is not None:
        steps.append(StepMade(BackStep.SENT, refund.sent_at))
    if refund.finished_at is not None and refund.state == RefundState.PAID:
        steps.append(StepMade(BackStep.PAID, refund.finished_at, refund.payout_receipt or ""))
    elif refund.finished_at is not None and refund.state == RefundState.FAILED:
        steps.append(StepMade(BackStep.FAILED, refund.finished_at, refund.result_text))
    return steps


def _steps_at_the_registry(correction: RegistryCorrection) -> list[StepMade]:
    times = ((BackStep.TOLD, correction.posted_at), (BackStep.CONFIRMED, correction.acknowledged_at))
    return [StepMade(step, at) for step, at in times if at is not None]


def _ahead_at_the_registry(correction: RegistryCorrection) -> list[BackStep]:
    match correction.state:
        case CorrectionState.PENDING:
            return [BackStep.TOLD, BackStep.CONFIRMED]
        case CorrectionState.POSTED:
            return [BackStep.CONFIRMED]
        case CorrectionState.REJECTED:
            return [BackStep.REFUSED]
        case _:
            return []
