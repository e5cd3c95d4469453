"""Payouts, reversals and enquiries against the sandbox: ordered once, answered later, read strictly."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidValue
from core.money import Money
from core.phone import PhoneNumber
from core.shared_token import LocalTokenCache
from payments.wallets.mpesa.client import DarajaClient
from payments.wallets.mpesa.initiator import Initiator, certificate_from
from payments.wallets.mpesa.order_result import read_result
from payments.wallets.mpesa.payouts import MpesaPayouts
from payments.wallets.payouts import (
    Answers,
    HeldBalance,
    Ordered,
    OrderFate,
    OrderKind,
    OrderResult,
    PayoutRequest,
)
from payments.wallets.protocol import Rejected, Unknown, UnreadableMessage
from sandbox.listener import Listener, listening
from sandbox.testing import Box, running_sandbox
from tests.end_to_end.waiting import wait_for
from tests.payments.wallets.mpesa_stubs import config

PHONE = PhoneNumber("+254712345678")
HTTP_SECONDS = 30


@dataclass
class Stage:
    """A sandbox, the gateway it reports to, and the initiator under test."""

    url: str
    gateway: Listener
    payouts: MpesaPayouts
    http: requests.Session

    def answers(self, kind: OrderKind) -> Answers:
        hooks = f"{self.gateway.url}/hooks/dev"
        return Answers(f"{hooks}/result/{kind}/7", f"{hooks}/timeout/{kind}/7")

    def result(self, kind: OrderKind) -> OrderResult:
        wait_for(lambda: self.gateway.at(f"/result/{kind}/7"), "a callback")
        return self.payouts.read_result(kind, json.dumps(self.gateway.at(f"/result/{kind}/7")[-1]))

    def put(self, path: str, **body: Any) -> None:
        self.http.put(f"{self.url}/{path}", json=body, timeout=HTTP_SECONDS).raise_for_status()

    def pay_by_hand(self, shillings: int = 500) -> str:
        paid = self.http.post(
            f"{self.url}/c2b",
            json={"phone": PHONE.e164, "amount": shillings, "account": "x"},
            timeout=HTTP_SECONDS,
        )
        return str(paid.json()["receipt"])

    def pay_out(self, originator_id: str = "refund-1", shillings: int = 50) -> Any:
        request = PayoutRequest(originator_id, PHONE, Money(shillings * 100), "Refund")
        return self.payouts.pay_out(request, self.answers(OrderKind.PAYOUT))


def payouts_at(
    url: str, http: requests.Session, password: str = "sandbox-initiator-password"
) -> MpesaPayouts:
    certificate = certificate_from(f"{url}/certificate.pem")
    client = DarajaClient(config(base_url=f"{url}/daraja"), LocalTokenCache(), http)
    return MpesaPayouts(client, Initiator("sandbox-initiator", password, certificate))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with listening() as gateway, running_sandbox(tmp_path, gateway.url) as url, requests.Session() as http:
        http.trust_env = False
        yield Stage(url, gateway, payouts_at(url, http), http)


def test_a_payout_is_ordered_carried_out_and_told(stage: Stage) -> None:
    stage.pay_by_hand()
    assert isinstance(stage.pay_out(), Ordered)
    result = stage.result(OrderKind.PAYOUT)
    assert (result.fate, result.originator_id, result.amount) == (OrderFate.DONE, "refund-1", Money(5000))
    assert len(result.receipt) == 10
    assert result.at is not None


def test_the_same_payout_ordered_again_moves_no_more_money(stage: Stage) -> None:
    stage.pay_by_hand()
    first = stage.pay_out()
    assert isinstance(first, Ordered)
    assert first.conversation_id
    assert stage.pay_out() == Ordered()
    stage.result(OrderKind.PAYOUT)
    assert len(stage.gateway.at("/result/payout/7")) == 1


def test_a_payout_without_money_fails_for_certain_and_calls_staff(stage: Stage) -> None:
    stage.pay_out()
    result = stage.result(OrderKind.PAYOUT)
    assert (result.fate, result.code, result.alert) == (OrderFate.FAILED, "1", True)


def test_a_queue_that_was_too_long_leaves_it_unknown_and_asking_finds_the_payout(stage: Stage) -> None:
    stage.pay_by_hand()
    stage.put("faults/b2c", outcome="queue_timeout")
    stage.pay_out()
    wait_for(lambda: stage.gateway.at("/timeout/payout/7"), "a callback")
    raw = json.dumps(stage.gateway.at("/timeout/payout/7")[0])
    assert stage.payouts.read_timeout(OrderKind.PAYOUT, raw).fate is OrderFate.UNKNOWN
    stage.put("faults/b2c")
    stage.payouts.ask_status("refund-1", stage.answers(OrderKind.STATUS))
    found = stage.result(OrderKind.STATUS)
    assert (found.fate, found.amount) == (OrderFate.DONE, Money(5000))


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        ("Completed", OrderFate.DONE),
        ("Reversed", OrderFate.FAILED),
        ("Cancelled", OrderFate.FAILED),
        ("Pending\x00", OrderFate.UNKNOWN),
        ("", OrderFate.UNKNOWN),
    ],
)
def test_only_what_is_completed_is_paid_and_staff_read_the_status(status: str, fate: OrderFate) -> None:
    said = "The service request is processed successfully."
    body = {
        "ResultCode": "0",
        "ResultDesc": said,
        "OriginatorConversationID": "x",
        "ResultParameters": {"ResultParameter": [{"Key": "TransactionStatus", "Value": status}]},
    }
    result = read_result(OrderKind.STATUS, json.dumps({"Result": body}))
    assert (result.fate, result.message) == (fate, said if fate is OrderFate.UNKNOWN else status)


def test_a_payout_nobody_heard_of_is_not_found(stage: Stage) -> None:
    stage.payouts.ask_status("never-sent", stage.answers(OrderKind.STATUS))
    assert stage.result(OrderKind.STATUS).fate is OrderFate.NOT_FOUND


def test_a_refused_question_says_nothing_about_the_payout(stage: Stage) -> None:
    wrong = payouts_at(stage.url, stage.http, "wrong")
    wrong.ask_status("refund-1", stage.answers(OrderKind.STATUS))
    result = stage.result(OrderKind.STATUS)
    assert (result.fate, result.alert) == (OrderFate.UNKNOWN, True)


def test_a_reversal_gives_the_payment_back_once(stage: Stage) -> None:
    receipt = stage.pay_by_hand()
    stage.payouts.reverse(receipt, Money(50000), stage.answers(OrderKind.REVERSAL))
    result = stage.result(OrderKind.REVERSAL)
    assert (result.fate, result.original_receipt, result.amount) == (OrderFate.DONE, receipt, Money(50000))
    stage.gateway.heard.clear()
    stage.payouts.reverse(receipt, Money(50000), stage.answers(OrderKind.REVERSAL))
    assert stage.result(OrderKind.REVERSAL).code == "R000001"
    stage.payouts.ask_balance(stage.answers(OrderKind.BALANCE))
    assert HeldBalance("Utility Account", Money(0)) in stage.result(OrderKind.BALANCE).balances


def test_the_balance_of_every_account_is_told(stage: Stage) -> None:
    stage.pay_by_hand(500)
    stage.payouts.ask_balance(stage.answers(OrderKind.BALANCE))
    assert stage.result(OrderKind.BALANCE).balances == (
        HeldBalance("Working Account", Money(0)),
        HeldBalance("Utility Account", Money(50000)),
        HeldBalance("Charges Paid Account", Money(0)),
    )


def test_refusals_and_silence_are_told_apart(stage: Stage) -> None:
    stage.put("faults/b2c", error_code="500.003.02")
    refused = stage.pay_out()
    assert isinstance(refused, Rejected)
    assert refused.retry_seconds
    stage.put("faults/b2c", http_status=502)
    assert isinstance(stage.pay_out(), Unknown)


def test_what_daraja_would_refuse_is_not_sent(stage: Stage) -> None:
    for amount, phone in ((Money(5050), PHONE), (Money(5000), PhoneNumber("+256712345678"))):
        with pytest.raises(InvalidValue):
            stage.payouts.pay_out(
                PayoutRequest("r", phone, amount, "Refund"), stage.answers(OrderKind.PAYOUT)
            )
    assert "the-password" not in repr(Initiator("name", "the-password", certificate_from("pem")))
    nowhere = Initiator("name", "password", certificate_from("/no/such/file"))
    with pytest.raises(InvalidValue):
        nowhere.credential()
    stage.payouts._initiator = nowhere
    outcome = stage.pay_out()
    assert isinstance(outcome, Rejected)
    assert outcome.code == "no_certificate"


def test_the_credential_opens_with_the_wallets_key(tmp_path: Path) -> None:
    box = Box(tmp_path, "http://127.0.0.1:9")
    pem = box.call("GET", "/certificate.pem").get_data(as_text=True)
    (tmp_path / "certificate.pem").write_text(pem)
    for setting in (pem, str(tmp_path / "certificate.pem")):
        initiator = Initiator("sandbox-initiator", "sandbox-initiator-password", certificate_from(setting))
        assert initiator.credential() != initiator.credential()
        assert initiator.certificate_ends_at.year > 2026
    box.close()


_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(kind=st.sampled_from(OrderKind), parameters=_ANY_JSON, code=st.sampled_from(["0", 0, "R000001", 17]))
def test_no_body_raises_anything_but_unreadable(kind: OrderKind, parameters: Any, code: Any) -> None:
    result = {
        "ResultCode": code,
        "OriginatorConversationID": "x",
        "TransactionID": "SKL0000001",
        "ResultParameters": {"ResultParameter": parameters},
    }
    try:
        read_result(kind, json.dumps({"Result": result}))
    except UnreadableMessage:
        return
