"""Airtel Money as a `Wallet`: one merchant account in one country."""

import uuid
from collections.abc import Iterator
from datetime import datetime

import requests

from core.shared_token import TokenCache
from payments.wallets.airtel import callback, collection, statement
from payments.wallets.airtel.client import AirtelClient
from payments.wallets.airtel.config import HOOK, NAME, AirtelConfig
from payments.wallets.protocol import (
    AskOutcome,
    HandPayment,
    PromptOutcome,
    PromptRequest,
    PromptResult,
    PullNotOffered,
    UnreadableMessage,
    WalletLine,
)
from payments.wallets.statements import Statement


class AirtelWallet:
    """`http`: pooled, shared, and without retries of its own; `tokens`: shared by all processes."""

    name = NAME
    hook = HOOK
    can_pull = False
    # A client in production waits three minutes before its first enquiry; a callback makes us ask at once.
    ask_at_seconds: tuple[int, ...] = (180, 300, 600)

    def __init__(self, config: AirtelConfig, tokens: TokenCache, http: requests.Session) -> None:
        self.shortcode = config.merchant
        self.client = AirtelClient(config, tokens, http)

    def checkout_id_for(self, contribution_id: uuid.UUID) -> str | None:
        """The id that we give the payment."""
        return collection.id_for(contribution_id)

    def prompt(self, request: PromptRequest) -> PromptOutcome:
        """Send a payment prompt, once. Raises InvalidValue before sending what Airtel would refuse."""
        return collection.prompt(self.client, request)

    def ask(self, checkout_id: str) -> AskOutcome:
        """Enquire how a prompt ended; a paid one comes with its receipt."""
        return collection.ask(self.client, checkout_id)

    def pull(self, start: datetime, end: datetime) -> Iterator[list[WalletLine]]:
        """Raises PullNotOffered: Airtel lists payments in its portal only."""
        raise PullNotOffered(f"Airtel offers no list from {start} to {end}; import its statement")

    def read_prompt_result(self, raw: str | bytes) -> PromptResult:
        """Parse a stored callback. Raises UnreadableMessage, also for a hash that does not fit."""
        return callback.read_prompt_result(raw, self.client.config.hash_key)

    def read_hand_payment(self, raw: str | bytes) -> HandPayment:
        """Raises UnreadableMessage: Airtel announces no payments made by hand."""
        raise UnreadableMessage(f"Airtel announces no hand payments ({len(raw)} characters)")

    def read_statement(self, content: bytes) -> Statement:
        """Read an export of the merchant portal. Raises StatementRefused."""
        config = self.client.config
        return statement.read_statement(
            content, config.merchant, config.currency, config.country, config.zone
        )
