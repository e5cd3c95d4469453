"""A wallet in memory that tells the truth late, twice or not at all, and keeps it to be compared with."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.errors import InvalidValue
from core.money import Money
from core.phone import PhoneNumber
from payments.wallets.protocol import (
    Accepted,
    AskOutcome,
    Fate,
    HandPayment,
    LineKind,
    PromptOutcome,
    PromptRequest,
    PromptResult,
    PullFailed,
    Rejected,
    StillOpen,
    Unknown,
    UnreadableMessage,
    WalletLine,
)

_DESCRIPTION_MAX = 13
SHORTCODE = "600100"
FATES = {
    "0": Fate.PAID,
    "1": Fate.FAILED,
    "1032": Fate.CANCELLED,
    "1037": Fate.EXPIRED,
    "777": Fate.UNKNOWN,
}
TOLD = {"1": "prompt_insufficient", "1032": "prompt_cancelled", "1037": "prompt_unreachable"}


@dataclass
class Prompt:
    """A prompt as the wallet knows it. `code` is None while it is on the phone."""

    request: PromptRequest
    checkout_id: str
    code: str | None = None
    receipt: str | None = None
    paid_at: datetime | None = None


@dataclass
class ScriptedWallet:
    """`outcomes` are given to the next prompts, in order; without any, a prompt is accepted."""

    now: Callable[[], datetime]
    connections_in_use: Callable[[], int] = lambda: 0
    name: str = "mpesa"
    shortcode: str = SHORTCODE
    prompts: dict[str, Prompt] = field(default_factory=dict)
    outcomes: list[PromptOutcome] = field(default_factory=list)
    lines: list[WalletLine] = field(default_factory=list)
    requests: list[PromptRequest] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)
    is_down: bool = False
    page_size: int = 2
    fail_after_pages: int | None = None
    receipts_made: int = 0
    # What the wallet gives next, out of its order.
    receipts_to_give: list[str] = field(default_factory=list)
    hook: str = "stk"
    can_pull: bool = True
    ask_at_seconds: tuple[int, ...] = (30, 60, 120, 300)

    def checkout_id_for(self, contribution_id: uuid.UUID) -> str | None:
        return None

    def prompt(self, request: PromptRequest) -> PromptOutcome:
        """Accept, or what was scripted. After `Unknown` the prompt is on the phone all the same."""
        if len(request.description) > _DESCRIPTION_MAX:
            raise InvalidValue("the description has at most 13 characters")
        assert self.connections_in_use() == 0, "a transaction was open during a call"
        self.requests.append(request)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Rejected):
            return outcome
        checkout_id = f"ws_CO_{len(self.requests)}_{uuid.uuid4().hex[:6]}"
        self.prompts[checkout_id] = Prompt(request, checkout_id)
        return outcome or Accepted(checkout_id, f"merchant-{checkout_id}")

    def ask(self, checkout_id: str) -> AskOutcome:
        assert self.connections_in_use() == 0, "a transaction was open during a call"
        self.asks.append(checkout_id)
        if self.is_down:
            return Unknown("timeout")
        code = self.prompts[checkout_id].code
        return StillOpen() if code is None else self._result(checkout_id, code)

    def pull(self, start: datetime, end: datetime) -> Iterator[list[WalletLine]]:
        assert self.connections_in_use() == 0, "a transaction was open during a call"
        if self.is_down:
            raise PullFailed("timeout")
        lines = [line for line in self.lines if start <= line.at <= end]
        for number, first in enumerate(range(0, len(lines), self.page_size)):
            if self.fail_after_pages is not None and number >= self.fail_after_pages:
                raise PullFailed("the second page did not come")
            yield lines[first : first + self.page_size]

    def read_prompt_result(self, raw: str) -> PromptResult:
        try:
            body = json.loads(raw)
            payer = body.get("payer")
            cents = body.get("amount_cents")
            return PromptResult(
                checkout_id=body["checkout_id"],
                fate=FATES[body["code"]],
                code=body["code"],
                message=f"result {body['code']}",
                told=TOLD.get(body["code"], ""),
                may_still_pay=body["code"] == "1037",
                receipt=body.get("receipt"),
                amount=None if cents is None else Money(cents),
                paid_at=datetime.fromisoformat(body["paid_at"]) if "paid_at" in body else None,
                payer=PhoneNumber(payer) if payer else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableMessage("not a prompt result") from error

    def read_hand_payment(self, raw: str) -> HandPayment:
        try:
            body = json.loads(raw)
            payer = body.get("payer")
            return HandPayment(
                receipt=body["receipt"],
                shortcode=body["shortcode"],
                amount=Money(body["amount_cents"]),
                paid_at=datetime.fromisoformat(body["paid_at"]),
                account=body["account"],
                payer=PhoneNumber(payer) if payer else None,
                payer_hash=body.get("payer_hash"),
                payer_mask=body.get("payer_mask"),
                payer_name=body.get("payer_name", ""),
                balance_after=Money(body["balance_cents"]) if "balance_cents" in body else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableMessage("not a hand payment") from error

    def end(self, checkout_id: str, code: str) -> str:
        """The phone's owner (or time) ends a prompt; returns the callback that says so. Money moves on 0."""
        prompt = self.prompts[checkout_id]
        prompt.code = code
        if code == "0":
            prompt.receipt = self._new_receipt()
            prompt.paid_at = self.now()
            self._list(prompt.receipt, prompt.request.amount, prompt.request.account, prompt.request.phone)
        return self.callback(checkout_id)

    def callback(self, checkout_id: str) -> str:
        """The callback about an ended prompt."""
        prompt = self.prompts[checkout_id]
        body: dict[str, object] = {"checkout_id": checkout_id, "code": prompt.code}
        if prompt.receipt and prompt.paid_at:
            body |= {
                "receipt": prompt.receipt,
                "amount_cents": prompt.request.amount.amount_cents,
                "payer": prompt.request.phone.e164,
                "paid_at": prompt.paid_at.isoformat(),
            }
        return json.dumps(body)

    def confirmation_of(self, checkout_id: str, **hidden: object) -> str:
        """The C2B confirmation that a shortcode also gets for a prompted payment."""
        prompt = self.prompts[checkout_id]
        assert prompt.receipt
        assert prompt.paid_at
        return self._confirmation(
            prompt.receipt, prompt.request.amount, prompt.request.account, prompt.request.phone, **hidden
        )

    def pay_by_hand(self, phone: PhoneNumber, amount_cents: int, account: str, **hidden: object) -> str:
        """Somebody pays the shortcode by hand; returns the confirmation. `hidden`: how the payer is shown."""
        receipt = self._new_receipt()
        self._list(receipt, Money(amount_cents), account, phone)
        return self._confirmation(receipt, Money(amount_cents), account, phone, **hidden)

    def take_back(self, receipt: str) -> None:
        """The wallet reverses a payment."""
        line = next(line for line in self.lines if line.receipt == receipt)
        self.lines.append(
            WalletLine(
                shortcode=self.shortcode,
                receipt=self._new_receipt(),
                row_key=f"reversal-{receipt}",
                kind=LineKind.REVERSAL,
                amount=-line.amount,
                at=self.now(),
                linked_receipt=receipt,
            )
        )

    @property
    def holds_cents(self) -> int:
        """What the wallet has for us: every credit, less what it took back."""
        return sum(line.amount.amount_cents for line in self.lines)

    def _confirmation(
        self, receipt: str, amount: Money, account: str, phone: PhoneNumber, **hidden: object
    ) -> str:
        body: dict[str, object] = {
            "receipt": receipt,
            "shortcode": self.shortcode,
            "amount_cents": amount.amount_cents,
            "paid_at": self.now().isoformat(),
            "account": account,
        }
        return json.dumps(body | (hidden or {"payer_hash": phone.wallet_hash}))

    def _list(self, receipt: str, amount: Money, account: str, phone: PhoneNumber) -> None:
        self.lines.append(
            WalletLine(
                shortcode=self.shortcode,
                receipt=receipt,
                row_key=f"pull-{receipt}",
                kind=LineKind.CREDIT,
                amount=amount,
                at=self.now(),
                account=account,
                payer=phone,
            )
        )

    def _result(self, checkout_id: str, code: str) -> PromptResult:
        # A query names neither receipt nor amount.
        return PromptResult(
            checkout_id=checkout_id,
            fate=FATES[code],
            code=code,
            message=f"result {code}",
            told=TOLD.get(code, ""),
            may_still_pay=code == "1037",
        )

    def _new_receipt(self) -> str:
        self.receipts_made += 1
        if self.receipts_to_give:
            return self.receipts_to_give.pop(0)
        return f"SKL{self.receipts_made:07d}"


@dataclass
class SteppedClock:
    """A clock that only moves when told."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def forward(self, **by: float) -> None:
        self.instant += timedelta(**by)
