"""Many stored messages understood together: the ordinary ones, by a few statements in one transaction.

Ordinary are a paid prompt's callback with a new receipt, a confirmation of money that is known, and money
paid to a member's number. What is not ordinary is left for `Intake`, which knows everything.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
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
            self._credit_prompts(session, batch, now)
            self._credit_hands(session, batch, now)
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

    def _credit_prompts(self, session: Session, batch: _Batch, now: datetime) -> None:
        found = _asked(session, [result.checkout_id for _, result in batch.prompts])
        answers: dict[_Name, tuple[_Told, Contribution, Arrival]] = {}
        for told, result in batch.prompts:
            # Each prompt is answered once here, and each receipt is of one prompt; more is not ordinary.
            contribution = found.pop((told.wallet.name, result.checkout_id), None)
            if contribution is None or result.receipt is None or not _is_plain(told, contribution):
                continue
            source = EvidenceChannel.STK_CALLBACK
            arrival = arrival_of(
                result, result.receipt, contribution, source=source, seen_at=told.received_at
            )
            if not differs_from_asked(session, contribution, arrival):
                answers.setdefault(_name(arrival), (told, contribution, arrival))
        ordered = [answers[name] for name in sorted(answers)]
        owned = [(arrival, owner_by_prompt(contribution)) for _, contribution, arrival in ordered]
        links = {}
        for receipt_id, (told, contribution, arrival) in zip(
            self._record(session, owned, now), ordered, strict=True
        ):
            if receipt_id is not None:
                links[contribution.id] = receipt_id
                batch.meanings[told.evidence_id] = _credited(arrival, receipt_id, contribution.id)
        contributions.mark_paid(session, links, f"paid: {EvidenceChannel.STK_CALLBACK}", now=now)

    def _credit_hands(self, session: Session, batch: _Batch, now: datetime) -> None:
        read = [(told, payment, hand_arrival(payment, told.wallet)) for told, payment in batch.hands]
        read.sort(key=lambda one: _name(one[2]))
        known = _known(session, [arrival for *_, arrival in read])
        told_again = [one for one in read if _name(one[2]) in known]
        for told, _, arrival in told_again:
            meaning = _again(session, known[_name(arrival)], arrival)
            if meaning is not None:
                batch.meanings[told.evidence_id] = meaning
        new = {_name(one[2]): one for one in read if _name(one[2]) not in known}
        owners = matching.owners_by_number(session, [arrival for *_, arrival in new.values()])
        owned = [(arrival, owners[name]) for name, (_, _, arrival) in new.items() if name in owners]
        for receipt_id, (arrival, owner) in zip(self._record(session, owned, now), owned, strict=True):
            if receipt_id is not None:
                evidence_id = new[_name(arrival)][0].evidence_id
                batch.meanings[evidence_id] = _credited(arrival, receipt_id, detail=owner.why)
        settled = [(told, payment) for told, payment, _ in read if told.evidence_id in batch.meanings]
        for told, payment in sorted(settled, key=_when):
            if payment.balance_after is not None:
                watch(session, reading_of(payment, told.wallet), now=now)

    def _record(
        self, session: Session, owned: Sequence[tuple[Arrival, Owner]], now: datetime
    ) -> list[uuid.UUID | None]:
        if not owned:
            return []
        return receipts.record_many(session, owned, pull_delay=self._pull_delay, now=now)


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
    if not arrivals:
        return {}
    rows = session.scalars(
        select(Receipt)
        .where(Receipt.receipt.in_([arrival.receipt for arrival in arrivals]))
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


def _when(one: tuple[_Told, HandPayment]) -> tuple[datetime, int]:
    balance = one[1].balance_after
    return one[1].paid_at, balance.amount_cents if balance else 0


# A message that somebody else works on is left to them.
_LOCK_MESSAGES = """
SELECT e.id, e.channel, e.wallet, e.reference, e.body, e.received_at,
  EXISTS (SELECT FROM evidence_verdicts v WHERE v.evidence_id = e.id) AS is_over
FROM evidence e WHERE e.id = ANY(%(ids)s) ORDER BY e.id FOR UPDATE OF e SKIP LOCKED
"""
