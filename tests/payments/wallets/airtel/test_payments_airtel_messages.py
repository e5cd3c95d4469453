"""What Airtel says, read: codes as data, callbacks with and without a key, pushes judged by their promise."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import InvalidValue
from core.money import Money
from core.phone import PhoneNumber
from payments.wallets.airtel.collection import ENQUIRY_PATH, PUSH_PATH
from payments.wallets.airtel.response_codes import RESPONSE_CODES
from payments.wallets.protocol import Accepted, Fate, Rejected, Unknown, UnreadableMessage
from payments.wallets.statements import StatementRefused
from tests.payments.wallets.airtel import airtel_bodies as bodies
from tests.payments.wallets.collection_stubs import Provider, provider


@pytest.fixture
def airtel() -> Iterator[Provider]:
    with provider(bodies.AIRTEL) as stub:
        stub.answer("POST", "/auth/oauth2/token", (200, bodies.TOKEN))
        yield stub


def test_a_push_is_as_the_portal_documents_it(airtel: Provider) -> None:
    airtel.answer("POST", PUSH_PATH, (200, bodies.pushed()))
    assert bodies.wallet().prompt(bodies.wish(contribution_id=bodies.CONTRIBUTION)) == Accepted(
        bodies.CHECKOUT
    )
    [sent] = airtel.to("POST", PUSH_PATH)
    assert (sent.headers["X-Country"], sent.headers["X-Currency"]) == ("KE", "KES")
    assert sent.headers["Authorization"] == f"Bearer {bodies.TOKEN['access_token']}"
    place = {"country": "KE", "currency": "KES"}
    assert json.loads(sent.body or "") == {
        "reference": "400000012",
        "subscriber": {**place, "msisdn": "733123456"},
        "transaction": {**place, "amount": 50, "id": bodies.CHECKOUT},
    }


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((200, {"status": bodies.status("DP00800001006")}), Accepted),
        ((200, {"status": bodies.status("DP00800001001")}), Accepted),
        ((200, {"status": bodies.status("DP00800001000")}), Unknown),
        ((200, {"status": bodies.status("DP00800001007", success=False)}), Rejected),
        # Its words do not exclude that money moved.
        ((200, {"status": bodies.status("DP00800001024", success=False)}), Unknown),
        ((200, {"status": bodies.status("DP00800009999")}), Unknown),
        ((400, bodies.refused("ESB000008")), Rejected),
        ((400, bodies.refused("ESB000041")), Accepted),
        ((500, bodies.refused("ESB000001")), Unknown),
        ((503, None), Unknown),
        ((409, None), Unknown),
        ((200, None), Unknown),
        ((200, "<html>"), Unknown),
        ((403, None), Rejected),
    ],
)
def test_only_what_surely_moved_no_money_is_a_refusal(
    airtel: Provider, answer: tuple[int, Any], outcome: type
) -> None:
    airtel.answer("POST", PUSH_PATH, answer)
    assert isinstance(bodies.wallet().prompt(bodies.wish()), outcome)
    assert len(airtel.to("POST", PUSH_PATH)) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": Money(5050)},
        {"amount": Money(0)},
        {"amount": Money(5000, "UGX")},
        {"phone": PhoneNumber.parse("+256772123456")},
        {"account": ""},
        {"account": "4 0"},
    ],
)
def test_what_airtel_would_refuse_is_not_sent(airtel: Provider, changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        bodies.wallet().prompt(bodies.wish(**changed))
    assert airtel.asked == []


@pytest.mark.parametrize(
    "body",
    [
        bodies.enquired("TA", "DP00800001000"),
        bodies.enquired("??"),
        {"data": {"transaction": {"id": "another", "status": "TS"}}, "status": {}},
        bodies.enquired("TS", airtel_money_id="no receipt!"),
        {"data": []},
    ],
)
def test_an_answer_that_says_nothing_certain_is_unknown(airtel: Provider, body: dict[str, Any]) -> None:
    airtel.answer("GET", f"{ENQUIRY_PATH}*", (200, body))
    assert isinstance(bodies.wallet().ask(bodies.CHECKOUT), Unknown)


def test_every_failure_says_something_to_the_member_and_every_alert_is_a_failure() -> None:
    ends = [row for row in RESPONSE_CODES.values() if row.fate not in {None, Fate.PAID, Fate.UNKNOWN}]
    assert all(row.told.startswith("prompt_") for row in ends)
    assert all(row.fate is Fate.FAILED for row in RESPONSE_CODES.values() if row.alert)


@pytest.mark.parametrize("spaced", [True, False])
def test_a_signed_success_is_taken_at_its_word(spaced: bool) -> None:
    raw = bodies.callback(key=bodies.KEY, spaced=spaced)
    result = bodies.wallet(hash_key=bodies.KEY).read_prompt_result(raw)
    assert (result.fate, result.receipt, result.amount) == (Fate.PAID, bodies.RECEIPT, None)
    assert not result.ask_first


def test_a_signed_failure_and_anything_unsigned_only_make_us_ask() -> None:
    signed = bodies.wallet(hash_key=bodies.KEY)
    assert signed.read_prompt_result(bodies.callback("TF", key=bodies.KEY)).ask_first
    assert bodies.wallet().read_prompt_result(bodies.callback()).ask_first
    assert bodies.wallet().read_prompt_result(bodies.callback(key="whatever")).ask_first


@pytest.mark.parametrize(
    "raw",
    [
        bodies.callback(),
        bodies.callback(key="another key"),
        bodies.callback(key=bodies.KEY).replace("KES 50", "KES 5,000"),
        # A true signature of one transaction, wrapped so that it might vouch for another.
        json.dumps(
            {
                "wrapped": {"transaction": json.loads(bodies.callback(key=bodies.KEY))["transaction"]},
                "transaction": {"id": "forged", "status_code": "TS", "airtel_money_id": "MP1.1.F"},
                "hash": json.loads(bodies.callback(key=bodies.KEY))["hash"],
            }
        ),
    ],
)
def test_with_a_key_a_hash_that_does_not_fit_is_unreadable(raw: str) -> None:
    with pytest.raises(UnreadableMessage):
        bodies.wallet(hash_key=bodies.KEY).read_prompt_result(raw)


HEADER = "Transaction ID,Transaction Date,Reference,Payer MSISDN,Transaction Type,Credit,Debit,Status"
ROW = "MP1.1.A,22-11-2026 10:00:00,400000012,254733123456,Merchant Payment,50.00,,Success"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"Merchant Code,OTHER\n{HEADER}\n{ROW}", "OTHER"),
        (f"{HEADER}\n{ROW}", "not of AIRTELFUND"),
        ("Merchant Code,AIRTELFUND\nTransaction ID,Status\nX,Success", "lacks"),
        ("nothing at all", "no header"),
        (f"Merchant Code,AIRTELFUND\n{HEADER}\n{ROW.replace('50.00', 'much')}", "Credit"),
    ],
)
def test_a_file_that_is_not_our_statement_is_refused_whole(content: str, said: str) -> None:
    with pytest.raises(StatementRefused, match=said):
        bodies.wallet().read_statement(content.encode())


def test_a_good_file_goes_on_without_the_lines_that_cannot_be_read() -> None:
    rows = [ROW, ROW, ROW.replace("MP1.1.A", "MP1.1.B").replace("Success", "Failed"), "x,y,z,,,1,,Success"]
    content = "\n".join(["Merchant Code,AIRTELFUND", HEADER, *rows])
    read = bodies.wallet().read_statement(content.encode())
    assert [(line.receipt, line.amount, line.account) for line in read.lines] == [
        ("MP1.1.A", Money(5000), "400000012")
    ]
    assert (read.repeated, read.not_completed, len(read.oddities)) == (1, 1, 1)
