"""What the menus want to know and do about money that is already there: its way, and claims to it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from core.clock import FundCalendar
from core.errors import InvalidValue
from members.model import Member
from menus import Session
from menus.facts import STATEMENT_PAYMENTS_MAX
from payments.claims import service as claims
from payments.claims.model import AlreadyYours, NotAClaim, NotKnownYet, Offered
from payments.model import PaymentState
from payments.view import intent_of, payment_way, statement_of
from ussd_app.gateway.turns import Visit

Caller = Callable[[Visit], Member]

_CODE_ANSWER: Final = "receipt_code"
_PAYMENT_ANSWER: Final = "payment"
_SHOWN_STATE: Final = {
    PaymentState.ASKED: "requested",
    PaymentState.PROMPT_SENT: "prompted",
    PaymentState.CHECKING: "unknown",
}


def shown_state(state: PaymentState) -> str:
    """A payment's state as the menus name it."""
    return _SHOWN_STATE.get(state, state.value)


@dataclass(frozen=True, slots=True)
class MoneyWorld:
    """Facts and effects of the statement and of claims, for `RoomsWorld` to offer."""

    caller: Caller
    calendar: FundCalendar

    @property
    def facts(self) -> dict[str, Callable[[Visit, Session], Any]]:
        return {"payments": self.payments, "payment_way": self.way, "claimed": self.claimed}

    @property
    def effects(self) -> dict[str, Callable[[dict[str, str], Visit], dict[str, Any]]]:
        return {"claim": self.claim, "take_claim": self.take_claim}

    def payments(self, visit: Visit, _draft: Session) -> list[dict[str, Any]]:
        lines = statement_of(visit.database, self.caller(visit).id, limit=STATEMENT_PAYMENTS_MAX)
        return [
            {
                "id": str(line.id),
                "on": self.calendar.minute(line.at),
                "amount_cents": line.amount.amount_cents,
                "state": shown_state(line.state),
            }
            for line in lines
        ]

    def way(self, visit: Visit, draft: Session) -> dict[str, Any]:
        """Only of a payment on the caller's own statement, whatever the session says."""
        picked = uuid.UUID(draft.answers[_PAYMENT_ANSWER])
        lines = statement_of(visit.database, self.caller(visit).id, limit=2 * STATEMENT_PAYMENTS_MAX)
        line = next((line for line in lines if picked in {line.receipt_id, line.contribution_id}), None)
        if line is None:
            raise InvalidValue("this payment is not on the caller's statement")
        steps = groupby(payment_way(visit.database, line.id), key=lambda step: step.state)
        intent = intent_of(visit.database, line.id)
        is_anothers = intent is not None and intent.member_id != self.caller(visit).id
        return {
            "amount_cents": line.amount.amount_cents,
            "receipt": line.receipt or "",
            "period": (intent and intent.period) or "",
            "for_number": intent.member_number if intent and is_anothers else "",
            "steps": [
                {"on": self.calendar.minute(next(same).at), "state": shown_state(state)}
                for state, same in steps
            ],
        }

    def claimed(self, visit: Visit, draft: Session) -> dict[str, Any]:
        found = claims.shown(visit.database, self.caller(visit).id, draft.answers[_CODE_ANSWER])
        if found is None:
            # What was on offer went elsewhere while the caller read: nothing is told of it.
            return {"amount_cents": 0, "on": self.calendar.minute(visit.now), "receipt": ""}
        return {
            "amount_cents": found.amount.amount_cents,
            "on": self.calendar.minute(found.paid_at),
            "receipt": found.receipt,
        }

    def claim(self, args: dict[str, str], visit: Visit) -> dict[str, Any]:
        outcome = claims.claim(visit.database, self.caller(visit).id, args["receipt"], now=visit.now)
        match outcome:
            case Offered():
                return {"state": "offered"}
            case AlreadyYours():
                return {"state": "yours"}
            case NotKnownYet():
                return {"state": "waiting"}
            case NotAClaim(why="too_many"):
                return {"state": "too_many"}
            case _:
                return {"state": "staff"}

    def take_claim(self, args: dict[str, str], visit: Visit) -> dict[str, Any]:
        member_id = self.caller(visit).id
        outcome = claims.claim(visit.database, member_id, args["receipt"], now=visit.now)
        taken = isinstance(outcome, AlreadyYours) or (
            isinstance(outcome, Offered) and claims.take(visit.database, outcome.claim_id, now=visit.now)
        )
        return {"state": "taken" if taken else "gone"}
