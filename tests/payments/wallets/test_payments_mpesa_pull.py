"""A pulled list is complete or it is a failure; it never silently ends early."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidValue
from core.money import Money
from core.phone import PhoneNumber
from payments.wallets.mpesa.pull import PAGES_MAX, QUERY_PATH
from payments.wallets.protocol import LineKind, PullFailed, WalletLine
from tests.payments.wallets.mpesa_bodies import NOW, error, pull_row, pulled
from tests.payments.wallets.mpesa_stubs import Daraja, daraja, wallet

START, END = NOW - timedelta(hours=2), NOW
NOTHING = {"ResponseRefID": "1", "ResponseCode": "1001", "ResponseMessage": "No transactions found"}
ROWS = [pull_row(f"RKL51ZDR{n:02}") for n in range(7)]


def receipts(daraja: Daraja, *answers: Any) -> list[str]:
    daraja.answer(QUERY_PATH, *((200, answer) for answer in answers))
    return [line.receipt for page in wallet().pull(START, END) for line in page]


def test_a_row_becomes_a_line_of_the_wallet(daraja: Daraja) -> None:
    daraja.answer(QUERY_PATH, (200, pulled([pull_row("rkl51zdr4f")], TotalPages=1)))
    assert list(wallet().pull(START, END)) == [
        [
            WalletLine(
                shortcode="174379",
                receipt="RKL51ZDR4F",
                row_key="RKL51ZDR4F:credit:pull",
                kind=LineKind.CREDIT,
                amount=Money(16_800),
                at=datetime(2026, 11, 22, 7, 13, 57, tzinfo=UTC),
                account="400000012",
                payer=PhoneNumber("+254708374149"),
                payer_text="JANE DOE",
                details="c2b-pay-bill-debit",
            )
        ]
    ]


def test_the_range_is_asked_for_in_nairobi_time_and_whole_seconds(daraja: Daraja) -> None:
    daraja.answer(QUERY_PATH, (200, NOTHING))
    list(wallet().pull(START, END + timedelta(microseconds=1)))
    [body] = daraja.bodies(QUERY_PATH)
    assert body == {
        "ShortCode": "174379",
        "StartDate": "2026-11-22 10:20:36",
        "EndDate": "2026-11-22 12:20:37",
        "OffSetValue": "0",
    }


def test_all_pages_are_read_by_row_offset(daraja: Daraja) -> None:
    totals = {"PageSize": 3, "TotalPages": 3, "TotalRecords": 7}
    found = receipts(
        daraja,
        pulled(ROWS[:3], CurrentPage=1, **totals),
        pulled(ROWS[3:6], CurrentPage=2, **totals),
        pulled(ROWS[6:], CurrentPage=3, **totals),
    )
    assert found == [row["transactionId"] for row in ROWS]
    assert [body["OffSetValue"] for body in daraja.bodies(QUERY_PATH)] == ["0", "3", "6"]


@pytest.mark.parametrize("end", [NOTHING, pulled([])])
def test_without_totals_an_empty_page_is_the_end(daraja: Daraja, end: Any) -> None:
    assert len(receipts(daraja, pulled(ROWS[:3]), pulled(ROWS[3:]), end)) == 7


def test_without_totals_a_repeated_page_is_the_end(daraja: Daraja) -> None:
    assert len(receipts(daraja, pulled(ROWS))) == 7
    assert len(daraja.bodies(QUERY_PATH)) == 2


@pytest.mark.parametrize(
    "message",
    [
        "No transactions found",
        "No records found",
        "no data",
        "0 records",
        "Transactions not found",
        "No C2B records",
    ],
)
def test_1001_with_clear_words_is_an_empty_list(daraja: Daraja, message: str) -> None:
    assert receipts(daraja, NOTHING | {"ResponseMessage": message}) == []


@pytest.mark.parametrize(
    "answer",
    [
        NOTHING | {"ResponseMessage": "Failed"},
        NOTHING | {"ResponseMessage": ""},
        NOTHING | {"ResponseMessage": "Service name not found"},
        NOTHING | {"ResponseMessage": "ShortCode is not registered for Pull Transactions"},
        {"ResponseRefID": "1", "ResponseCode": "1001"},
        {"ResponseRefID": "1", "ResponseCode": "1009", "ResponseMessage": "No records found"},
        {"ResponseCode": "1000", "ResponseMessage": "Success"},
        {"ResponseCode": "1000", "Response": "none"},
        {"ResponseCode": "1000", "Response": [["a row"]]},
        {},
        "<html>",
    ],
)
def test_anything_else_is_a_failure_and_no_empty_list(daraja: Daraja, answer: Any) -> None:
    with pytest.raises(PullFailed):
        receipts(daraja, answer)


@pytest.mark.parametrize(
    "answer",
    [
        (400, error("400.001", "Bad Request")),
        (401, error("401.001", "Unauthorised")),
        (500, ""),
        requests.exceptions.ReadTimeout(),
        requests.exceptions.ConnectTimeout(),
    ],
)
def test_no_answer_is_a_failure(daraja: Daraja, answer: Any) -> None:
    daraja.answer(QUERY_PATH, answer)
    with pytest.raises(PullFailed):
        list(wallet().pull(START, END))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pulled(ROWS[:3], TotalRecords=7), NOTHING),
        (pulled(ROWS[:3], TotalPages=3), pulled([])),
        (pulled(ROWS[:3], TotalRecords=7, TotalPages=3), pulled(ROWS[:3], TotalRecords=7, TotalPages=3)),
        (pulled(ROWS[:3], TotalRecords=7), NOTHING | {"ResponseMessage": "Failed"}),
    ],
)
def test_a_list_that_ends_before_its_announced_end_is_a_failure(
    daraja: Daraja, first: Any, second: Any
) -> None:
    with pytest.raises(PullFailed):
        receipts(daraja, first, second)


def test_pages_before_a_failure_are_not_lost(daraja: Daraja) -> None:
    daraja.answer(QUERY_PATH, (200, pulled(ROWS[:3], TotalRecords=7)), (500, ""))
    pages = wallet().pull(START, END)
    assert len(next(pages)) == 3
    with pytest.raises(PullFailed):
        next(pages)


def test_one_bad_page_in_a_long_list_is_asked_for_again(daraja: Daraja) -> None:
    daraja.answer(
        QUERY_PATH,
        (200, pulled(ROWS[:3], TotalRecords=5)),
        (500, ""),
        requests.exceptions.ReadTimeout(),
        (200, pulled(ROWS[3:5], TotalRecords=5)),
    )
    assert [len(page) for page in wallet().pull(START, END)] == [3, 2]


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": "0.00"},
        {"amount": "-168.00"},
        {"amount": "many"},
        {"transactionId": ""},
        {"trxDate": "yesterday"},
        {"trxDate": "0001-01-01T00:00:00+03:00"},
    ],
)
def test_an_unreadable_row_holds_back_no_other_but_is_a_failure(
    daraja: Daraja, changed: dict[str, Any]
) -> None:
    daraja.answer(
        QUERY_PATH, (200, pulled([ROWS[0], pull_row("RKL51ZDR4F", **changed), ROWS[1]], TotalPages=1))
    )
    pages = wallet().pull(START, END)
    assert [line.receipt for line in next(pages)] == ["RKL51ZDR00", "RKL51ZDR01"]
    with pytest.raises(PullFailed, match="1 rows"):
        next(pages)


def test_a_provider_that_never_ends_is_left(daraja: Daraja) -> None:
    endless = ((200, pulled([pull_row(f"R{n:09}")])) for n in range(PAGES_MAX + 5))
    daraja.answer(QUERY_PATH, *endless)
    with pytest.raises(PullFailed, match="pages"):
        list(wallet().pull(START, END))
    assert len(daraja.bodies(QUERY_PATH)) == PAGES_MAX


def test_a_plain_list_and_spaced_keys_are_read_too(daraja: Daraja) -> None:
    answer = {"Response Code": "1000", "Response Message": "Success", "Response": ROWS, "Total Pages": "1"}
    assert len(receipts(daraja, answer)) == 7


@pytest.mark.parametrize(
    "written",
    ["2026-11-22T07:13:57Z", "2026-11-22T10:13:57+03:00", "2026-11-22T10:13:57", "2026-11-22 10:13:57"],
)
def test_times_mean_the_same_with_and_without_zone(daraja: Daraja, written: str) -> None:
    daraja.answer(QUERY_PATH, (200, pulled([pull_row("RKL51ZDR4F", trxDate=written)], TotalPages=1)))
    [[line]] = wallet().pull(START, END)
    assert line.at == datetime(2026, 11, 22, 7, 13, 57, tzinfo=UTC)


def test_a_reversal_is_money_out(daraja: Daraja) -> None:
    row = pull_row("RKL51ZDR4F", transactiontype="c2b-reversal")
    daraja.answer(QUERY_PATH, (200, pulled([row], TotalPages=1)))
    [[line]] = wallet().pull(START, END)
    assert (line.kind, line.amount) == (LineKind.REVERSAL, Money(-16_800))


@pytest.mark.parametrize(("start", "end"), [(END, START), (END, END), (START.replace(tzinfo=None), END)])
def test_a_range_goes_forward_and_knows_its_zone(start: datetime, end: datetime) -> None:
    with pytest.raises(InvalidValue):
        list(wallet().pull(start, end))


@settings(deadline=None)
@given(rows=st.integers(0, 12), size=st.integers(1, 5), totals=st.sets(st.sampled_from(["pages", "records"])))
def test_every_row_comes_whatever_the_page_size_and_totals(rows: int, size: int, totals: set[str]) -> None:
    everything = [pull_row(f"R{n:09}") for n in range(rows)]
    announced = {"pages": {"TotalPages": -(-rows // size)}, "records": {"TotalRecords": rows}}
    given_totals: dict[str, Any] = {}
    for name in totals:
        given_totals |= announced[name]
    pages = [
        pulled(everything[at : at + size], CurrentPage=at // size + 1, **given_totals)
        for at in range(0, rows, size)
    ]
    with daraja() as stub:
        assert receipts(stub, *pages, NOTHING) == [row["transactionId"] for row in everything]
