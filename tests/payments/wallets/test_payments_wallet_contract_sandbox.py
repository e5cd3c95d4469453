"""M-Pesa keeps the wallet contract against the sandbox, over real HTTP, and reads its statement."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from core.clock import SystemClock
from core.phone import PhoneNumber
from core.shared_token import LocalTokenCache
from payments.wallets.mpesa.registration import Registration, register_hand_payments, register_pull
from payments.wallets.mpesa.stk import PUSH_PATH
from payments.wallets.mpesa.wallet import MpesaWallet
from payments.wallets.protocol import (
    Accepted,
    AskOutcome,
    LineKind,
    PromptRequest,
    StillOpen,
    Wallet,
    WalletLine,
)
from sandbox.testing import running_sandbox
from tests.payments.wallets.mpesa_stubs import config, wish
from tests.payments.wallets.wallet_contract import ListingContract, WalletContract, paid_prompt, pulled

HOOKS = "http://127.0.0.1:9/hooks/dev"
GIVE_UP_SECONDS = 30.0
NAIROBI = timedelta(hours=3)


class SandboxStage:
    """A sandbox of its own, whose callbacks find nobody at home but are kept."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False
        self.tokens = LocalTokenCache()
        self.mpesa = self.wallet_at(f"{url}/daraja")
        self._phones = iter(range(1000))
        self.put("switches", pull_page_size=2, auto_seconds=0)
        register_pull(
            self.mpesa.client, nominated=PhoneNumber.parse("0722000000"), callback_url=f"{HOOKS}/pull"
        )
        self.register_hooks(self.mpesa)

    def register_hooks(self, mpesa: MpesaWallet) -> Registration:
        return register_hand_payments(
            mpesa.client,
            validation_url=f"{HOOKS}/c2b/validation",
            confirmation_url=f"{HOOKS}/c2b/confirmation",
        )

    def wallet_at(self, base_url: str, **changed: Any) -> MpesaWallet:
        return MpesaWallet(config(base_url=base_url, **changed), self.tokens, self.http, SystemClock())

    @property
    def wallet(self) -> Wallet:
        return self.mpesa

    def wish(self) -> PromptRequest:
        phone = PhoneNumber.parse(f"0712345{next(self._phones):03}")
        return wish(phone=phone, callback_url=f"{HOOKS}/stk")

    def now(self) -> datetime:
        return datetime.now(UTC)

    def payers_will(self, outcome: str) -> None:
        self.put(
            "faults/stk", **({"auto": False} if outcome == "open" else {"auto": True, "outcome": outcome})
        )

    def fail_with(self, fault: str) -> None:
        if fault == "busy":
            self.put("faults/stk", error_code="500.003.02")
        elif fault == "hang":
            # The hold outlasts every time-out; the token is fetched before, with time to spare.
            self.mpesa.ask("ws_CO_0")
            self.put("faults/stk", accept_then_timeout=GIVE_UP_SECONDS)
            self.mpesa = self.wallet_at(f"{self.url}/daraja", read_timeout_seconds=2.0)
        else:
            self.mpesa = self.wallet_at("http://127.0.0.1:9/daraja")

    def end_the_token(self) -> None:
        asked = self.http.get(
            f"{self.url}/daraja/oauth/v1/generate?grant_type=client_credentials",
            auth=("sandbox-key", "sandbox-secret"),
            timeout=GIVE_UP_SECONDS,
        )
        asked.raise_for_status()

    def prompts_received(self) -> int:
        received = self.get("requests?to=daraja")
        return sum(one["path"].endswith(PUSH_PATH) for one in received)

    def ended(self, checkout_id: str) -> AskOutcome:
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < give_up_at:
            outcome = self.mpesa.ask(checkout_id)
            if outcome != StillOpen():
                return outcome
        raise AssertionError("the prompt did not end")

    def callback(self, checkout_id: str) -> str:
        [found] = self._callbacks("stk", lambda body: checkout_id in json.dumps(body), 1)
        return found

    def hand_payments(self, accounts: list[str]) -> list[str]:
        for account in accounts:
            paid = self.http.post(
                f"{self.url}/c2b",
                json={"phone": str(self.wish().phone), "amount": 70, "account": account},
                timeout=GIVE_UP_SECONDS,
            )
            paid.raise_for_status()
        return self._callbacks("c2b", lambda body: bool(body.get("OrgAccountBalance")), len(accounts))

    def pulls_fail(self) -> None:
        self.put("faults/pull", http_status=500)

    def _callbacks(self, part: str, wanted: Any, count: int) -> list[str]:
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < give_up_at:
            bodies = [one["body"] for one in self.get("callbacks") if one["part"].startswith(part)]
            found = [json.dumps(body) for body in bodies if wanted(body)]
            if len(found) >= count:
                return found
        raise AssertionError(f"{part} callbacks did not come")

    def get(self, path: str) -> Any:
        return self.http.get(f"{self.url}/{path}", timeout=GIVE_UP_SECONDS).json()

    def put(self, path: str, **body: Any) -> None:
        self.http.put(f"{self.url}/{path}", json=body, timeout=GIVE_UP_SECONDS).raise_for_status()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[SandboxStage]:
    with running_sandbox(tmp_path / "sandbox") as url:
        made = SandboxStage(url)
        yield made
        made.http.close()


class TestMpesaInTheSandbox(WalletContract, ListingContract):
    pass


def day_of(stage: SandboxStage) -> str:
    return (stage.now() + NAIROBI).date().isoformat()


@pytest.mark.parametrize("order", ["dmy", "ymd"])
@pytest.mark.parametrize("lower_case", [True, False])
def test_the_statement_says_what_the_sandbox_holds(stage: SandboxStage, order: str, lower_case: bool) -> None:
    stage.put("switches", statement_charge_cents=2300, statement_lower_case=lower_case)
    paid_prompt(stage)
    stage.hand_payments(["400000012", "hand typed"])
    days = sorted({day_of(stage), (stage.now() + NAIROBI - timedelta(minutes=1)).date().isoformat()})
    lines: list[WalletLine] = []
    truth: list[dict[str, Any]] = []
    for day in days:
        content = stage.http.get(f"{stage.url}/statement?date={day}&date_order={order}", timeout=30).content
        statement = stage.mpesa.read_statement(content)
        assert statement.oddities == ()
        lines += statement.lines
        truth += stage.get(f"statement.json?date={day}")["rows"]
    assert sorted((line.receipt, line.amount.amount_cents, line.account) for line in lines) == sorted(
        (row["receipt"], row["amount_cents"], row["account"]) for row in truth
    )
    assert [line.kind for line in lines].count(LineKind.CHARGE) == 3


def test_pull_and_statement_give_a_payment_one_receipt_and_two_keys(stage: SandboxStage) -> None:
    stage.hand_payments(["400000012"])
    [line] = pulled(stage)
    content = stage.http.get(f"{stage.url}/statement?date={day_of(stage)}", timeout=30).content
    listed = {other.receipt: other for other in stage.mpesa.read_statement(content).lines}
    assert (listed[line.receipt].amount, listed[line.receipt].at) == (line.amount, line.at)
    # The statement's row has the balance, which the pulled one must not keep away.
    assert listed[line.receipt].row_key != line.row_key
    assert (line.balance_after, listed[line.receipt].balance_after is None) == (None, False)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_each_version_of_c2b_says_who_paid_in_its_own_way(stage: SandboxStage, version: str) -> None:
    stage.register_hooks(stage.wallet_at(f"{stage.url}/daraja", c2b_version=version))
    [raw] = stage.hand_payments(["400000012"])
    payment = stage.mpesa.read_hand_payment(raw)
    assert payment.payer is None
    if version == "v1":
        assert payment.payer_hash == PhoneNumber.parse("0712345000").wallet_hash
    else:
        assert payment.payer_mask is not None


def test_addresses_registered_twice_are_known(stage: SandboxStage) -> None:
    stage.put("switches", c2b_register_once=True)
    assert stage.register_hooks(stage.mpesa) is Registration.ALREADY


@pytest.mark.parametrize("spaced", [True, False])
def test_pulling_registered_twice_is_known(stage: SandboxStage, spaced: bool) -> None:
    stage.put("switches", pull_spaced_keys=spaced)
    again = register_pull(
        stage.mpesa.client, nominated=PhoneNumber.parse("0722000000"), callback_url=f"{HOOKS}/pull"
    )
    assert again is Registration.ALREADY


def test_a_wallet_with_wrong_secrets_is_refused_and_says_so(stage: SandboxStage) -> None:
    stranger = stage.wallet_at(f"{stage.url}/daraja", passkey="guessed")
    outcome = stranger.prompt(stage.wish())
    assert not isinstance(outcome, Accepted)
    assert "Wrong credentials" in repr(outcome)
