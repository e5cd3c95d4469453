"""What a stored message means: parsed by its wallet, compared with what we asked, credited at most once."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Sessions
from core.money import Money
from core.outbox import Later, Task
from payments.alerts.service import AlertKind, raise_alert
from payments.contributions import service as contributions
from payments.contributions.tables import Contribution
from payments.crediting import Crediting
from payments.evidence.tables import Evidence, EvidenceVerdict
from payments.model import ContributionState, EvidenceChannel, Verdict
from payments.order_results import ORDER_CHANNELS, OrderResults
from payments.prompt_results import ended_without_money, paid_without_receipt
from payments.receipts.model import Arrival, Meaning
from payments.wallet_lines.float_watch import Reading, watch
from payments.wallets.payouts import Payouts
from payments.wallets.protocol import Fate, HandPayment, PromptResult, UnreadableMessage, Wallet

# A callback can overtake our own record of the accept; after this it is nobody's.
_OVERTAKING = timedelta(seconds=60)
_TRY_AGAIN_SECONDS = 5.0
ALERT_AT_ATTEMPT = 3
# Forty times what M-Pesa carries in one payment; more is a forgery or a fault, and for people to look at.
ONE_PAYMENT_CENTS_MAX = 10_000_000_00
_DETAIL_CHARACTERS_MAX = 300
_RECEIPT_CHARACTERS_MAX = 40
_MASK_CHARACTERS_MAX = 30


@dataclass(frozen=True, slots=True)
class _Message:
    id: uuid.UUID
    channel: EvidenceChannel
    wallet: str
    reference: str
    body: str
    received_at: datetime


class Intake:
    """Understands evidence, one message in one transaction. The same message again changes nothing.

    `wallets` by name. `pull_delay`: how soon after a new receipt the wallet's own list is read.
    """

    def __init__(
        self,
        sessions: Sessions,
        wallets: Mapping[str, Wallet],
        clock: Clock,
        *,
        pull_delay: timedelta,
        payouts: Mapping[str, Payouts] | None = None,
    ) -> None:
        self._sessions = sessions
        self._orders = OrderResults(payouts or {})
        self._wallets = wallets
        self._clock = clock
        self._crediting = Crediting(pull_delay)

    def run(self, task: Task) -> Later | None:
        """Handle an `evidence` task. One that fails again and again is an alert of its wallet.

        The look-out clears it: the message may be understood at any attempt, or among many.
        """
        evidence_id = uuid.UUID(task.payload["evidence_id"])
        try:
            with self._sessions.begin() as session:
                meaning = self.understand(session, evidence_id)
        except Exception as error:
            if task.attempt >= ALERT_AT_ATTEMPT:
                self._alert(evidence_id, error)
            raise
        return meaning if isinstance(meaning, Later) else None

    def _alert(self, evidence_id: uuid.UUID, error: Exception) -> None:
        # The type only: an exception's text may carry what a payer sent.
        with self._sessions.begin() as session:
            wallet = session.scalar(select(Evidence.wallet).where(Evidence.id == evidence_id))
            if wallet is not None:
                why = f"{wallet}: {type(error).__name__}, last {evidence_id}"
                raise_alert(session, AlertKind.EVIDENCE_FAILED, wallet, why, now=self._clock.now())

    def understand(self, session: Session, evidence_id: uuid.UUID) -> Meaning | Later | None:
        """Give a message its meaning and write its verdict; None when it has one already."""
        message = _locked_message(session, evidence_id)
        if message is None or session.get(EvidenceVerdict, evidence_id) is not None:
            return None
        now = self._clock.now()
        try:
            meaning = self._read(session, message, now)
        except UnreadableMessage as error:
            meaning = Meaning(Verdict.UNREADABLE, str(error))
        if isinstance(meaning, Meaning):
            write_verdict(session, evidence_id, meaning, now=now)
        return meaning

    def _read(self, session: Session, message: _Message, now: datetime) -> Meaning | Later:
        if message.channel in ORDER_CHANNELS:
            return self._orders.understand(
                session,
                channel=message.channel,
                wallet=message.wallet,
                reference=message.reference,
                body=message.body,
                now=now,
            )
        wallet = self._wallets.get(message.wallet)
        if wallet is None:
            return Meaning(Verdict.UNREADABLE, "this wallet is not configured")
        if message.channel is EvidenceChannel.STK_CALLBACK:
            return self._prompt_result(session, message, wallet, now)
        payment = wallet.read_hand_payment(message.body)
        if message.channel is not EvidenceChannel.C2B_CONFIRMATION:
            return Meaning(Verdict.NOTED, receipt=payment.receipt, amount=payment.amount)
        return self._hand_payment(session, payment, wallet, now)

    def _hand_payment(self, session: Session, payment: HandPayment, wallet: Wallet, now: datetime) -> Meaning:
        if payment.shortcode != wallet.shortcode:
            return Meaning(Verdict.MISMATCH, "paid to another shortcode", receipt=payment.receipt)
        if not 0 < payment.amount.amount_cents <= ONE_PAYMENT_CENTS_MAX:
            return Meaning(Verdict.MISMATCH, "not an amount that can be credited", receipt=payment.receipt)
        meaning = self._crediting.by_hand(session, hand_arrival(payment, wallet), now=now)
        if payment.balance_after is not None:
            watch(session, reading_of(payment, wallet), now=now)
        return meaning

    def _prompt_result(
        self, session: Session, message: _Message, wallet: Wallet, now: datetime
    ) -> Meaning | Later:
        result = wallet.read_prompt_result(message.body)
        contribution = _contribution_of(session, message, result)
        if isinstance(contribution, Meaning):
            overtaken = not message.reference and now - message.received_at < _OVERTAKING
            return Later(_TRY_AGAIN_SECONDS, "no such prompt yet") if overtaken else contribution
        if result.ask_first:
            return self._ask_first(session, message, contribution, result, now)
        if result.fate is not Fate.PAID:
            verdict = ended_without_money(session, contribution, result, source="callback", now=now)
        elif result.receipt is None:
            verdict = paid_without_receipt(session, contribution, result, source="callback", now=now)
        else:
            arrival = arrival_of(
                result,
                result.receipt,
                contribution,
                source=EvidenceChannel.STK_CALLBACK,
                seen_at=message.received_at,
            )
            return self._crediting.by_prompt(session, contribution, arrival, now=now)
        return Meaning(verdict, f"{result.code} {result.message}", contribution_id=contribution.id)

    def _ask_first(
        self,
        session: Session,
        message: _Message,
        contribution: Contribution,
        result: PromptResult,
        now: datetime,
    ) -> Meaning | Later:
        """A message that proves nothing changes nothing: the wallet's own answer will."""
        if contribution.state == ContributionState.PROMPTING and now - message.received_at < _OVERTAKING:
            return Later(_TRY_AGAIN_SECONDS, "the prompt is being sent")
        contributions.ask_again(session, contribution, now=now, after=timedelta(), because=str(message.id))
        return Meaning(
            Verdict.NOTED,
            f"the wallet is asked: {result.code} {result.message}",
            contribution_id=contribution.id,
            receipt=result.receipt or "",
            amount=result.amount,
        )


def hand_arrival(payment: HandPayment, wallet: Wallet) -> Arrival:
    """The money of a payment by hand, as its confirmation tells it."""
    return Arrival(
        wallet=wallet.name,
        shortcode=payment.shortcode,
        receipt=payment.receipt,
        amount=payment.amount,
        paid_at=payment.paid_at,
        source=EvidenceChannel.C2B_CONFIRMATION,
        account=payment.account,
        payer=payment.payer,
        payer_hash=payment.payer_hash,
        payer_mask=payment.payer_mask or "",
        payer_name=payment.payer_name,
    )


def reading_of(payment: HandPayment, wallet: Wallet) -> Reading:
    """What the shortcode held after a payment by hand, whose confirmation says so."""
    assert payment.balance_after is not None
    return Reading(
        wallet.name,
        payment.shortcode,
        payment.receipt.strip().upper(),
        payment.amount,
        payment.balance_after,
        payment.paid_at,
    )


def write_verdict(session: Session, evidence_id: uuid.UUID, meaning: Meaning, *, now: datetime) -> None:
    """Lay a verdict beside its message, once."""
    write_verdicts(session, {evidence_id: meaning}, now=now)


def write_verdicts(session: Session, meanings: Mapping[uuid.UUID, Meaning], *, now: datetime) -> None:
    """Lay verdicts beside their messages, each once."""
    if not meanings:
        return
    said = list(meanings.values())
    session.connection().exec_driver_sql(
        _WRITE_VERDICTS,
        {
            "ids": list(meanings),
            "verdicts": [each.verdict for each in said],
            "receipt_ids": [each.receipt_id for each in said],
            "contribution_ids": [each.contribution_id for each in said],
            "receipts": [each.receipt[:_RECEIPT_CHARACTERS_MAX] for each in said],
            "cents": [each.amount.amount_cents if each.amount else None for each in said],
            "payers": [each.payer_masked[:_MASK_CHARACTERS_MAX] for each in said],
            "details": [each.detail[:_DETAIL_CHARACTERS_MAX] for each in said],
            "now": now,
        },
    )


_WRITE_VERDICTS = """
INSERT INTO evidence_verdicts
  (evidence_id, verdict, receipt_id, contribution_id, receipt, amount_cents, payer_masked, detail, at)
SELECT u.*, %(now)s FROM unnest(%(ids)s::uuid[], %(verdicts)s::text[], %(receipt_ids)s::uuid[],
  %(contribution_ids)s::uuid[], %(receipts)s::text[], %(cents)s::bigint[], %(payers)s::text[],
  %(details)s::text[]) AS u
ON CONFLICT (evidence_id) DO NOTHING
"""


def _locked_message(session: Session, evidence_id: uuid.UUID) -> _Message | None:
    # The row lock makes two workers of the same message take turns.
    row = session.scalars(select(Evidence).where(Evidence.id == evidence_id).with_for_update()).first()
    if row is None:
        return None
    return _Message(
        row.id, EvidenceChannel(row.channel), row.wallet, row.reference, row.body, row.received_at
    )


def _contribution_of(session: Session, message: _Message, result: PromptResult) -> Contribution | Meaning:
    """The prompt a callback speaks of, locked; or why it cannot be one of ours."""
    found = session.scalars(
        select(Contribution)
        .where(Contribution.wallet == message.wallet, Contribution.checkout_id == result.checkout_id)
        .with_for_update()
    ).first()
    if found is None:
        found = _by_reference(session, message)
        if found is None or found.checkout_id is not None or found.state == ContributionState.REQUESTED:
            return _forgery_suspect("we sent no such prompt", result)
        # The wallet's answer to our request was lost, or this callback overtook it.
        found.checkout_id = result.checkout_id
        found.merchant_id = found.merchant_id or result.merchant_id
    elif message.reference and message.reference != str(found.id):
        return _forgery_suspect("sent to the address of another prompt", result)
    return found


def _forgery_suspect(why: str, result: PromptResult) -> Meaning:
    return Meaning(Verdict.UNKNOWN_PROMPT, why, receipt=result.receipt or "", amount=result.amount)


def _by_reference(session: Session, message: _Message) -> Contribution | None:
    try:
        contribution_id = uuid.UUID(message.reference)
    except ValueError:
        return None
    found = contributions.locked(session, contribution_id)
    return found if found is not None and found.wallet == message.wallet else None


def arrival_of(
    result: PromptResult,
    receipt: str,
    contribution: Contribution,
    *,
    source: EvidenceChannel,
    seen_at: datetime,
) -> Arrival:
    """The money of a paid prompt, as a callback or an answer of the wallet tells it."""
    asked = Money(contribution.amount_cents, contribution.currency)
    return Arrival(
        wallet=contribution.wallet,
        shortcode=contribution.shortcode,
        receipt=receipt,
        # Some wallets do not repeat the amount; then what we asked for stands until their list confirms it.
        amount=result.amount or asked,
        paid_at=result.paid_at or seen_at,
        source=source,
        payer=result.payer,
    )
