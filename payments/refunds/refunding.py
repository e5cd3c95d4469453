"""Carrying out a refund: ordered once, then asked about until its end is known, never ordered again."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Sessions
from core.errors import InvalidValue
from core.money import Money
from core.outbox import Later, Task
from core.phone import PhoneNumber
from payments.alerts.service import AlertKind, raise_alert
from payments.receipts.tables import Receipt
from payments.refunds.model import RefundState, RefundWay
from payments.refunds.results import fail, finish, refund_for_update
from payments.refunds.service import open_decided, refund_double
from payments.refunds.tables import Refund
from payments.refunds.telling import tell_wish
from payments.wallets.payouts import Answers, Ordered, OrderKind, OrderOutcome, PayoutRequest, Payouts
from payments.wallets.protocol import Rejected, Unknown

_FIRST_ASK_SECONDS = 60.0
_ASK_SECONDS = (60.0, 120.0, 300.0, 900.0, 3600.0)
_ATTEMPTS_MAX = 5
# From then on staff are told as well; the questions go on.
_TOO_LONG = timedelta(hours=1)
_CODE_CHARACTERS_MAX = 40
_TEXT_CHARACTERS_MAX = 300
_REMARKS = "Refund of a payment"


class Refunding:
    """Handles `refund` tasks. `hooks`: `<public url>/hooks/<token>`; the refund's id ends the addresses."""

    def __init__(
        self, sessions: Sessions, payouts: Mapping[str, Payouts], clock: Clock, *, hooks: str
    ) -> None:
        self._sessions = sessions
        self._payouts = payouts
        self._clock = clock
        self._hooks = hooks.rstrip("/")

    def run(self, task: Task) -> Later | None:
        """Order what was not ordered, ask about what was; None when its end is known."""
        refund_id = uuid.UUID(task.payload["refund_id"])
        with self._sessions.begin() as session:
            refund = refund_for_update(session, refund_id)
            if refund is None or refund.state in {RefundState.PAID, RefundState.FAILED}:
                return None
            if self._is_over(session, refund):
                return None
            payouts = self._payouts.get(refund.wallet)
            if payouts is None or payouts.shortcode != refund.shortcode:
                return self._without_payouts(session, refund, task)
            order = self._mark(session, refund)
        # No transaction is open during the call.
        if order is None:
            return self._ask(payouts, refund, task)
        outcome = _ordered(payouts, order, self._answers(refund_id, OrderKind(refund.way)))
        with self._sessions.begin() as session:
            return self._record(session, refund_id, outcome)

    def _without_payouts(self, session: Session, refund: Refund, task: Task) -> Later | None:
        now, why = self._clock.now(), "no payouts are set up for this shortcode"
        if refund.state == RefundState.REQUESTED:
            fail(session, refund, why, now=now)
            return None
        # The wallet has, or may have, the order: what is called failed could be paid a second time.
        raise_alert(session, AlertKind.REFUND_UNKNOWN, str(refund.id), f"{why}: ask the wallet", now=now)
        return Later(_pause(task), why)

    def _is_over(self, session: Session, refund: Refund) -> bool:
        """Whether the wallet took the payment back, which ends what was not ordered, or ordered just so."""
        receipt = session.get_one(Receipt, refund.receipt_id, populate_existing=True)
        if receipt.reversed_at is None:
            return False
        if refund.state == RefundState.REQUESTED:
            # It gave it back while this waited: a second time would be somebody else's money.
            fail(session, refund, "reversed meanwhile", now=self._clock.now())
        elif refund.way == RefundWay.REVERSAL:
            # No result came, and none is needed: its own list tells of the end.
            finish(session, refund, at=receipt.reversed_at, now=self._clock.now())
        else:
            return False
        return True

    def _mark(self, session: Session, refund: Refund) -> "PayoutRequest | tuple[str, Money] | None":
        if refund.state != RefundState.REQUESTED:
            if refund.state == RefundState.SENDING:
                # A worker died between marking and recording: the order may be at the wallet.
                refund.state = RefundState.UNKNOWN
            return None
        refund.state = RefundState.SENDING
        refund.attempts += 1
        refund.sent_at = self._clock.now()
        amount = Money(refund.amount_cents, refund.currency)
        if refund.way == RefundWay.PAYOUT:
            assert refund.phone is not None
            return PayoutRequest(str(refund.id), PhoneNumber(refund.phone), amount, _REMARKS)
        return session.get_one(Receipt, refund.receipt_id).receipt, amount

    def _record(self, session: Session, refund_id: uuid.UUID, outcome: OrderOutcome) -> Later | None:
        now = self._clock.now()
        refund = refund_for_update(session, refund_id)
        assert refund is not None  # Refunds are never deleted.
        if refund.state != RefundState.SENDING:
            # The result overtook us.
            waiting = refund.state == RefundState.UNKNOWN
            return Later(_FIRST_ASK_SECONDS, "to be asked about") if waiting else None
        match outcome:
            case Ordered():
                refund.state = RefundState.SENT
                refund.conversation_id = outcome.conversation_id
            case Rejected():
                return self._rejected(session, refund, outcome, now=now)
            case Unknown():
                refund.state = RefundState.UNKNOWN
                refund.result_text = outcome.reason[:_TEXT_CHARACTERS_MAX]
        return Later(_FIRST_ASK_SECONDS, "to be asked about")

    def _rejected(
        self, session: Session, refund: Refund, outcome: Rejected, *, now: datetime
    ) -> Later | None:
        refund.result_code = outcome.code[:_CODE_CHARACTERS_MAX]
        refund.result_text = outcome.message[:_TEXT_CHARACTERS_MAX]
        if outcome.retry_seconds is not None and refund.attempts < _ATTEMPTS_MAX:
            # Refused at the door, so that nothing was ordered: the same wish may be made again.
            refund.state = RefundState.REQUESTED
            return Later(outcome.retry_seconds, f"refused for now: {outcome.code}")
        fail(session, refund, f"{outcome.code} {outcome.message}", now=now)
        return None

    def _ask(self, payouts: Payouts, refund: Refund, task: Task) -> Later:
        # A reversal cannot be asked about by an id of ours; the statement tells its end.
        if refund.way == RefundWay.PAYOUT:
            payouts.ask_status(str(refund.id), self._answers(refund.id, OrderKind.STATUS))
        now = self._clock.now()
        if now - refund.asked_at > _TOO_LONG:
            with self._sessions.begin() as session:
                why = f"no end known since {refund.asked_at:%Y-%m-%d %H:%M} UTC"
                raise_alert(session, AlertKind.REFUND_UNKNOWN, str(refund.id), why, now=now)
        return Later(_pause(task), "waiting for the wallet's word")

    def _answers(self, refund_id: uuid.UUID, kind: OrderKind) -> Answers:
        return Answers(
            f"{self._hooks}/result/{kind}/{refund_id}", f"{self._hooks}/timeout/{kind}/{refund_id}"
        )


class RefundWishes:
    """Handles `refund_wish` tasks: a member asked by SMS for a double payment back."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def run(self, task: Task) -> None:
        """Open the refund, or say why not."""
        member_id, code = uuid.UUID(task.payload["member_id"]), str(task.payload["code"])
        now = self._clock.now()
        with self._sessions.begin() as session:
            outcome = refund_double(session, member_id, code, now=now)
            tell_wish(session, member_id, code, outcome, task.id, now=now)


class DecidedRefunds:
    """Handles the periodic `refunds` task: what staff decided to give back is set on its way."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def run(self, _: Task) -> None:
        """Open a refund for each."""
        with self._sessions.begin() as session:
            open_decided(session, now=self._clock.now())


def _pause(task: Task) -> float:
    return _ASK_SECONDS[min(task.attempt, len(_ASK_SECONDS)) - 1]


def _ordered(payouts: Payouts, order: PayoutRequest | tuple[str, Money], answers: Answers) -> OrderOutcome:
    try:
        if isinstance(order, PayoutRequest):
            return payouts.pay_out(order, answers)
        receipt, amount = order
        return payouts.reverse(receipt, amount, answers)
    except InvalidValue as error:
        # Raised before anything was sent: a fault of ours or of our settings.
        return Rejected("not_sendable", str(error), alert=True)
