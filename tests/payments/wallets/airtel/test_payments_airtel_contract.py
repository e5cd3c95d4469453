"""Airtel Money keeps the wallet contract, on documented bodies and against the sandbox over real HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from core.phone import PhoneNumber
from core.shared_token import LocalTokenCache
from payments.wallets.airtel.collection import ENQUIRY_PATH, PUSH_PATH
from payments.wallets.airtel.wallet import AirtelWallet
from payments.wallets.protocol import AskOutcome, LineKind, PromptRequest, Wallet
from sandbox.testing import running_sandbox
from tests.payments.wallets.airtel import airtel_bodies as bodies
from tests.payments.wallets.collection_stubs import GIVE_UP_SECONDS, Provider, SandboxSide, provider
from tests.payments.wallets.wallet_contract import EnquiryContract, WalletContract, paid_prompt

TOKEN_PATH = "/auth/oauth2/token"
NO_SUCH = (400, bodies.refused("ESB000045") | {"data": {}})


class DocumentedStage:
    """An Airtel made of documented bodies only; it always speaks of the same payment."""

    def __init__(self, stub: Provider) -> None:
        self.airtel: AirtelWallet = bodies.wallet()
        self._stub = stub
        self._outcome = "open"
        stub.answer("POST", TOKEN_PATH, (200, bodies.TOKEN))
        stub.answer("POST", PUSH_PATH, (200, bodies.pushed()))
        stub.answer("GET", f"{ENQUIRY_PATH}*", NO_SUCH)

    @property
    def wallet(self) -> Wallet:
        return self.airtel

    def wish(self) -> PromptRequest:
        return bodies.wish(contribution_id=bodies.CONTRIBUTION)

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 9, tzinfo=UTC)

    def payers_will(self, outcome: str) -> None:
        self._outcome = outcome
        answers = {
            "open": bodies.enquired("TIP", "DP00800001006"),
            "paid": bodies.enquired("TS", airtel_money_id=bodies.RECEIPT),
        }
        body = answers.get(outcome) or bodies.enquired("TF", bodies.CODES[outcome])
        self._stub.answer("GET", f"{ENQUIRY_PATH}*", (200, body))

    def fail_with(self, fault: str) -> None:
        answers: dict[str, Any] = {
            "busy": (429, None),
            "hang": requests.exceptions.ReadTimeout(),
            "down": requests.exceptions.ConnectTimeout(),
        }
        self._stub.answer("POST", PUSH_PATH, answers[fault])
        if fault == "down":
            self._stub.answer("GET", f"{ENQUIRY_PATH}*", answers[fault])

    def end_the_token(self) -> None:
        refused = (401, {"error": "invalid_token", "error_description": "expired"})
        self._stub.answer("POST", PUSH_PATH, refused, (200, bodies.pushed()))

    def prompts_received(self) -> int:
        return len(self._stub.to("POST", PUSH_PATH))

    def ended(self, checkout_id: str) -> AskOutcome:
        return self.airtel.ask(checkout_id)

    def callback(self, _checkout_id: str) -> str:
        return bodies.callback("TS" if self._outcome == "paid" else "TF")


class SandboxStage:
    """A sandbox of its own, whose callbacks find nobody at home but are kept."""

    def __init__(self, url: str, hash_key: str | None = None) -> None:
        self.side = SandboxSide(url, "airtel", PUSH_PATH)
        self._tokens = LocalTokenCache()
        self._hash_key = hash_key
        self.airtel = self.wallet_at(f"{url}/airtel")
        self._phones = iter(range(1000))

    def wallet_at(self, base_url: str, **changed: Any) -> AirtelWallet:
        config = bodies.config(base_url=base_url, hash_key=self._hash_key, **changed)
        return AirtelWallet(config, self._tokens, self.side.http)

    @property
    def wallet(self) -> Wallet:
        return self.airtel

    def wish(self) -> PromptRequest:
        return bodies.wish(phone=PhoneNumber.parse(f"0733123{next(self._phones):03}"))

    def now(self) -> datetime:
        return self.side.now()

    def payers_will(self, outcome: str) -> None:
        self.side.payers_will(outcome)

    def fail_with(self, fault: str) -> None:
        if fault == "busy":
            self.side.put("faults/airtel", http_status=429)
        elif fault == "hang":
            # The hold outlasts every time-out; the token is fetched before, with time to spare.
            self.airtel.ask("0000")
            self.side.put("faults/airtel", accept_then_timeout=GIVE_UP_SECONDS, outcome="paid")
            self.airtel = self.wallet_at(f"{self.side.url}/airtel", read_timeout_seconds=2.0)
        else:
            self.airtel = self.wallet_at("http://127.0.0.1:9/airtel")

    def end_the_token(self) -> None:
        wanted = {
            "client_id": "sandbox-airtel-id",
            "client_secret": "sandbox-airtel-secret",
            "grant_type": "client_credentials",
        }
        answer = self.side.http.post(
            f"{self.side.url}/airtel{TOKEN_PATH}", json=wanted, timeout=GIVE_UP_SECONDS
        )
        answer.raise_for_status()

    def prompts_received(self) -> int:
        return self.side.prompts_received()

    def ended(self, checkout_id: str) -> AskOutcome:
        return self.side.ended(self.airtel, checkout_id)

    def callback(self, checkout_id: str) -> str:
        return self.side.callback(checkout_id)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[SandboxStage]:
    with running_sandbox(tmp_path / "sandbox") as url:
        made = SandboxStage(url)
        yield made
        made.side.http.close()


class TestAirtelOnDocumentedBodies(WalletContract, EnquiryContract):
    @pytest.fixture
    def stage(self) -> Iterator[DocumentedStage]:
        with provider(bodies.AIRTEL) as stub:
            yield DocumentedStage(stub)


class TestAirtelInTheSandbox(WalletContract, EnquiryContract):
    pass


def test_the_sandbox_signs_what_the_key_of_the_portal_verifies(stage: SandboxStage) -> None:
    raw = stage.callback(paid_prompt(stage))
    signed = bodies.wallet(hash_key="sandbox-airtel-hash-key").read_prompt_result(raw)
    assert not signed.ask_first
    assert signed.receipt


def test_the_statement_says_what_the_sandbox_holds(stage: SandboxStage) -> None:
    stage.side.put("switches", statement_charge_cents=200)
    receipts = []
    for _ in range(3):
        outcome = stage.ended(paid_prompt(stage))
        receipts.append(getattr(outcome, "receipt", None))
    content = stage.side.http.get(f"{stage.side.url}/statement/airtel", timeout=GIVE_UP_SECONDS).content
    statement = stage.airtel.read_statement(content)
    assert statement.oddities == ()
    credits_ = [line for line in statement.lines if line.kind is LineKind.CREDIT]
    assert sorted(line.receipt for line in credits_) == sorted(filter(None, receipts))
    assert {line.account for line in credits_} == {"400000012"}
    assert sum(line.amount.amount_cents for line in statement.lines) == 3 * (5000 - 200)
