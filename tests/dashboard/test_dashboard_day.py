"""The day: what is stuck and where, from empty to full, and having it compared now."""

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from core.audit import AuditEntry
from core.outbox import OutboxRow
from dashboard.flow import WIDTH, steps
from dashboard.services import Services
from payments.alerts.missing_statements import raise_missing
from payments.alerts.service import refused_by_wallet
from payments.receipts.tables import Receipt
from payments.reconciliation.view import DayTotals, Figure
from payments.registry_postings.tables import RegistryPosting
from payments.wallet_lines.tables import StoredLine
from payments.wallets.protocol import LineKind
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import post, turn

TODAY = "/dashboard/day/2026-11-22"


def totals(*cents: int, given_back: int = 0) -> DayTotals:
    received, confirmed, posted, acknowledged = (Figure(value // 100, value) for value in cents)
    back = Figure(given_back // 100, given_back)
    day = date(2026, 11, 22)
    return DayTotals(day, received, confirmed, back, posted, acknowledged, Figure(), Figure())


def test_a_day_without_money_says_so(officer: FlaskClient) -> None:
    page = officer.get(TODAY).text
    assert "No money came on this day" in page
    assert "This day has not been compared yet" in page
    assert "Not compared yet" in page


def test_a_day_shows_each_step_and_what_is_stuck_before_it(officer: FlaskClient, day: Day) -> None:
    page = officer.get(TODAY).text
    received = sum(receipt.amount_cents for receipt in day.receipts) // 100
    assert f"KES {received:,}" in page
    for words in ("44 payments", "41 payments", "not on the wallet&#39;s list", "not read back yet"):
        assert words in page
    assert "Compared 22 Nov 2026, 11:54:00" in page


def test_the_day_begins_with_today_and_walks_both_ways(officer: FlaskClient, parts: Services) -> None:
    assert officer.get("/dashboard/").headers["Location"] == TODAY
    assert 'href="/dashboard/day/2026-11-21"' in officer.get(TODAY).text
    assert 'href="/dashboard/day/2026-11-23"' not in officer.get(TODAY).text
    assert 'href="/dashboard/day/2026-11-22"' in officer.get("/dashboard/day/2026-11-21").text
    # At 22:30 UTC it is tomorrow in Nairobi.
    for _ in range(27):
        turn(parts, timedelta(minutes=25))
        officer.get(TODAY)
    assert officer.get("/dashboard/").headers["Location"] == "/dashboard/day/2026-11-22"


@pytest.mark.parametrize("day", ["2026-02-30", "yesterday", "0001-01-01", "9999-12-31", "2026-11-22x"])
def test_a_day_that_is_none_is_not_found(officer: FlaskClient, day: str) -> None:
    assert officer.get(f"/dashboard/day/{day}").status_code == 404


def test_reconcile_now_asks_once_however_often_one_clicks(officer: FlaskClient, parts: Services) -> None:
    for _ in range(2):
        assert post(officer, f"{TODAY}/reconcile", TODAY).status_code == 302
        turn(parts, timedelta(seconds=5))
    with parts.sessions() as session:
        rows = session.scalars(select(OutboxRow).where(OutboxRow.topic == "reconcile")).all()
        asked = session.scalars(select(AuditEntry).where(AuditEntry.action == "reconcile.asked")).all()
    assert [row.payload for row in rows] == [{"wallet": "mpesa", "shortcode": "174379", "day": "2026-11-22"}]
    assert len(asked) == 1
    page = officer.get(TODAY).text
    assert "Reconciling now" in page
    assert 'http-equiv="refresh"' in page


def test_a_finished_comparison_can_be_asked_for_again(officer: FlaskClient, parts: Services) -> None:
    post(officer, f"{TODAY}/reconcile", TODAY)
    with parts.sessions.begin() as session:
        session.scalars(select(OutboxRow)).one().state = "done"
    turn(parts, timedelta(seconds=5))
    assert "Reconciling now" not in officer.get(TODAY).text
    post(officer, f"{TODAY}/reconcile", TODAY)
    with parts.sessions() as session:
        assert len(session.scalars(select(OutboxRow)).all()) == 2


def test_what_is_stuck_is_the_part_that_did_not_come_on() -> None:
    received, confirmed, posted, acknowledged = steps(totals(10_000, 8_000, 8_000, 2_000))
    assert received.stuck == Figure()
    assert confirmed.stuck == Figure(20, 2_000)
    assert posted.stuck == Figure()
    assert acknowledged.stuck == Figure(60, 6_000)
    assert received.fall
    assert not confirmed.fall
    assert not acknowledged.fall


def test_what_was_given_back_is_not_stuck() -> None:
    received, confirmed, posted, acknowledged = steps(totals(10_000, 10_000, 7_000, 7_000, given_back=2_000))
    assert (posted.stuck, posted.given_back) == (Figure(10, 1_000), Figure(20, 2_000))
    assert (confirmed.stuck, acknowledged.stuck) == (Figure(), Figure())
    assert confirmed.fall
    assert confirmed.way_back
    assert [each.way_back for each in (received, posted, acknowledged)] == ["", "", ""]
    _, confirmed, posted, _ = steps(totals(10_000, 10_000, 8_000, 8_000, given_back=2_000))
    assert posted.stuck == Figure()
    assert confirmed.way_back
    assert not confirmed.fall


@pytest.mark.parametrize("given_back", [0, 1, 100, 10**6])
@pytest.mark.parametrize(
    "cents", [(0, 0, 0, 0), (100, 0, 0, 0), (10**12, 1, 1, 1), (100, 100, 100, 100), (100, 50, 80, 90)]
)
def test_the_picture_stays_in_its_box(cents: tuple[int, ...], given_back: int) -> None:
    for step in steps(totals(*cents, given_back=given_back)):
        for shape in (step.node, step.stream, step.fall, step.way_back):
            numbers = [float(n) for n in shape.translate(str.maketrans("MhvHCzh", "       ")).split()]
            assert all(-WIDTH <= number <= WIDTH for number in numbers)
            assert "nan" not in shape


def test_an_administrator_sees_the_picture_without_the_way_into_it(
    as_role: Callable[[str], FlaskClient], day: Day
) -> None:
    page = as_role("admin").get(TODAY).text
    assert "/dashboard/exceptions" not in page
    assert "Reconcile now" not in page


def test_money_given_back_is_named_and_waits_no_more(officer: FlaskClient, day: Day, parts: Services) -> None:
    """Each step is the one before less what is stuck and what was given back: the page adds up."""
    before = officer.get(TODAY).text
    assert "given back" not in before
    with parts.sessions.begin() as session:
        for place in (17, 39):
            session.get_one(Receipt, day.receipts[place].id).staff_place = "refund"
    page = officer.get(TODAY).text
    back = sum(day.receipts[place].amount_cents for place in (17, 39))
    assert f"KES {back // 100:,}</b> · 2 payments<br>given back, or on its way back" in page
    received, confirmed, posted, acknowledged = figures(page, r'class="sum">KES ([\d,]+)<')
    stuck = figures(page, r"<b>KES ([\d,]+)</b> · \d+ payments?<br>not ")
    assert received == confirmed + stuck[0]
    assert confirmed == posted + stuck[1] + back // 100
    assert posted == acknowledged + stuck[2]
    assert "All of it is at the fund" not in page


def test_a_day_whose_rest_is_at_the_fund_says_so(officer: FlaskClient, day: Day, parts: Services) -> None:
    with parts.sessions.begin() as session:
        for receipt in session.scalars(select(Receipt)):
            posting = session.get(RegistryPosting, receipt.id)
            if posting is None or posting.state != "acknowledged":
                session.add(line_of(receipt))
                receipt.staff_place = "refund"
    page = officer.get(TODAY).text
    assert "All that was not given back is at the fund." in page
    assert "all else went on" in page
    assert "not posted yet" not in page


def test_an_alert_names_the_shortcode_without_a_statement_and_no_number_that_a_wallet_quotes(
    officer: FlaskClient, parts: Services
) -> None:
    now, missed = parts.clock.now(), {("mpesa", "600100"): [date(2026, 11, 21)]}
    with parts.sessions.begin() as session:
        raise_missing(session, missed, now=now)
        refused_by_wallet(session, "mpesa", "600100", "254712345678 is not known", now=now)
    page = officer.get(TODAY).text
    assert "mpesa 600100: 2026-11-21" in page
    assert "•••678 is not known" in page
    assert "254712345678" not in page


def line_of(receipt: Receipt) -> StoredLine:
    """The wallet lists it with the amount we have."""
    return StoredLine(
        wallet=receipt.wallet,
        shortcode=receipt.shortcode,
        row_key=f"{receipt.receipt}:again",
        receipt=receipt.receipt,
        kind=LineKind.CREDIT,
        amount_cents=receipt.amount_cents,
        currency="KES",
        particulars=receipt.particulars,
        source="pull",
        at=receipt.paid_at,
        seen_at=receipt.paid_at,
    )


def figures(page: str, pattern: str) -> list[int]:
    return [int(found.replace(",", "")) for found in re.findall(pattern, page)]
