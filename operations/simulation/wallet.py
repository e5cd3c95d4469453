"""A wallet that moves money truly and tells of it late, twice, wrongly or never; it keeps the truth."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from uuid import UUID

from core.money import Money
from core.phone import PhoneNumber
from operations.simulation.chance import Diary, VirtualClock
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

SHORTCODE = "600100"
PAGE_ROWS = 5
FATES = {
    "0": Fate.PAID,
    "1": Fate.FAILED,
    "1032": Fate.CANCELLED,
    "1037": Fate.FAILED,
    "777": Fate.UNKNOWN,
}
TOLD = {"1": "prompt_insufficient", "1032": "prompt_cancelled", "1037": "prompt_unreachable"}
LATE = frozenset({"1037", "777"})


@dataclass
class Prompt:
    """A prompt as the wallet knows it; `code` is None while it is on the phone."""

    request: PromptRequest
    checkout_id: str
    code: str | None = None
    receipt: str = ""
    paid_at: datetime | None = None


@dataclass
class SimulatedWallet:
    """`next_prompts`: what becomes of the next prompts instead of being accepted."""

    clock: VirtualClock
    random: Random
    diary: Diary
    prompts: dict[str, Prompt] = field(default_factory=dict)
    lines: list[WalletLine] = field(default_factory=list)
    next_prompts: list[str] = field(default_factory=list)
    is_down: bool = False
    breaks_pages: bool = False
    made: int = 0
    name: str = "mpesa"
    shortcode: str = SHORTCODE
    hook: str = "stk"
    can_pull: bool = True
    ask_at_seconds: tuple[int, ...] = (30, 60, 120, 300)

    def checkout_id_for(self, _contribution_id: UUID) -> str | None:
        return None

    def prompt(self, request: PromptRequest) -> PromptOutcome:
        """After `time-out` the prompt is on the phone all the same; after `nothing` it is not."""
        fate = self.next_prompts.pop(0) if self.next_prompts else "accepted"
        if fate == "busy":
            return Rejected("busy", "busy", retry_seconds=10)
        if fate == "refused":
            return Rejected("no", "no")
        if fate == "nothing" or self.is_down:
            return Unknown("timeout")
        self.made += 1
        checkout_id = f"ws_CO_{self.made:06d}"
        self.prompts[checkout_id] = Prompt(request, checkout_id)
        return Unknown("timeout") if fate == "time-out" else Accepted(checkout_id, f"m-{checkout_id}")

    def ask(self, checkout_id: str) -> AskOutcome:
        if self.is_down:
            return Unknown("timeout")
        code = self.prompts[checkout_id].code
        return StillOpen() if code is None else _result(checkout_id, code)

    def pull(self, start: datetime, end: datetime) -> Iterator[list[WalletLine]]:
        """What came in and went out, but payouts, which only the statement lists."""
        if self.is_down:
            raise PullFailed("timeout")
        listed = [line for line in self.lines if start <= line.at <= end and line.kind != LineKind.OTHER]
        for number, first in enumerate(range(0, len(listed), PAGE_ROWS)):
            if number and self.breaks_pages:
                self.breaks_pages = False
                raise PullFailed("the second page did not come")
            yield listed[first : first + PAGE_ROWS]

    def end(self, prompt: Prompt, code: str) -> None:
        """The phone's owner, or time, ends a prompt. Money moves on 0, also after a failure was told."""
        prompt.code = code
        if code == "0":
            prompt.receipt, prompt.paid_at = self.new_receipt(), self.clock.now()
            self._list(prompt.receipt, prompt.request.amount, prompt.request.account, prompt.request.phone)

    def pay_by_hand(self, phone: PhoneNumber, cents: int, account: str) -> str:
        """Somebody pays the shortcode; returns the receipt."""
        receipt = self.new_receipt()
        self._list(receipt, Money(cents), account, phone)
        return receipt

    def take_back(self, receipt: str) -> None:
        """The wallet reverses a payment, unless it did so before."""
        line = next(line for line in self.lines if line.receipt == receipt)
        if any(other.linked_receipt == receipt for other in self.lines):
            return
        self.move(LineKind.REVERSAL, -line.amount.amount_cents, linked=receipt)

    def move(self, kind: LineKind, cents: int, linked: str = "") -> str:
        """A line that is no payment of anybody."""
        receipt = self.new_receipt()
        line = WalletLine(
            SHORTCODE, receipt, f"row-{receipt}", kind, Money(cents), self.clock.now(), linked_receipt=linked
        )
        self.lines.append(line)
        return receipt

    @property
    def holds_cents(self) -> int:
        return sum(line.amount.amount_cents for line in self.lines)

    def callback_of(self, prompt: Prompt) -> str:
        """The callback about an ended prompt."""
        body: dict[str, object] = {"checkout_id": prompt.checkout_id, "code": prompt.code}
        if prompt.code == "0" and prompt.paid_at:
            body |= {
                "receipt": prompt.receipt,
                "cents": prompt.request.amount.amount_cents,
                "payer": prompt.request.phone.e164,
                "paid_at": prompt.paid_at.isoformat(),
            }
        return json.dumps(body)

    def confirmation_of(self, receipt: str, **payer: str) -> str:
        """The C2B confirmation of a payment, with the balance after it."""
        place, line = next((n, line) for n, line in enumerate(self.lines) if line.receipt == receipt)
        body: dict[str, object] = {
            "receipt": receipt,
            "cents": line.amount.amount_cents,
            "paid_at": line.at.isoformat(),
            "account": line.account,
            "balance": sum(each.amount.amount_cents for each in self.lines[: place + 1]),
        }
        return json.dumps(body | payer)

    def read_prompt_result(self, raw: str) -> PromptResult:
        try:
            body = json.loads(raw)
            result = _result(body["checkout_id"], body["code"])
            if "receipt" not in body:
                return result
            return PromptResult(
                checkout_id=result.checkout_id,
                fate=result.fate,
                code=result.code,
                message=result.message,
                receipt=body["receipt"],
                amount=Money(body["cents"]),
                paid_at=datetime.fromisoformat(body["paid_at"]),
                payer=PhoneNumber(body["payer"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableMessage("not a prompt result") from error

    def read_hand_payment(self, raw: str) -> HandPayment:
        try:
            body = json.loads(raw)
            phone = body.get("payer")
            return HandPayment(
                receipt=body["receipt"],
                shortcode=SHORTCODE,
                amount=Money(body["cents"]),
                paid_at=datetime.fromisoformat(body["paid_at"]),
                account=body["account"],
                payer=PhoneNumber(phone) if phone else None,
                payer_hash=body.get("payer_hash"),
                payer_mask=body.get("payer_mask"),
                balance_after=Money(body["balance"]) if "balance" in body else None,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableMessage("not a hand payment") from error

    def new_receipt(self) -> str:
        self.made += 1
        return f"SKL{self.made:07d}"

    def _list(self, receipt: str, amount: Money, account: str, phone: PhoneNumber) -> None:
        line = WalletLine(
            SHORTCODE,
            receipt,
            f"row-{receipt}",
            LineKind.CREDIT,
            amount,
            self.clock.now(),
            account=account,
            payer=phone,
        )
        self.lines.append(line)


def _result(checkout_id: str, code: str) -> PromptResult:
    return PromptResult(
        checkout_id=checkout_id,
        fate=FATES[code],
        code=code,
        message=f"result {code}",
        told=TOLD.get(code, ""),
        may_still_pay=code in LATE,
    )
