"""The simulated wallet's payouts: each id is paid once, and news of it may be lost or late."""

import json
from dataclasses import dataclass, field

from core.money import Money
from operations.simulation.wallet import SHORTCODE, SimulatedWallet
from payments.wallets.payouts import (
    Answers,
    Ordered,
    OrderFate,
    OrderKind,
    OrderOutcome,
    OrderResult,
    PayoutRequest,
)
from payments.wallets.protocol import LineKind, Unknown, UnreadableMessage

_FATES = {"0": OrderFate.DONE, "404": OrderFate.NOT_FOUND}


@dataclass(frozen=True)
class News:
    """A result on its way to us."""

    kind: OrderKind
    order_id: str
    body: str


@dataclass
class SimulatedPayouts:
    """`news` is emptied by the story, which delivers or loses it."""

    wallet: SimulatedWallet
    paid: dict[str, PayoutRequest] = field(default_factory=dict)
    news: list[News] = field(default_factory=list)
    name: str = "mpesa"
    shortcode: str = SHORTCODE

    def pay_out(self, request: PayoutRequest, answers: Answers) -> OrderOutcome:
        """Pays whatever is answered: a time-out comes after the acceptance."""
        if request.originator_id in self.paid:
            return Ordered()
        self.paid[request.originator_id] = request
        self.wallet.move(LineKind.OTHER, -request.amount.amount_cents)
        self._tell(OrderKind.PAYOUT, answers, request.originator_id, "0", request.amount)
        if self.wallet.random.random() < 0.3:  # noqa: PLR2004 -- one in three or so
            self.wallet.diary.fault("payout timed out after acceptance")
            return Unknown("timeout")
        return Ordered("AG_1")

    def reverse(self, receipt: str, amount: Money, answers: Answers) -> OrderOutcome:
        self.wallet.take_back(receipt)
        self._tell(OrderKind.REVERSAL, answers, "x", "0", amount)
        return Ordered("AG_1")

    def ask_status(self, originator_id: str, answers: Answers) -> OrderOutcome:
        known = self.paid.get(originator_id)
        self._tell(OrderKind.STATUS, answers, "x", "0" if known else "404", known.amount if known else None)
        return Ordered("AG_2")

    def ask_balance(self, answers: Answers) -> OrderOutcome:
        del answers
        return Ordered("AG_3")

    def read_result(self, kind: OrderKind, raw: str) -> OrderResult:
        try:
            body = json.loads(raw)
            fate = _FATES[body["code"]]
            amount = None if body["cents"] is None else Money(body["cents"])
            return OrderResult(kind, body["originator"], "AG_1", fate, body["code"], "said", amount=amount)
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableMessage("not a result") from error

    def read_timeout(self, kind: OrderKind, raw: str) -> OrderResult:
        known = self.read_result(kind, raw)
        return OrderResult(kind, known.originator_id, "AG_1", OrderFate.UNKNOWN, "1", "queue time-out")

    def _tell(
        self, kind: OrderKind, answers: Answers, originator: str, code: str, amount: Money | None
    ) -> None:
        body = {"originator": originator, "code": code, "cents": amount.amount_cents if amount else None}
        order_id = answers.result_url.rpartition("/")[2]
        self.news.append(News(kind, order_id, json.dumps(body)))
