"""MTN MoMo as a `Wallet`: one collection account in one country."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import requests

from core.shared_token import TokenCache
from payments.wallets.mtn import collection, statement
from payments.wallets.mtn.client import MtnClient
from payments.wallets.mtn.config import HOOK, NAME, MtnConfig
from payments.wallets.mtn.payment import outcome_of, read_payment_of
from payments.wallets.protocol import (
    AskOutcome,
    Fate,
    HandPayment,
    PromptOutcome,
    PromptRequest,
    PromptResult,
    PullNotOffered,
    UnreadableMessage,
    WalletLine,
)
from payments.wallets.statements import Statement
from payments.wallets.wire import read_json


class MtnWallet:
    """`http`: pooled, shared, and without retries of its own; `tokens`: shared by all processes."""

    name = NAME
    hook = HOOK
    can_pull = False
    # A payer has five minutes; callbacks come once, or not at all.
    ask_at_seconds: tuple[int, ...] = (30, 60, 120, 330)

    def __init__(self, config: MtnConfig, tokens: TokenCache, http: requests.Session) -> None:
        self.shortcode = config.account
        self.client = MtnClient(config, tokens, http)

    def checkout_id_for(self, contribution_id: uuid.UUID) -> str | None:
        """The reference that we give the payment."""
        return collection.reference_for(contribution_id)

    def prompt(self, request: PromptRequest) -> PromptOutcome:
        """Send a payment prompt, once. Raises InvalidValue before sending what MoMo would refuse."""
        return collection.prompt(self.client, request)

    def ask(self, checkout_id: str) -> AskOutcome:
        """Ask how a prompt ended; a paid one comes with receipt, amount and payer."""
        return collection.ask(self.client, checkout_id)

    def pull(self, start: datetime, end: datetime) -> Iterator[list[WalletLine]]:
        """Raises PullNotOffered: MoMo lists payments in its portal only."""
        raise PullNotOffered(f"MoMo offers no list from {start} to {end}; import its statement")

    def read_prompt_result(self, raw: str | bytes) -> PromptResult:
        """Parse a stored callback. Nobody signs it: it only makes us ask. Raises UnreadableMessage."""
        payment = read_payment_of(read_json(raw))
        outcome = outcome_of(payment, payment.externalId)
        if isinstance(outcome, PromptResult):
            return replace(outcome, ask_first=True)
        return PromptResult(
            payment.externalId, Fate.UNKNOWN, payment.status, f"status {payment.status}", ask_first=True
        )

    def read_hand_payment(self, raw: str | bytes) -> HandPayment:
        """Raises UnreadableMessage: MoMo announces no payments made by hand."""
        raise UnreadableMessage(f"MoMo announces no hand payments ({len(raw)} characters)")

    def read_statement(self, content: bytes) -> Statement:
        """Read an export of the partner portal. Raises StatementRefused."""
        config = self.client.config
        return statement.read_statement(content, config.account, config.currency, config.country, config.zone)
