"""From evidence of money to a credit: at most one for each receipt, whoever tells us, in whatever order."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from payments import matching
from payments.contributions import service as contributions
from payments.contributions.tables import Contribution
from payments.looking_again import have_looked_again, is_free
from payments.model import ContributionState, EvidenceChannel, MatchStep, Verdict
from payments.open_prompts import find_intent
from payments.payers import payer_index
from payments.receipts import service as receipts
from payments.receipts.model import PAYER_UNNAMED, Arrival, Meaning, Owner
from payments.receipts.tables import Receipt
from payments.receipts.unnamed import await_payer, stop_waiting
from payments.telling import tell_paid_for, tell_waiting

_SKEW = timedelta(minutes=5)
# No wallet has parts: it is other money, which is nobody's until staff have asked the wallet.
CODE_OF_A_PART = "we gave this code to a part of another payment"


class Crediting:
    """Locks are taken in one order everywhere: contribution, receipt, ledger; so nobody waits in a circle."""

    def __init__(self, pull_delay: timedelta) -> None:
        self._pull_delay = pull_delay

    def by_prompt(
        self, session: Session, contribution: Contribution, arrival: Arrival, *, now: datetime
    ) -> Meaning:
        """Money that the wallet says answers our prompt. `contribution` is locked.

        Amount and payer must be what was asked; otherwise nothing is credited.
        """
        doubt = differs_from_asked(session, contribution, arrival)
        if doubt:
            return _meaning(Verdict.MISMATCH, arrival, detail=doubt, contribution=contribution)
        if _has_proven_receipt(session, contribution, other_than=arrival.receipt):
            doubt = "the prompt was answered by another receipt"
            return _meaning(Verdict.MISMATCH, arrival, detail=doubt, contribution=contribution)
        owner = owner_by_prompt(contribution)
        recorded = receipts.record(session, arrival, owner, pull_delay=self._pull_delay, now=now)
        receipt = recorded.receipt
        if not recorded.is_new:
            doubt = _differs_from_known(receipt, arrival, contribution)
            if doubt:
                known = receipt if receipt.part_of is None else None
                return _meaning(
                    Verdict.MISMATCH, arrival, detail=doubt, contribution=contribution, receipt=known
                )
            if receipt.member_id is None:
                receipts.allocate(session, receipt, owner, now=now)
            receipt.match_step = MatchStep.PROMPT
        was_linked = contribution.receipt_id == receipt.id
        link(session, contribution, receipt, f"paid: {arrival.source}", now=now)
        verdict = verdict_on(arrival, receipt, is_new=recorded.is_new, was_linked=was_linked)
        return _meaning(verdict, arrival, contribution=contribution, receipt=receipt)

    def by_hand(self, session: Session, arrival: Arrival, *, now: datetime) -> Meaning:
        """Money that arrived without naming a prompt: it may answer one of ours, else it is matched."""
        known = receipts.find(session, arrival)
        if known is not None:
            return self._again(session, arrival, known.id, now=now)
        intent = find_intent(session, arrival)
        if intent is not None:
            why = "number and amount of an open prompt"
            owner = Owner(intent.member_id, MatchStep.MEMBER_NUMBER, why)
        else:
            owner = matching.owner_of(session, arrival)
        recorded = receipts.record(session, arrival, owner, pull_delay=self._pull_delay, now=now)
        if not recorded.is_new:
            return self._again(session, arrival, recorded.receipt.id, now=now)
        if intent is not None:
            link(session, intent, recorded.receipt, f"paid: {arrival.source}", now=now)
        if owner.why == PAYER_UNNAMED:
            await_payer(session, recorded.receipt, now=now)
        elif owner.member_id is None:
            tell_waiting(session, recorded.receipt, owner, arrival.payer, now=now)
        else:
            have_looked_again(session, recorded.receipt, now=now)
        verdict = Verdict.SUSPENSE if owner.member_id is None else Verdict.CREDITED
        return _meaning(verdict, arrival, detail=owner.why, contribution=intent, receipt=recorded.receipt)

    def _again(self, session: Session, arrival: Arrival, receipt_id: uuid.UUID, *, now: datetime) -> Meaning:
        # More evidence of a known receipt: it may disagree, and it may tell whose the money in suspense is.
        owner = None
        receipt = session.get(Receipt, receipt_id, with_for_update=True, populate_existing=True)
        assert receipt is not None
        if receipt.part_of is not None:
            return _meaning(Verdict.MISMATCH, arrival, detail=CODE_OF_A_PART)
        if receipt.amount_cents != arrival.amount.amount_cents:
            return _meaning(Verdict.MISMATCH, arrival, detail="another amount is known", receipt=receipt)
        waited = receipt.match_why == PAYER_UNNAMED
        if is_free(receipt):
            owner = matching.owner_of(session, arrival, receipt)
        receipts.learn_payer(session, receipt, arrival)
        if owner is not None and owner.member_id is None:
            receipts.still_waits(session, receipt, owner)
        if waited and owner is not None and owner.why != PAYER_UNNAMED:
            stop_waiting(session, receipt, now=now)
        if owner is not None and owner.member_id is not None:
            receipts.allocate(session, receipt, owner, now=now)
            have_looked_again(session, receipt, now=now)
            return _meaning(Verdict.CREDITED, arrival, detail=owner.why, receipt=receipt)
        if owner is not None and owner.why != PAYER_UNNAMED:
            tell_waiting(session, receipt, owner, arrival.payer, now=now)
        verdict = verdict_on(arrival, receipt, is_new=False, was_linked=True)
        return _meaning(verdict, arrival, receipt=receipt)


def link(session: Session, contribution: Contribution, receipt: Receipt, why: str, *, now: datetime) -> None:
    """Say that this money answers this prompt. Proof replaces what was only presumed before."""
    if contribution.receipt_id == receipt.id and contribution.state == ContributionState.PAID:
        return
    # The receipt may have been presumed to answer another prompt of the same member and amount.
    others = select(Contribution).where(
        Contribution.receipt_id == receipt.id, Contribution.id != contribution.id
    )
    for other in session.scalars(others.with_for_update()):
        other.receipt_id = None
        contributions.move(session, other, ContributionState.UNKNOWN, "its money answers another", now=now)
        contributions.ask_again(session, other, now=now)
    session.flush()
    contribution.receipt_id = receipt.id
    contributions.move(session, contribution, ContributionState.PAID, why, now=now)
    session.flush()
    tell_paid_for(session, contribution, receipt, now=now)


def find_receipt_for(session: Session, contribution: Contribution) -> Receipt | None:
    """Money that arrived by hand and may be the answer to a prompt the wallet calls paid.

    It may be presumed to answer another prompt that nobody calls paid: this one has the better claim. What
    the wallet took back is never presumed to answer one: then it stays unknown, for people to look at.
    """
    linked = exists(select(Contribution.id).where(Contribution.receipt_id == Receipt.id))
    claimed = exists(
        select(Contribution.id).where(Contribution.receipt_id == Receipt.id, Contribution.said_paid)
    )
    return session.scalars(
        select(Receipt)
        .where(
            Receipt.member_id == contribution.member_id,
            Receipt.wallet == contribution.wallet,
            Receipt.shortcode == contribution.shortcode,
            Receipt.amount_cents == contribution.amount_cents,
            Receipt.paid_at >= contribution.requested_at - _SKEW,
            Receipt.match_step == MatchStep.MEMBER_NUMBER,
            Receipt.reversed_at.is_(None),
            Receipt.payer_index.is_(None) | (Receipt.payer_index == contribution.payer_index),
            ~claimed,
        )
        .order_by(linked, Receipt.paid_at)
        .limit(1)
    ).first()


def owner_by_prompt(contribution: Contribution) -> Owner:
    """Whose the money is that answers a prompt."""
    return Owner(contribution.member_id, MatchStep.PROMPT, "answers our prompt")


def differs_from_asked(session: Session, contribution: Contribution, arrival: Arrival) -> str:
    """What speaks against this money being the answer to this prompt; empty when nothing does."""
    if (arrival.amount.amount_cents, arrival.amount.currency) != (
        contribution.amount_cents,
        contribution.currency,
    ):
        return "another amount than we asked for"
    payer = payer_index(session, arrival.payer, arrival.payer_hash)
    if payer is not None and payer != contribution.payer_index:
        return "another phone than we asked"
    return ""


def _differs_from_known(receipt: Receipt, arrival: Arrival, contribution: Contribution) -> str:
    if receipt.part_of is not None:
        return CODE_OF_A_PART
    if receipt.amount_cents != arrival.amount.amount_cents:
        return "another amount is known for this receipt"
    if receipt.member_id not in {None, contribution.member_id}:
        return "this receipt belongs to another member"
    if receipt.reversed_at is not None and receipt.member_id is None:
        return "this receipt was reversed"
    if receipt.staff_place is not None and receipt.member_id is None:
        return "staff decided about this receipt"
    return ""


def _has_proven_receipt(session: Session, contribution: Contribution, *, other_than: str) -> bool:
    if contribution.receipt_id is None:
        return False
    receipt = session.get(Receipt, contribution.receipt_id)
    return receipt is not None and receipt.match_step == MatchStep.PROMPT and receipt.receipt != other_than


def verdict_on(arrival: Arrival, receipt: Receipt, *, is_new: bool, was_linked: bool) -> Verdict:
    """Whether a message brought the money, backs what is known, or says again what was said."""
    if is_new:
        return Verdict.CREDITED
    same_source = receipt.source == arrival.source
    told_before = same_source or (arrival.source is EvidenceChannel.STK_CALLBACK and was_linked)
    return Verdict.DUPLICATE if told_before else Verdict.CORROBORATES


def _meaning(
    verdict: Verdict,
    arrival: Arrival,
    *,
    detail: str = "",
    contribution: Contribution | None = None,
    receipt: Receipt | None = None,
) -> Meaning:
    return Meaning(
        verdict=verdict,
        detail=detail,
        receipt_id=receipt.id if receipt else None,
        contribution_id=contribution.id if contribution else None,
        receipt=arrival.receipt,
        amount=arrival.amount,
        payer_masked=arrival.particulars.payer_masked,
    )
