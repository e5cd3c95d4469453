"""What MoMo says, read: reasons as data, refusals by what they promise, callbacks that only make us ask."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import InvalidValue
from core.money import Money
from core.phone import PhoneNumber
from payments.wallets.mtn.collection import PAY_PATH, reference_for
from payments.wallets.mtn.reasons import REASONS
from payments.wallets.protocol import Accepted, Fate, LineKind, PromptResult, Rejected, Unknown
from payments.wallets.statements import StatementRefused
from tests.payments.wallets.collection_stubs import Provider, provider
from tests.payments.wallets.mtn import mtn_bodies as bodies


@pytest.fixture
def mtn() -> Iterator[Provider]:
    with provider(bodies.MTN) as stub:
        stub.answer("POST", "/collection/token/", (200, bodies.TOKEN))
        yield stub


def test_a_request_to_pay_is_as_the_portal_documents_it(mtn: Provider) -> None:
    mtn.answer("POST", PAY_PATH, (202, None))
    wish = bodies.wish(contribution_id=bodies.CONTRIBUTION)
    assert bodies.wallet().prompt(wish) == Accepted(bodies.CHECKOUT)
    [sent] = mtn.to("POST", PAY_PATH)
    assert sent.headers["X-Reference-Id"] == bodies.CHECKOUT
    assert sent.headers["X-Callback-Url"] == wish.callback_url
    assert sent.headers["X-Target-Environment"] == "sandbox"
    assert sent.headers["Ocp-Apim-Subscription-Key"] == "sandbox-mtn-subscription"
    assert json.loads(sent.body or "") == {
        "amount": "5000",
        "currency": "UGX",
        "externalId": bodies.CHECKOUT,
        "payer": {"partyIdType": "MSISDN", "partyId": "256772123456"},
        "payerMessage": "Savings",
        "payeeNote": "400000012",
    }


def test_a_reference_is_a_version_4_uuid_and_always_the_same_for_one_contribution() -> None:
    assert uuid.UUID(bodies.CHECKOUT).version == 4
    assert reference_for(bodies.CONTRIBUTION) == bodies.CHECKOUT
    assert reference_for(uuid.UUID(int=bodies.CONTRIBUTION.int + 1)) != bodies.CHECKOUT


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((409, bodies.error("RESOURCE_ALREADY_EXIST")), Accepted),
        ((400, bodies.error("BAD_REQUEST")), Rejected),
        ((500, bodies.error("INVALID_CALLBACK_URL_HOST")), Rejected),
        ((500, bodies.error("NOT_ALLOWED_TARGET_ENVIRONMENT")), Rejected),
        ((500, bodies.error("INTERNAL_PROCESSING_ERROR")), Unknown),
        ((503, bodies.error("SERVICE_UNAVAILABLE")), Unknown),
        ((408, None), Unknown),
        ((302, None), Unknown),
    ],
)
def test_only_what_surely_moved_no_money_is_a_refusal(
    mtn: Provider, answer: tuple[int, Any], outcome: type
) -> None:
    mtn.answer("POST", PAY_PATH, answer)
    assert isinstance(bodies.wallet().prompt(bodies.wish()), outcome)
    assert len(mtn.to("POST", PAY_PATH)) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": Money(500_050, "UGX")},
        {"amount": Money(5000)},
        {"phone": PhoneNumber.parse("0712345678")},
        {"account": "x" * 161},
        {"callback_url": "http://fund.example/hooks/secret/mtn/1"},
        {"callback_url": "fund.example"},
    ],
)
def test_what_momo_would_refuse_is_not_sent(mtn: Provider, changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        bodies.wallet().prompt(bodies.wish(**changed))
    assert mtn.asked == []


@pytest.mark.parametrize("reason", ["EXPIRED", {"code": "EXPIRED", "message": "too late"}])
def test_a_reason_is_a_text_or_has_a_code(mtn: Provider, reason: Any) -> None:
    mtn.answer("GET", f"{PAY_PATH}/*", (200, bodies.payment("FAILED", reason=reason)))
    outcome = bodies.wallet().ask(bodies.CHECKOUT)
    assert isinstance(outcome, PromptResult)
    assert (outcome.fate, outcome.code, outcome.may_still_pay) == (Fate.EXPIRED, "EXPIRED", True)


@pytest.mark.parametrize(
    "body",
    [
        bodies.payment("SOMETHING_NEW"),
        bodies.paid(externalId="another"),
        bodies.paid(amount="much"),
        bodies.paid(currency=""),
        bodies.paid(amount="-5000"),
        {},
    ],
)
def test_an_answer_that_says_nothing_certain_is_unknown(mtn: Provider, body: dict[str, Any]) -> None:
    mtn.answer("GET", f"{PAY_PATH}/*", (200, body))
    assert isinstance(bodies.wallet().ask(bodies.CHECKOUT), Unknown)


def test_a_paid_answer_without_receipt_is_paid_unreceipted(mtn: Provider) -> None:
    mtn.answer("GET", f"{PAY_PATH}/*", (200, bodies.payment("SUCCESSFUL")))
    outcome = bodies.wallet().ask(bodies.CHECKOUT)
    assert isinstance(outcome, PromptResult)
    assert (outcome.fate, outcome.receipt) == (Fate.PAID, None)


@pytest.mark.parametrize("body", [bodies.paid(), bodies.payment("PENDING"), bodies.payment("FAILED")])
def test_every_callback_only_makes_us_ask(body: dict[str, Any]) -> None:
    assert bodies.wallet().read_prompt_result(json.dumps(body)).ask_first


def test_every_reason_says_something_to_the_member() -> None:
    assert all(row.told.startswith("prompt_") for row in REASONS.values())
    assert all(row.fate is Fate.FAILED for row in REASONS.values() if row.alert)


HEADER = "Id,External id,Date,Status,Type,From,To,To message,Amount,Fee,Balance,Currency"
PAYER = "FRI:256772123456/MSISDN"
PAID = f"235,e1,2026-11-22 10:00:00,Successful,Payment,{PAYER},FRI:MTNFUND/MM,400000012,5000,50,9000,UGX"


def read(*rows: str) -> Any:
    return bodies.wallet().read_statement("\n".join([HEADER, *rows]).encode())


def test_lines_are_named_by_direction_and_type() -> None:
    bank = "9001,,2026-11-22 11:00:00,Successful,Settlement to bank,FRI:MTNFUND/MM,FRI:99/MM,,4000,,5000,UGX"
    back = f"9002,2350,2026-11-22 12:00:00,Successful,Reversal,FRI:MTNFUND/MM,{PAYER},,5000,,0,UGX"
    lines = read(PAID.replace("235,", "2350,", 1), bank, back).lines
    assert [(line.kind, line.amount.amount_cents) for line in lines] == [
        (LineKind.CHARGE, -5000),
        (LineKind.CREDIT, 500_000),
        (LineKind.SETTLEMENT, -400_000),
        (LineKind.REVERSAL, -500_000),
    ]
    assert (lines[1].account, lines[1].payer) == ("400000012", PhoneNumber.parse("+256772123456"))
    assert lines[3].linked_receipt == "2350"


def test_of_a_file_cut_short_no_line_says_less_than_it_said() -> None:
    header = HEADER.replace("Amount,Fee,Balance,Currency", "Currency,Amount")
    rows = [f"235{n},,2026-11-22 10:00:00,Successful,Payment,{PAYER},FRI:MTNFUND/MM,,UGX,5000" for n in "01"]
    content = "\n".join([header, *rows, ""]).encode()
    whole = bodies.wallet().read_statement(content)
    assert [line.amount.amount_cents for line in whole.lines] == [500_000, 500_000]
    for size in range(content.rindex(b"2351,"), len(content) - 1):
        assert bodies.wallet().read_statement(content[:size]).lines == whole.lines[:1]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([PAID.replace("MTNFUND", "OTHER").replace("235,", "2350,", 1)], "not of MTNFUND"),
        ([PAID.replace("UGX", "RWF").replace("235,", "2350,", 1)], "Currency"),
        ([PAID.replace("2026-11-22", "22.11.26").replace("235,", "2350,", 1)], "Date"),
        ([], "not of MTNFUND"),
    ],
)
def test_a_file_that_is_not_our_statement_is_refused_whole(rows: list[str], said: str) -> None:
    with pytest.raises(StatementRefused, match=said):
        read(*rows)
