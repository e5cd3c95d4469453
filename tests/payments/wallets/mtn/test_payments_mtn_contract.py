"""MTN MoMo keeps the wallet contract, on documented bodies and against the sandbox over real HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from core.phone import PhoneNumber
from core.shared_token import LocalTokenCache
from payments.wallets.mtn.collection import PAY_PATH
from payments.wallets.mtn.wallet import MtnWallet
from payments.wallets.protocol import AskOutcome, LineKind, PromptRequest, PromptResult, Wallet
from sandbox.testing import running_sandbox
from tests.payments.wallets.collection_stubs import GIVE_UP_SECONDS, Provider, SandboxSide, provider
from tests.payments.wallets.mtn import mtn_bodies as bodies
from tests.payments.wallets.wallet_contract import EnquiryContract, WalletContract, paid_prompt

TOKEN_PATH = "/collection/token/"
HOOK = "http://127.0.0.1:9/hooks/dev/mtn/1"


class DocumentedStage:
    """A MoMo made of documented bodies only; it always speaks of the same payment."""

    def __init__(self, stub: Provider) -> None:
        self.mtn: MtnWallet = bodies.wallet()
        self._stub = stub
        self._outcome = "open"
        stub.answer("POST", TOKEN_PATH, (200, bodies.TOKEN))
        conflict = (409, bodies.error("RESOURCE_ALREADY_EXIST"))
        stub.answer("POST", PAY_PATH, (202, None), conflict)
        stub.answer("GET", f"{PAY_PATH}/*", (404, bodies.error("RESOURCE_NOT_FOUND")))

    @property
    def wallet(self) -> Wallet:
        return self.mtn

    def wish(self) -> PromptRequest:
        return bodies.wish(contribution_id=bodies.CONTRIBUTION)

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 9, tzinfo=UTC)

    def payers_will(self, outcome: str) -> None:
        self._outcome = outcome
        answers = {"open": bodies.payment("PENDING"), "paid": bodies.paid()}
        body = answers.get(outcome) or bodies.payment("FAILED", reason=bodies.REASONS[outcome])
        self._stub.answer("GET", f"{PAY_PATH}/*", (200, body))

    def fail_with(self, fault: str) -> None:
        answers: dict[str, Any] = {
            "busy": (429, {"statusCode": 429, "message": "Rate limit is exceeded."}),
            "hang": requests.exceptions.ReadTimeout(),
            "down": requests.exceptions.ConnectTimeout(),
        }
        self._stub.answer("POST", PAY_PATH, answers[fault])
        if fault == "down":
            self._stub.answer("GET", f"{PAY_PATH}/*", answers[fault])

    def end_the_token(self) -> None:
        refused = (401, {"message": "Unauthorized"})
        self._stub.answer("POST", PAY_PATH, refused, (202, None))

    def prompts_received(self) -> int:
        return len(self._stub.to("POST", PAY_PATH))

    def ended(self, checkout_id: str) -> AskOutcome:
        return self.mtn.ask(checkout_id)

    def callback(self, _checkout_id: str) -> str:
        return bodies.callback(self._outcome)


class SandboxStage:
    """A sandbox of its own, whose callbacks find nobody at home but are kept."""

    def __init__(self, url: str) -> None:
        self.side = SandboxSide(url, "mtn", PAY_PATH)
        self._tokens = LocalTokenCache()
        self.mtn = self.wallet_at(f"{url}/mtn")
        self._phones = iter(range(1000))

    def wallet_at(self, base_url: str, **changed: Any) -> MtnWallet:
        return MtnWallet(bodies.config(base_url=base_url, **changed), self._tokens, self.side.http)

    @property
    def wallet(self) -> Wallet:
        return self.mtn

    def wish(self) -> PromptRequest:
        phone = PhoneNumber.parse(f"+256772123{next(self._phones):03}")
        return bodies.wish(phone=phone, callback_url=HOOK)

    def now(self) -> datetime:
        return self.side.now()

    def payers_will(self, outcome: str) -> None:
        self.side.payers_will(outcome)

    def fail_with(self, fault: str) -> None:
        if fault == "busy":
            self.side.put("faults/mtn", http_status=429)
        elif fault == "hang":
            # The hold outlasts every time-out; the token is fetched before, with time to spare.
            self.mtn.ask(bodies.CHECKOUT)
            self.side.put("faults/mtn", accept_then_timeout=GIVE_UP_SECONDS, outcome="paid")
            self.mtn = self.wallet_at(f"{self.side.url}/mtn", read_timeout_seconds=2.0)
        else:
            self.mtn = self.wallet_at("http://127.0.0.1:9/mtn")

    def end_the_token(self) -> None:
        answer = self.side.http.post(
            f"{self.side.url}/mtn{TOKEN_PATH}",
            auth=("7f3a0c1e-5b0d-4a52-9d55-3d3c6f1a2b10", "sandbox-mtn-key"),
            headers={"Ocp-Apim-Subscription-Key": "sandbox-mtn-subscription"},
            timeout=GIVE_UP_SECONDS,
        )
        answer.raise_for_status()

    def prompts_received(self) -> int:
        return self.side.prompts_received()

    def ended(self, checkout_id: str) -> AskOutcome:
        return self.side.ended(self.mtn, checkout_id)

    def callback(self, checkout_id: str) -> str:
        return self.side.callback(checkout_id)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[SandboxStage]:
    with running_sandbox(tmp_path / "sandbox") as url:
        made = SandboxStage(url)
        yield made
        made.side.http.close()


class TestMtnOnDocumentedBodies(WalletContract, EnquiryContract):
    @pytest.fixture
    def stage(self) -> Iterator[DocumentedStage]:
        with provider(bodies.MTN) as stub:
            yield DocumentedStage(stub)


class TestMtnInTheSandbox(WalletContract, EnquiryContract):
    pass


def test_a_paid_enquiry_tells_amount_and_payer(stage: SandboxStage) -> None:
    outcome = stage.ended(paid_prompt(stage))
    assert isinstance(outcome, PromptResult)
    assert outcome.amount == stage.wish().amount
    assert outcome.payer == PhoneNumber.parse("+256772123000")


def test_the_statement_says_what_the_sandbox_holds(stage: SandboxStage) -> None:
    stage.side.put("switches", statement_charge_cents=5000)
    receipts = [getattr(stage.ended(paid_prompt(stage)), "receipt", None) for _ in range(3)]
    content = stage.side.http.get(f"{stage.side.url}/statement/mtn", timeout=GIVE_UP_SECONDS).content
    statement = stage.mtn.read_statement(content)
    assert statement.oddities == ()
    credits_ = [line for line in statement.lines if line.kind is LineKind.CREDIT]
    assert sorted(line.receipt for line in credits_) == sorted(filter(None, receipts))
    assert {line.account for line in credits_} == {"400000012"}
    assert {line.payer for line in credits_} >= {PhoneNumber.parse("+256772123000")}
    assert sum(line.amount.amount_cents for line in statement.lines) == 3 * (500_000 - 5_000)
