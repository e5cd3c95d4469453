"""M-Pesa as a `Wallet`: one shortcode, reached through Daraja."""

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain

import requests

from core.clock import Clock
from core.shared_token import TokenCache
from payments.wallets.mpesa import hand_payment, pull, statement, stk, stk_result
from payments.wallets.mpesa.client import DarajaClient
from payments.wallets.mpesa.config import HOOK, NAME, MpesaConfig
from payments.wallets.mpesa.statement_stream import StreamedStatement
from payments.wallets.protocol import (
    AskOutcome,
    HandPayment,
    PromptOutcome,
    PromptRequest,
    PromptResult,
    WalletLine,
)
from payments.wallets.statements import UTF_16_MARKS, StatementStream, WholeStatement, in_one_piece


class MpesaWallet:
    """`http`: pooled, shared, and without retries of its own; `tokens`: shared by all processes."""

    name = NAME
    hook = HOOK
    can_pull = True
    # A prompt lives for one to three minutes.
    ask_at_seconds: tuple[int, ...] = (30, 60, 120, 300)

    def __init__(self, config: MpesaConfig, tokens: TokenCache, http: requests.Session, clock: Clock) -> None:
        self.shortcode = config.shortcode
        self.client = DarajaClient(config, tokens, http)
        self._clock = clock

    def checkout_id_for(self, contribution_id: uuid.UUID) -> str | None:  # noqa: ARG002 -- the protocol's
        """Daraja gives prompts their names."""
        return None

    def prompt(self, request: PromptRequest) -> PromptOutcome:
        """Send a payment prompt, once. Raises InvalidValue before sending what Daraja would refuse."""
        return stk.prompt(self.client, self._clock, request)

    def ask(self, checkout_id: str) -> AskOutcome:
        """Ask how a prompt ended; a paid one comes without receipt and amount."""
        return stk.ask(self.client, self._clock, checkout_id)

    def pull(self, start: datetime, end: datetime) -> Iterator[list[WalletLine]]:
        """Every payment in a range of the last 48 hours, page by page. Raises PullFailed."""
        return pull.pull(self.client, start, end)

    def read_prompt_result(self, raw: str | bytes) -> PromptResult:
        """Parse a stored STK callback. Raises UnreadableMessage."""
        return stk_result.read_prompt_result(raw)

    def read_hand_payment(self, raw: str | bytes) -> HandPayment:
        """Parse a stored C2B validation or confirmation. Raises UnreadableMessage."""
        return hand_payment.read_hand_payment(raw)

    def read_statement(self, content: bytes) -> statement.Statement:
        """Read an export of the organisation portal. Raises StatementRefused."""
        return statement.read_statement(content, self.shortcode)

    def stream_statement(self, chunks: Iterable[bytes]) -> StatementStream:
        """Read the head of an export, whose rows follow while they come. Raises StatementRefused."""
        coming = iter(chunks)
        first = next(coming, b"")
        if first[:2] in UTF_16_MARKS:
            return WholeStatement(self.read_statement(in_one_piece(chain([first], coming))))
        return StreamedStatement(chain([first], coming), self.shortcode)
