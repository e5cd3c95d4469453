"""Exceptions: filter, order, pages, evidence and download."""

import csv
import io
import uuid
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from core.audit import AuditEntry
from core.errors import InvalidValue
from core.ids import new_id
from dashboard import breaks, exporting
from dashboard.breaks import BreakFilter, Sort, read_filter
from dashboard.exporting import cell, decimal
from dashboard.paging import cursor, read_cursor
from dashboard.services import Services
from payments.model import BreakClass
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from tests.dashboard.a_day import Day

LIST = "/dashboard/exceptions/"


def plant(parts: Services, count: int, subject: str = "R{:07d}") -> None:
    now = parts.clock.now()
    kinds = list(BreakClass)
    with parts.sessions.begin() as session:
        for place in range(count):
            row = Break(
                id=new_id(),
                wallet="mpesa",
                shortcode="174379",
                day=parts.calendar.day_of(now),
                break_class=kinds[place % len(kinds)],
                subject=subject.format(place),
                state="open",
                run_id=new_id(),
                amount_cents=place * 137 % 5_000,
                other_amount_cents=2_500 if place % 3 else None,
                first_seen=now - timedelta(minutes=place % 7),
                last_seen=now,
            )
            session.add(row)


def test_without_differences_the_list_says_so(officer: FlaskClient) -> None:
    assert "Nothing here" in officer.get(LIST).text


def test_a_list_is_what_its_address_says(officer: FlaskClient, day: Day) -> None:
    everything = officer.get(LIST).text
    assert everything.count('<th scope="row" class="nowrap"><a') == 13
    assert "13 differences on this page" in everything
    one_kind = officer.get(f"{LIST}?day=2026-11-22&kind=suspense").text
    assert one_kind.count('<th scope="row" class="nowrap"><a') == 2
    assert "Nothing here" in officer.get(f"{LIST}?day=2026-11-21").text
    resolved = officer.get(f"{LIST}?state=resolved").text
    assert resolved.count('<th scope="row" class="nowrap"><a') == 1


@pytest.mark.parametrize(
    "query",
    ["day=2026-13-01", "kind=nothing", "state=maybe", "sort=random", "after=%00", "after=W10"],
)
def test_an_address_that_makes_no_sense_is_refused_politely(officer: FlaskClient, query: str) -> None:
    answer = officer.get(f"{LIST}?{query}")
    assert answer.status_code == 400
    assert "could not be understood" in answer.text


@pytest.mark.parametrize("sort", list(Sort))
def test_pages_show_every_difference_once_in_every_order(parts: Services, sort: Sort) -> None:
    plant(parts, 130)
    chosen = BreakFilter(sort=sort)
    seen: list[breaks.BreakRow] = []
    after: str | None = None
    with parts.sessions() as session:
        for _ in range(3):
            rows, after = breaks.page(session, chosen, after)
            seen += rows
        assert after is None
        assert [row.id for row in breaks.every(session, chosen)] == [row.id for row in seen]
    assert len({row.id for row in seen}) == 130
    if sort is Sort.RISK:
        risks = [row.at_risk_cents for row in seen]
        assert risks == sorted(risks, reverse=True)


def test_money_at_risk_is_the_same_in_a_list_and_on_its_own(parts: Services) -> None:
    plant(parts, 40)
    with parts.sessions() as session:
        for row in breaks.every(session, BreakFilter()):
            alone = breaks.at_risk_cents(row.break_class, row.amount_cents, row.other_amount_cents)
            assert alone == row.at_risk_cents


def test_a_place_of_one_order_is_refused_in_another(parts: Services) -> None:
    place = cursor(-500, uuid.uuid4())
    assert read_cursor(place)[0] == -500
    with parts.sessions() as session, pytest.raises(InvalidValue):
        breaks.page(session, BreakFilter(sort=Sort.AGE), place)


def test_a_filter_survives_its_own_address() -> None:
    chosen = read_filter({"day": "2026-11-22", "kind": "suspense", "state": "all", "sort": "risk"})
    assert read_filter(chosen.arguments()) == chosen
    assert read_filter({}) == BreakFilter()


def test_a_difference_shows_all_sides_and_marks_what_differs(officer: FlaskClient, day: Day) -> None:
    page = officer.get(f"{LIST}{day.breaks['amount_differs']}").text
    for words in (
        "Member&#39;s wish",
        "The wallet&#39;s messages",
        "The wallet&#39;s own list",
        "Our ledger",
    ):
        assert words in page
    assert page.count('class="differs"') == 1
    assert "It says nothing about this." in page
    assert "What happens next" in page


def test_a_difference_about_a_members_money_names_them_and_not_that_nobody_is_known(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    receipt = day.receipts[28]
    member = f'<a href="/dashboard/members/{receipt.member_id}">'
    nobody = "Nothing we know points to a member."
    page = officer.get(f"/dashboard/exceptions/{day.breaks[BreakClass.AMOUNT_DIFFERS]}").text
    assert f'<dt>Member</dt><dd class="big">{member}' in page
    for about in (page, officer.get(f"/dashboard/suspense/{receipt.id}").text):
        assert member in about
        assert "Another member, number" in about
        assert nobody not in about
    with parts.sessions.begin() as session:
        unknown = session.get_one(Receipt, day.receipts[17].id)
        unknown.particulars = "{}"
    page = officer.get(f"/dashboard/exceptions/{day.breaks[BreakClass.SUSPENSE]}").text
    assert "<dt>Member</dt>" not in page
    assert nobody in page


def test_a_difference_without_any_evidence_still_opens(officer: FlaskClient, day: Day) -> None:
    page = officer.get(f"{LIST}{day.breaks['not_in_ledger']}").text
    assert page.count("It says nothing about this.") == 6


def test_every_difference_of_the_day_opens(officer: FlaskClient, day: Day) -> None:
    for break_id in day.breaks.values():
        assert officer.get(f"{LIST}{break_id}").status_code == 200


def test_a_difference_that_is_none_is_not_found(officer: FlaskClient) -> None:
    assert officer.get(f"{LIST}{uuid.uuid4()}").status_code == 404


def test_the_download_holds_the_filtered_list_and_is_remembered(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    answer = officer.get(f"{LIST}download.csv?kind=suspense")
    assert answer.mimetype == "text/csv"
    assert "exceptions-2026-11-22.csv" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["What differs"] for row in rows] == ["Not known whose it is"] * 2
    assert {row["Amount, KES"] for row in rows} == {"250.00", "500.00"}
    # 08:16 in Greenwich: the screen and the file show the fund's own clock.
    assert {row["Seen since"] for row in rows} == {"2026-11-22T11:16:00+03:00"}
    assert "22 Nov 2026, 11:16:00" in officer.get(f"{LIST}?kind=suspense").text
    with parts.sessions() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "exceptions.exported")).one()
    assert entry.details["kind"] == "suspense"


def test_a_list_that_no_workbook_holds_is_refused_as_one(
    officer: FlaskClient, day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_XLSX_ROWS_MAX", 2)
    assert officer.get(f"{LIST}download.xlsx").status_code == 422
    assert len(officer.get(f"{LIST}download.csv").text.splitlines()) == 14
    assert officer.get(f"{LIST}download.xlsx?kind=suspense").status_code == 200


def test_no_cell_of_a_download_runs_as_a_formula(officer: FlaskClient, parts: Services) -> None:
    plant(parts, 1, subject="=HYPERLINK(0)")
    assert ",'=HYPERLINK(0)," in officer.get(f"{LIST}download.csv").text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"])  # noqa: RUF001 -- what is tested
def test_text_that_looks_like_a_formula_is_quoted(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_numbers_stay_numbers() -> None:
    assert cell(decimal(-123_45)) == "-123.45"
    assert cell(decimal(5)) == "0.05"
    assert cell(-3) == "-3"
    assert cell(None) == ""


def test_heads_of_columns_name_the_funds_own_money(officer: FlaskClient, day: Day, parts: Services) -> None:
    assert "At risk, KES" in officer.get(LIST).text
    object.__setattr__(parts, "currency", "UGX")
    for address in (LIST, f"{LIST}download.csv", "/dashboard/payments/", "/dashboard/closings/2026-11-22"):
        page = officer.get(address).text
        assert ", UGX" in page
        assert ", KES" not in page
