"""The initiator's side of the scripted wallet: pays once for each id, answers later, or not at all."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from core.money import Money
from payments.wallets.payouts import (
    Answers,
    HeldBalance,
    Ordered,
    OrderFate,
    OrderKind,
    OrderOutcome,
    OrderResult,
    PayoutRequest,
)
from payments.wallets.protocol import LineKind, UnreadableMessage, WalletLine
from tests.payments.scripted_wallet import SHORTCODE, ScriptedWallet


@dataclass
class ScriptedPayouts:
    """`outcomes` are given to the next orders, in order. `news` are the results to be delivered:
    (kind, order id, body, whether it is only a queue time-out).
    """

    wallet: ScriptedWallet
    connections_in_use: Callable[[], int] = lambda: 0
    outcomes: list[OrderOutcome] = field(default_factory=list)
    loses_results: int = 0
    fails_with: str = ""
    paid: dict[str, PayoutRequest] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    taken_back: set[str] = field(default_factory=set)
    orders: list[tuple[OrderKind, str]] = field(default_factory=list)
    news: list[tuple[str, str, str, bool]] = field(default_factory=list)
    name: str = "mpesa"
    shortcode: str = SHORTCODE

    def pay_out(self, request: PayoutRequest, answers: Answers) -> OrderOutcome:
        """Pays whatever is answered, unless it is refused at the door."""
        self._called(OrderKind.PAYOUT, request.originator_id)
        outcome = self.outcomes.pop(0) if self.outcomes else Ordered("AG_1")
        if not isinstance(outcome, Ordered) and "timeout" not in repr(outcome):
            return outcome
        if request.originator_id in self.paid:
            return Ordered()
        code = self.fails_with or "0"
        if code == "0":
            self.paid[request.originator_id] = request
            self.codes[request.originator_id] = f"SKP{len(self.orders):07d}"
            self._list(request.originator_id, -request.amount.amount_cents)
        else:
            self.failed.add(request.originator_id)
        cents = request.amount.amount_cents
        self._tell(OrderKind.PAYOUT, answers, request.originator_id, code, cents, request.originator_id)
        return outcome

    def reverse(self, receipt: str, amount: Money, answers: Answers) -> OrderOutcome:
        self._called(OrderKind.REVERSAL, receipt)
        outcome = self.outcomes.pop(0) if self.outcomes else Ordered("AG_2")
        if isinstance(outcome, Ordered):
            self.wallet.take_back(receipt)
            self._tell(OrderKind.REVERSAL, answers, "x", "0", amount.amount_cents)
        return outcome

    def ask_status(self, originator_id: str, answers: Answers) -> OrderOutcome:
        self._called(OrderKind.STATUS, originator_id)
        known = self.paid.get(originator_id)
        if originator_id in self.taken_back:
            self._tell(OrderKind.STATUS, answers, "x", "reversed", None)
        elif known is not None:
            self._tell(OrderKind.STATUS, answers, "x", "0", known.amount.amount_cents, about=originator_id)
        else:
            self._tell(OrderKind.STATUS, answers, "x", "404", None)
        return Ordered("AG_3")

    def ask_balance(self, answers: Answers) -> OrderOutcome:
        self._called(OrderKind.BALANCE, "")
        self._tell(OrderKind.BALANCE, answers, "x", "0", self.wallet.holds_cents)
        return Ordered("AG_4")

    def read_result(self, kind: OrderKind, raw: str) -> OrderResult:
        try:
            body = json.loads(raw)
            code, cents = body["code"], body["cents"]
            balance = kind is OrderKind.BALANCE
            return OrderResult(
                kind=kind,
                originator_id=body["originator"],
                conversation_id=body["conversation"],
                fate={"0": OrderFate.DONE, "404": OrderFate.NOT_FOUND}.get(code, OrderFate.FAILED),
                code=code,
                message="said the wallet",
                receipt=body["receipt"],
                amount=None if cents is None or balance else Money(cents),
                balances=(HeldBalance("Utility Account", Money(cents)),) if balance else (),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableMessage("not a result") from error

    def read_timeout(self, kind: OrderKind, raw: str) -> OrderResult:
        known = self.read_result(kind, raw)
        return OrderResult(
            kind, known.originator_id, known.conversation_id, OrderFate.UNKNOWN, "1", "queue time-out"
        )

    def _called(self, kind: OrderKind, name: str) -> None:
        assert self.connections_in_use() == 0, "a transaction was open during a call"
        self.orders.append((kind, name))

    def _tell(
        self,
        kind: OrderKind,
        answers: Answers,
        originator: str,
        code: str,
        cents: int | None,
        about: str = "",
    ) -> None:
        if self.loses_results:
            self.loses_results -= 1
            return
        conversation = {OrderKind.PAYOUT: "AG_1", OrderKind.REVERSAL: "AG_2"}.get(kind, "AG_3")
        # A payout has one code, on the list and in every answer.
        receipt = self.codes.get(about, f"SKP{len(self.orders):07d}") if code == "0" else ""
        body = {
            "originator": originator,
            "conversation": conversation,
            "code": code,
            "cents": cents,
            "receipt": receipt,
        }
        order_id = answers.result_url.rpartition(f"/result/{kind}")[2].removeprefix("/")
        self.news.append((kind, order_id, json.dumps(body), False))

    def _list(self, originator_id: str, cents: int) -> None:
        # A payout stands on the statement, not in what a pull lists.
        self.wallet.lines.append(
            WalletLine(
                shortcode=self.wallet.shortcode,
                receipt=self.codes[originator_id],
                row_key=f"payout-{originator_id}",
                kind=LineKind.OTHER,
                amount=Money(cents),
                at=self.wallet.now(),
            )
        )
