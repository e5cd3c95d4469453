"""Pull Transactions and the portal statement: two windows on the same money."""

import csv
import io
from datetime import date
from typing import Any

import pytest

from sandbox.clock import eat
from sandbox.testing import Box

HEADER = [
    "Receipt No.",
    "Completion Time",
    "Initiation Time",
    "Details",
    "Transaction Status",
    "Paid In",
    "Withdrawn",
    "Balance",
    "Balance Confirmed",
    "Reason Type",
    "Other Party Info",
    "Linked Transaction ID",
    "A/C No.",
]


def register(box: Box) -> Any:
    body = {
        "ShortCode": "174379",
        "RequestType": "Pull",
        "NominatedNumber": "254712345678",
        "CallBackURL": f"{box.target}/hooks/dev/pull",
    }
    return box.daraja("/pulltransactions/v1/register", body).get_json()


def window(box: Box) -> dict[str, str]:
    now = box.world.clock.now()
    form = "%Y-%m-%d %H:%M:%S"
    start, end = eat(now - 7200).strftime(form), eat(now).strftime(form)
    return {"ShortCode": "174379", "StartDate": start, "EndDate": end, "OffSetValue": "0"}


def pull(box: Box, **changes: Any) -> Any:
    return box.daraja("/pulltransactions/v1/query", window(box) | changes).get_json()


def pay(box: Box, amount: int, phone: str = "254712345678", account: str = "400000018") -> str:
    body = {"phone": phone, "amount": amount, "account": account}
    return str(box.call("POST", "/c2b", json=body).get_json()["receipt"])


def table(box: Box, **query: str) -> list[list[str]]:
    return list(
        csv.reader(io.StringIO(box.call("GET", "/statement", query_string=query).get_data(as_text=True)))
    )


def test_registering_twice_says_so(box: Box) -> None:
    assert register(box)["ResponseStatus"] == "1000"
    assert register(box)["ResponseStatus"] == "1001"


def test_register_can_answer_with_spaced_keys(box: Box) -> None:
    box.switch(pull_spaced_keys=True)
    assert {"Response Status", "Response Description"} <= set(register(box))


def test_pull_before_registration_is_1001_like_any_failure(box: Box) -> None:
    pay(box, 50)
    assert pull(box)["ResponseCode"] == "1001"


def test_no_rows_is_1001_with_http_200(box: Box) -> None:
    register(box)
    answer = box.daraja("/pulltransactions/v1/query", window(box))
    assert answer.status_code == 200
    assert answer.get_json()["ResponseCode"] == "1001"


def test_rows_come_as_a_list_in_a_list_with_the_plain_number(box: Box) -> None:
    register(box)
    receipt = pay(box, 50)
    body = pull(box)
    assert body["ResponseCode"] == "1000"
    [[row]] = body["Response"]
    assert row["transactionId"] == receipt
    assert row["msisdn"] == 254712345678
    assert row["amount"] == "50.00"
    assert row["billreference"] == "400000018"
    assert row["trxDate"].endswith("+03:00")


def test_get_and_post_give_the_same(box: Box) -> None:
    register(box)
    pay(box, 50)
    headers = {"Authorization": f"Bearer {box.fresh_token()}"}
    url = "/daraja/pulltransactions/v1/query"
    by_get = box.get(url, query_string=window(box), headers=headers)
    assert by_get["Response"] == pull(box)["Response"]


def test_pages_follow_the_offset(box: Box) -> None:
    register(box)
    box.switch(pull_page_size=2)
    receipts = [pay(box, amount) for amount in (10, 20, 30, 40, 50)]
    pages = [pull(box, OffSetValue=str(offset)) for offset in (0, 2, 4)]
    seen = [row["transactionId"] for page in pages for row in page["Response"][0]]
    assert seen == receipts
    assert [page["CurrentPage"] for page in pages] == [1, 2, 3]
    assert pages[0]["TotalPages"] == 3
    assert pages[0]["TotalRecords"] == 5
    assert pull(box, OffSetValue="6")["ResponseCode"] == "1001"


def test_payments_older_than_48_hours_are_out_of_reach(box: Box) -> None:
    register(box)
    pay(box, 50)
    start = window(box)["StartDate"]
    box.pass_time(49 * 3600)
    box.fresh_token()
    assert pull(box, StartDate=start)["ResponseCode"] == "1001"


@pytest.mark.parametrize(
    "change",
    [
        {"StartDate": "22-11-2026"},
        {"EndDate": ""},
        {"OffSetValue": "-1"},
        {"StartDate": "2099-01-01 00:00:00"},
    ],
)
def test_bad_windows_are_refused(box: Box, change: dict[str, str]) -> None:
    register(box)
    assert pull(box, **change)["errorCode"] == "400.002.02"


def test_dropped_rows_are_missing_for_the_one_phone(box: Box) -> None:
    register(box)
    pay(box, 10)
    kept = pay(box, 20, phone="254722000111")
    box.fault("pull", drop=True, phone="254712345678")
    assert [row["transactionId"] for row in pull(box)["Response"][0]] == [kept]


def test_the_statement_is_the_portals_export(box: Box) -> None:
    first, second = pay(box, 1200), pay(box, 50, phone="254722000111")
    rows = table(box)
    preamble = {row[0]: row[1] for row in rows if len(row) == 2}
    assert preamble["Short Code"] == "174379"
    assert preamble["Organization Name"] == "KIBABA SAVINGS FUND"
    start = rows.index(HEADER)
    newest, oldest, totals = rows[start + 1 :]
    assert [newest[0], oldest[0]] == [second, first]
    assert oldest[5] == "1,200.00"
    assert newest[7] == "1,250.00"
    assert newest[10].startswith("254722000111 - ")
    assert newest[12] == "400000018"
    assert totals[0] == "Totals"
    assert totals[5] == "1,250.00"
    assert all(len(row) == 13 for row in rows[start:])


def test_dates_come_in_either_order(box: Box) -> None:
    pay(box, 50)
    today = eat(box.world.clock.now()).date()
    by_order = {order: table(box, date_order=order) for order in ("dmy", "ymd")}
    line = {order: rows[rows.index(HEADER) + 1][1] for order, rows in by_order.items()}
    assert line["dmy"].startswith(today.strftime("%d-%m-%Y"))
    assert line["ymd"].startswith(today.isoformat())


def test_charges_are_lines_of_their_own_with_the_same_receipt(box: Box) -> None:
    box.switch(statement_charge_cents=550)
    receipt = pay(box, 1000)
    rows = table(box)
    charge, payment = rows[rows.index(HEADER) + 1 : -1]
    assert charge[0] == payment[0] == receipt
    assert charge[9] == "Pay Bill Charge"
    assert charge[6] == "-5.50"
    assert charge[7] == "994.50"


def test_settlements_are_withdrawals_the_pull_does_not_show(box: Box) -> None:
    register(box)
    pay(box, 1000)
    assert box.call("POST", "/settlement", json={"amount": 2000}).status_code == 409
    assert box.call("POST", "/settlement", json={"amount": 600}).status_code == 201
    rows = table(box)
    newest = rows[rows.index(HEADER) + 1]
    assert newest[6] == "-600.00"
    assert newest[7] == "400.00"
    assert newest[9].startswith("Organization Settle")
    assert len(pull(box)["Response"][0]) == 1


def test_the_payer_can_have_a_payment_taken_back_once(box: Box) -> None:
    register(box)
    receipt = pay(box, 250)
    taken = box.call("POST", "/reversals", json={"receipt": receipt.lower()})
    assert taken.status_code == 201
    assert box.call("POST", "/reversals", json={"receipt": receipt}).status_code == 409
    assert box.call("POST", "/reversals", json={"receipt": "NONE"}).status_code == 409
    rows = table(box)
    newest = rows[rows.index(HEADER) + 1]
    assert newest[0] == taken.get_json()["receipt"]
    assert (newest[6], newest[7], newest[11]) == ("-250.00", "0.00", receipt)
    assert len(pull(box)["Response"][0]) == 1


def test_receipts_can_come_in_lower_case(box: Box) -> None:
    box.switch(statement_lower_case=True)
    receipt = pay(box, 10)
    assert any(row and row[0] == receipt.lower() for row in table(box))


def test_another_day_is_empty_but_well_formed(box: Box) -> None:
    pay(box, 10)
    rows = table(box, date=date(2020, 1, 1).isoformat())
    assert rows[-2] == HEADER
    assert rows[-1][0] == "Totals"


@pytest.mark.parametrize("query", [{"date": "22.11.2026"}, {"date_order": "mdy"}])
def test_unclear_requests_are_refused(box: Box, query: dict[str, str]) -> None:
    assert box.call("GET", "/statement", query_string=query).status_code == 400


def test_statement_and_pull_tell_the_same_story(box: Box) -> None:
    register(box)
    box.fault("stk", auto=True)
    for amount in (50, 75, 100):
        box.push(Amount=amount)
        box.pass_time(3)
        pay(box, amount + 1)
    pulled = {row["transactionId"]: row["amount"] for row in pull(box)["Response"][0]}
    stated = {
        row["receipt"]: f"{row['amount_cents'] / 100:.2f}" for row in box.get("/statement.json")["rows"]
    }
    assert len(pulled) == 6
    assert pulled == stated
