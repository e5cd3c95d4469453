"""Where is my shilling: the way of a member's last payment, told in words by SMS."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Sessions
from core.outbox import Task
from members.notices import tell_member
from payments.contributions.tables import Contribution
from payments.model import PaymentState
from payments.receipts.tables import Receipt
from payments.view import Payment, statement_of

TEMPLATES = {
    PaymentState.ASKED: "way_asked",
    PaymentState.PROMPT_SENT: "way_asked",
    PaymentState.CHECKING: "way_checking",
    PaymentState.FAILED: "way_failed",
    PaymentState.CANCELLED: "way_failed",
    PaymentState.EXPIRED: "way_failed",
    PaymentState.RECEIVED: "way_received",
    PaymentState.CONFIRMED: "way_confirmed",
    PaymentState.POSTED: "way_posted",
    PaymentState.ACKNOWLEDGED: "way_acknowledged",
    PaymentState.REVERSED: "way_reversed",
}


class WayTelling:
    """Handles `where` tasks. The task's id names the question, so that it is answered once."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def run(self, task: Task) -> None:
        """Answer with how far the last payment has come by now."""
        member_id = uuid.UUID(task.payload["member_id"])
        with self._sessions.begin() as session:
            last = next(iter(statement_of(session, member_id, 1)), None)
            template = "way_none" if last is None else TEMPLATES[last.state]
            values = {} if last is None else _values(session, last)
            tell_member(session, template, member_id, task.id, now=self._clock.now(), values=values)


def _values(session: Session, payment: Payment) -> dict[str, Any]:
    values = {
        "amount_cents": payment.amount.amount_cents,
        "currency": payment.amount.currency,
        "as_of": payment.at.isoformat(),
        "wallet": _wallet_of(session, payment),
    }
    return values | ({"receipt": payment.receipt} if payment.receipt else {})


def _wallet_of(session: Session, payment: Payment) -> str:
    if payment.receipt_id is not None:
        return session.get_one(Receipt, payment.receipt_id).wallet
    assert payment.contribution_id is not None
    return session.get_one(Contribution, payment.contribution_id).wallet
