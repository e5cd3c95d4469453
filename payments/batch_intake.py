"""Many stored messages understood together: the ordinary ones, by a few statements in one transaction.

Ordinary are a paid prompt's callback with a new receipt, a confirmation of money that is known, and money
paid to a member's number. What is not ordinary is left for `Intake`, which knows everything.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Sessions, vault_of
from core.outbox import Task
from payments import matching
from payments.contributions import service as contributions
from payments.contributions.tables import Contribution
from payments.crediting import differs_from_asked, owner_by_prompt, verdict_on
from payments.evidence.tables import BODY_PLACE
from payments.intake import (
    ALERT_AT_ATTEMPT,
    ONE_PAYMENT_CENTS_MAX,
    arrival_of,
    hand_arrival,
    reading_of,
    write_verdicts,
)
from payments.model import EvidenceChannel, Verdict
from payments.payers import payer_index
from payments.receipts import service as receipts
from payments.receipts.model import Arrival, Meaning, Owner
from payments.receipts.tables import Receipt
from payments.wallet_lines.float_watch import watch
from payments.wallets.protocol import Fate, HandPayment, PromptResult, UnreadableMessage, Wallet

# Wallet, shortcode and receipt: what makes money one.
_Name = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Told:
    """A message with what its wallet reads in it."""

    evidence_id: uuid.UUID
    reference: str
    wallet: Wallet
    received_at: datetime


@dataclass(frozen=True, slots=True)
class _Answer:
    """A message that a prompt of ours was paid."""

    told: _Told
    prompt: Contribution
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class _Hand:
    """A message about a payment by hand."""

    told: _Told
    payment: HandPayment
    arrival: Arrival


@dataclass(slots=True)
class _Batch:
    """What was read, and what was found out so far."""

    prompts: list[tuple[_Told, PromptResult]] = field(default_factory=list)
    hands: list[tuple[_Told, HandPayment]] = field(default_factory=list)
    over: set[uuid.UUID] = field(default_factory=set)
    meanings: dict[uuid.UUID, Meaning] = field(default_factory=dict)


class BatchIntake:
    """Understands what is ordinary among `evidence` tasks. Once credited, never again: the database decides.

    Locks are taken in the order of `Crediting`: contributions, receipts, ledger.
    """

    def __init__(
        self, sessions: Sessions, wallets: Mapping[str, Wallet], clock: Clock, *, pull_delay: timedelta
    ) -> None:
        self._sessions = sessions
        self._wallets = wallets
        self._clock = clock
        self._pull_delay = pull_delay

    def run(self, tasks: Sequence[Task]) -> list[Task]:
        """Work tasks together; returns those that were left. When it raises, nothing was done."""
        wanted = {
            uuid.UUID(task.payload["evidence_id"]): task for task in tasks if task.attempt < ALERT_AT_ATTEMPT
        }
        now = self._clock.now()
        with self._sessions.begin() as session:
            batch = self._read(session, list(wanted))
            self._credit(session, batch, now)
            write_verdicts(session, batch.meanings, now=now)
        done = {wanted[id_].id for id_ in batch.over | batch.meanings.keys()}
        return [task for task in tasks if task.id not in done]

    def _read(self, session: Session, ids: Sequence[uuid.UUID]) -> _Batch:
        batch, vault = _Batch(), vault_of(session)
        for row in session.connection().exec_driver_sql(_LOCK_MESSAGES, {"ids": ids}):
            wallet = self._wallets.get(row.wallet)
            if row.is_over:
                batch.over.add(row.id)
            elif wallet is not None:
                told = _Told(row.id, row.reference, wallet, row.received_at)
                try:
                    _sort(batch, told, row.channel, vault.open(BODY_PLACE, row.body))
                except UnreadableMessage:
                    continue
        return batch

    def _credit(self, session: Session, batch: _Batch, now: datetime) -> None:
        answers = _answers(session, batch)
        hands = [_Hand(told, payment, hand_arrival(payment, told.wallet)) for told, payment in batch.hands]
        hands.sort(key=lambda hand: _name(hand.arrival))
        known = _known(session, [hand.arrival for hand in hands])
        # What answers a prompt here is credited by that, and confirmed afterwards.
        met = known.keys() | answers.keys()
        new = {_name(hand.arrival): hand for hand in hands if _name(hand.arrival) not in met}
        owners = matching.owners_by_number(session, [hand.arrival for hand in new.values()])
        owned = {name: (answer.arrival, owner_by_prompt(answer.prompt)) for name, answer in answers.items()}
        owned |= {name: (new[name].arrival, owner) for name, owner in owners.items()}
        # Together: between two the balances of the first would be held while the second waits for a receipt.
        recorded = self._record(session, owned, now)
        links = {}
        for name in answers.keys() & recorded.keys():
            answer, receipt_id = answers[name], recorded[name]
            links[answer.prompt.id] = receipt_id
            batch.meanings[answer.told.evidence_id] = _credited(answer.arrival, receipt_id, answer.prompt.id)
        contributions.mark_paid(session, links, f"paid: {EvidenceChannel.STK_CALLBACK}", now=now)
        for name in owners.keys() & recorded.keys():
            evidence_id, why = new[name].told.evidence_id, owners[name].why
            batch.meanings[evidence_id] = _credited(new[name].arrival, recorded[name], detail=why)
        known |= _these(session, [recorded[name] for name in answers.keys() & recorded.keys()])
        _confirm(session, batch, hands, known, now=now)

    def _record(
        self, session: Session, owned: Mapping[_Name, tuple[Arrival, Owner]], now: datetime
    ) -> dict[_Name, uuid.UUID]:
        """The new receipts; what somebody else recorded meanwhile is not among them."""
        if not owned:
            return {}
        names = sorted(owned)
        ids = receipts.record_many(
            session, [owned[name] for name in names], pull_delay=self._pull_delay, now=now
        )
        return {name: id_ for name, id_ in zip(names, ids, strict=True) if id_ is not None}


def _answers(session: Session, batch: _Batch) -> dict[_Name, _Answer]:
    """The prompts of ours that are answered, locked; each once, and each receipt is of one: more is not
    ordinary.
    """
    found = _asked(session, [result.checkout_id for _, result in batch.prompts])
    answers: dict[_Name, _Answer] = {}
    for told, result in batch.prompts:
        prompt = found.pop((told.wallet.name, result.checkout_id), None)
        if prompt is None or result.receipt is None or not _is_plain(told, prompt):
            continue
        source = EvidenceChannel.STK_CALLBACK
        arrival = arrival_of(result, result.receipt, prompt, source=source, seen_at=told.received_at)
        if not differs_from_asked(session, prompt, arrival):
            answers.setdefault(_name(arrival), _Answer(told, prompt, arrival))
    return answers


def _confirm(
    session: Session, batch: _Batch, hands: Sequence[_Hand], known: Mapping[_Name, Receipt], *, now: datetime
) -> None:
    """More evidence of money that is known by now, and what the float was after each payment by hand."""
    for hand in hands:
        receipt = known.get(_name(hand.arrival))
        meaning = _again(session, receipt, hand.arrival) if receipt is not None else None
        if meaning is not None:
            batch.meanings[hand.told.evidence_id] = meaning
    settled = [hand for hand in hands if hand.told.evidence_id in batch.meanings]
    for hand in sorted(settled, key=_when):
        if hand.payment.balance_after is not None:
            watch(session, reading_of(hand.payment, hand.told.wallet), now=now)


def _sort(batch: _Batch, told: _Told, channel: str, body: str) -> None:
    if channel == EvidenceChannel.STK_CALLBACK:
        result = told.wallet.read_prompt_result(body)
        if result.fate is Fate.PAID and result.receipt is not None and not result.ask_first:
            batch.prompts.append((told, result))
    elif channel == EvidenceChannel.C2B_CONFIRMATION:
        payment = told.wallet.read_hand_payment(body)
        is_ours = payment.shortcode == told.wallet.shortcode
        if is_ours and 0 < payment.amount.amount_cents <= ONE_PAYMENT_CENTS_MAX:
            batch.hands.append((told, payment))


def _asked(session: Session, checkout_ids: Sequence[str]) -> dict[tuple[str, str], Contribution]:
    if not checkout_ids:
        return {}
    rows = session.scalars(
        select(Contribution)
        .where(Contribution.checkout_id.in_(checkout_ids), Contribution.receipt_id.is_(None))
        .order_by(Contribution.id)
        .with_for_update(skip_locked=True)
    )
    return {(row.wallet, row.checkout_id or ""): row for row in rows}


def _is_plain(told: _Told, contribution: Contribution) -> bool:
    # Who pays for another is told of it too.
    for_oneself = contribution.asked_by is None
    return for_oneself and (not told.reference or told.reference == str(contribution.id))


def _known(session: Session, arrivals: Sequence[Arrival]) -> dict[_Name, Receipt]:
    """Receipts that are known, locked."""
    return (
        _locked(session, Receipt.receipt.in_([arrival.receipt for arrival in arrivals])) if arrivals else {}
    )


def _these(session: Session, receipt_ids: Sequence[uuid.UUID]) -> dict[_Name, Receipt]:
    """Receipts that this transaction made."""
    return _locked(session, Receipt.id.in_(receipt_ids)) if receipt_ids else {}


def _locked(session: Session, which: ColumnElement[bool]) -> dict[_Name, Receipt]:
    rows = session.scalars(
        select(Receipt)
        .where(which)
        .order_by(Receipt.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {(row.wallet, row.shortcode, row.receipt): row for row in rows}


def _again(session: Session, receipt: Receipt, arrival: Arrival) -> Meaning | None:
    """More evidence of money that has its owner; None when there is anything to learn from it."""
    is_same = receipt.amount_cents == arrival.amount.amount_cents and receipt.member_id is not None
    knows_payer = (
        receipt.payer_index is not None or payer_index(session, arrival.payer, arrival.payer_hash) is None
    )
    if not is_same or not knows_payer or receipt.part_of is not None:
        return None
    return Meaning(
        verdict_on(arrival, receipt, is_new=False, was_linked=True),
        receipt_id=receipt.id,
        receipt=arrival.receipt,
        amount=arrival.amount,
        payer_masked=arrival.particulars.payer_masked,
    )


def _credited(
    arrival: Arrival, receipt_id: uuid.UUID, contribution_id: uuid.UUID | None = None, detail: str = ""
) -> Meaning:
    return Meaning(
        Verdict.CREDITED,
        detail,
        receipt_id=receipt_id,
        contribution_id=contribution_id,
        receipt=arrival.receipt,
        amount=arrival.amount,
        payer_masked=arrival.particulars.payer_masked,
    )


def _name(arrival: Arrival) -> _Name:
    return arrival.wallet, arrival.shortcode, arrival.receipt


def _when(hand: _Hand) -> tuple[datetime, int]:
    balance = hand.payment.balance_after
    return hand.payment.paid_at, balance.amount_cents if balance else 0


# A message that somebody else works on is left to them.
_LOCK_MESSAGES = """
SELECT e.id, e.channel, e.wallet, e.reference, e.body, e.received_at,
  EXISTS (SELECT FROM evidence_verdicts v WHERE v.evidence_id = e.id) AS is_over
FROM evidence e WHERE e.id = ANY(%(ids)s) ORDER BY e.id FOR UPDATE OF e SKIP LOCKED
"""
