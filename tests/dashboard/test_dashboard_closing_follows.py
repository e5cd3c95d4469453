"""A day that does not open with what the day before ended with: its pages, papers and closing say so."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient

from core.ids import new_id
from core.money import Money
from dashboard.services import Services
from payments.closing.service import in_force
from payments.model import BreakClass
from payments.reconciliation.service import reconcile
from payments.reconciliation.tables import Break
from payments.statements import import_statement
from payments.wallets.protocol import LineKind, WalletLine
from payments.wallets.statements import Statement, WholeStatement
from tests.dashboard.browsing import token_in, turn
from tests.dashboard.opened_files import strings_of, text_of_pdf

AsRole = Callable[[str], FlaskClient]
DAY, NEXT = date(2026, 11, 22), date(2026, 11, 23)
PROOF = f"/dashboard/closings/{NEXT}"
MISSING = "22 Nov 2026 ended with KES 1,100, this day opens with KES 800: KES 300 is missing between them."
CAME = "22 Nov 2026 ended with KES 1,100, this day opens with KES 1,300: KES 200 came between them"


def a_list(parts: Services, day: date, cents: int, balance: int) -> None:
    """One payment at ten; then the day passes, is over and is compared."""
    begin, end = parts.calendar.bounds(day)
    receipt = f"SKF{day:%Y%m%d}"
    made = WalletLine(
        shortcode=parts.shortcode,
        receipt=receipt,
        row_key=f"{receipt}:credit",
        kind=LineKind.CREDIT,
        amount=Money(cents),
        at=begin + timedelta(hours=10),
        account="WHO",
        balance_after=Money(balance),
    )
    turn(parts, end + timedelta(minutes=20) - parts.clock.now())
    listed = WholeStatement(Statement(parts.shortcode, (made,), ()))
    import_statement(parts.sessions, parts.clock, parts.wallet, listed, pull_delay=timedelta(minutes=1))
    with parts.sessions.begin() as session:
        now = parts.clock.now()
        reconcile(session, parts.calendar, wallet=parts.wallet, shortcode=parts.shortcode, day=day, now=now)


def plant(parts: Services, day: date, kind: BreakClass, count: int) -> None:
    now = parts.clock.now()
    with parts.sessions.begin() as session:
        for number in range(count):
            found = Break(
                id=new_id(),
                wallet=parts.wallet,
                shortcode=parts.shortcode,
                day=day,
                break_class=kind,
                subject=f"{kind}{number}",
                state="open",
                run_id=new_id(),
                amount_cents=5_000,
                first_seen=now,
                last_seen=now,
            )
            session.add(found)


@pytest.mark.parametrize(("balance", "words"), [(85_000, MISSING), (135_000, CAME), (115_000, "")])
def test_the_page_and_todays_figures_say_what_is_missing_between_two_days(
    as_role: AsRole, parts: Services, balance: int, words: str
) -> None:
    a_list(parts, DAY, 10_000, 110_000)
    a_list(parts, NEXT, 5_000, balance)
    officer = as_role("officer")
    for address in (PROOF, f"/dashboard/day/{NEXT}"):
        page = officer.get(address).text
        assert ("Does not add up" if words else "Proven") in page
        assert words in page
        assert bool(words) == ("between them" in page)
    assert "Balance before this day" in officer.get(PROOF).text
    assert "Balance before this day" not in officer.get(f"/dashboard/closings/{DAY}").text
    assert "Proven" in officer.get(f"/dashboard/closings/{DAY}").text


def test_it_is_closed_only_with_a_reason_and_every_paper_says_so(as_role: AsRole, parts: Services) -> None:
    a_list(parts, DAY, 10_000, 110_000)
    a_list(parts, NEXT, 5_000, 85_000)
    checker = as_role("checker")
    page = checker.get(PROOF).text
    assert "Why close it although it is not proven?" in page
    refused = checker.post(f"{PROOF}/close", data={"csrf_token": token_in(page)}, follow_redirects=True)
    assert "The day does not open with what the day before ended with." in refused.text
    with parts.sessions() as session:
        assert in_force(session, parts.wallet, parts.shortcode, "day", NEXT.isoformat()) is None
    why = "the wallet's list of Sunday ends too early"
    checker.post(f"{PROOF}/close", data={"csrf_token": token_in(page), "reason": why})
    shown = checker.get(f"{PROOF}?again=yes").text
    assert MISSING in shown
    assert "is the same to the byte" in shown
    paper = checker.get(f"{PROOF}/proof.pdf").data
    assert MISSING in " ".join(text_of_pdf(paper).split())
    assert MISSING in strings_of(checker.get(f"{PROOF}/proof.xlsx").data)
    assert "opening_gap_cents,-30000" in checker.get(f"{PROOF}/proof.csv").text
    turn(parts, timedelta(minutes=20))
    assert checker.get(f"{PROOF}/proof.pdf").data == paper
    head, *rows = csv.reader(
        io.StringIO(checker.get("/dashboard/reports/days.csv?month=2026-11").text.removeprefix("\ufeff"))
    )
    gaps = {row[0]: row[head.index("Gap to the day before")] for row in rows}
    assert (gaps[DAY.isoformat()], gaps[NEXT.isoformat()]) == ("", "-300.00")


def test_a_day_of_which_the_wallets_list_lacks_money_is_closed_only_with_a_reason(
    as_role: AsRole, parts: Services
) -> None:
    a_list(parts, DAY, 10_000, 110_000)
    a_list(parts, NEXT, 5_000, 115_000)
    for kind, count in ((BreakClass.NOT_ON_STATEMENT, 1), (BreakClass.DUPLICATE_INTENT, 2)):
        plant(parts, NEXT, kind, count)
    checker = as_role("checker")
    page = checker.get(PROOF).text
    is_open = (
        "4 differences of this day are open: Paid twice within minutes 2, Not on the wallet&#39;s list 1, "
    )
    assert "Proven" in page
    assert "Why close it although the wallet&#39;s own list lacks money of this day?" in page
    assert is_open in page
    refused = checker.post(f"{PROOF}/close", data={"csrf_token": token_in(page)}, follow_redirects=True)
    assert "The wallet&#39;s own list lacks money of this day." in refused.text
    why = "M-Pesa is asked about both payments"
    checker.post(f"{PROOF}/close", data={"csrf_token": token_in(page), "reason": why})
    words = "4 differences were open when it was closed: Paid twice within minutes 2, Not on the wallet"
    assert words in checker.get(PROOF).text
    assert words in " ".join(text_of_pdf(checker.get(f"{PROOF}/proof.pdf").data).split())
    assert any(words in each for each in strings_of(checker.get(f"{PROOF}/proof.xlsx").data))
    # What is found, or settled, later changes nothing of that.
    before = checker.get(f"{PROOF}/proof.pdf").data
    plant(parts, NEXT, BreakClass.AMOUNT_DIFFERS, 1)
    assert checker.get(f"{PROOF}/proof.pdf").data == before


def test_open_differences_that_are_no_doubt_of_the_list_need_no_reason(
    as_role: AsRole, parts: Services
) -> None:
    a_list(parts, DAY, 10_000, 110_000)
    checker = as_role("checker")
    proof = f"/dashboard/closings/{DAY}"
    page = checker.get(proof).text
    assert "difference of this day is open: " in page
    assert "Why close it" not in page
    checker.post(f"{proof}/close", data={"csrf_token": token_in(page)})
    assert "difference was open when it was closed" in checker.get(proof).text


def test_a_month_that_is_closed_is_not_offered_again(as_role: AsRole, parts: Services) -> None:
    a_list(parts, date(2026, 11, 30), 10_000, 110_000)
    checker = as_role("checker")
    token = token_in(checker.get("/dashboard/closings/").text)
    assert "Close 2026-11" in checker.get("/dashboard/closings/").text
    for period in ("2026-11-30", "2026-11"):
        checker.post(f"/dashboard/closings/{period}/close", data={"csrf_token": token})
    assert "Close 2026-11" not in checker.get("/dashboard/closings/").text
