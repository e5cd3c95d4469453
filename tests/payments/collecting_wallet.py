"""A wallet in memory without a list: it names prompts as we do, and only its own answer proves anything."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from payments.wallets.protocol import (
    Accepted,
    AskOutcome,
    Fate,
    PromptOutcome,
    PromptRequest,
    PromptResult,
    PullNotOffered,
    Rejected,
    StillOpen,
    Unknown,
    WalletLine,
)
from tests.payments.scripted_wallet import Prompt, ScriptedWallet


@dataclass
class CollectingWallet(ScriptedWallet):
    """As Airtel and MTN: our ids, callbacks that make us ask, receipts by enquiry, no pull."""

    name: str = "airtel"
    shortcode: str = "AIRTELFUND"
    hook: str = "airtel"
    can_pull: bool = False
    ask_at_seconds: tuple[int, ...] = (180, 300)
    hides_receipts: bool = False

    def checkout_id_for(self, contribution_id: uuid.UUID) -> str | None:
        return contribution_id.hex

    def prompt(self, request: PromptRequest) -> PromptOutcome:
        self.requests.append(request)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Rejected):
            return outcome
        checkout_id = request.contribution_id.hex
        self.prompts[checkout_id] = Prompt(request, checkout_id)
        return outcome or Accepted(checkout_id)

    def ask(self, checkout_id: str) -> AskOutcome:
        self.asks.append(checkout_id)
        if self.is_down:
            return Unknown("timeout")
        prompt = self.prompts[checkout_id]
        if prompt.code is None:
            return StillOpen()
        result = self._result(checkout_id, prompt.code)
        known = result.fate is Fate.PAID and not self.hides_receipts
        return replace(result, receipt=prompt.receipt if known else None)

    def pull(self, start: datetime, end: datetime) -> Iterator[list[WalletLine]]:
        raise PullNotOffered(f"no list from {start} to {end}")

    def read_prompt_result(self, raw: str) -> PromptResult:
        return replace(super().read_prompt_result(raw), ask_first=True)
