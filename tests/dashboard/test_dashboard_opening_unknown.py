"""A list whose first second may be read in two orders tells no opening balance: pages and papers say so."""

from datetime import datetime, timedelta

from flask.testing import FlaskClient

from core.money import Money
from dashboard.services import Services
from payments.statements import import_statement
from payments.wallets.protocol import LineKind, WalletLine
from payments.wallets.statements import Statement, WholeStatement
from tests.dashboard.browsing import turn
from tests.dashboard.opened_files import strings_of, text_of_pdf


def line(parts: Services, receipt: str, cents: int, balance_cents: int, at: datetime) -> WalletLine:
    return WalletLine(
        shortcode=parts.shortcode,
        receipt=receipt,
        row_key=receipt,
        kind=LineKind.CREDIT if cents > 0 else LineKind.REVERSAL,
        amount=Money(cents),
        at=at,
        account="WHO",
        balance_after=Money(balance_cents),
    )


def test_a_day_with_a_closing_balance_and_no_opening_one_is_shown(
    officer: FlaskClient, parts: Services
) -> None:
    now = parts.clock.now()
    # Paid and taken back within one second: the day began with KES 1,000 or with KES 1,500.
    lines = (
        line(parts, "SKF0000001", 50_000, 150_000, now),
        line(parts, "SKF0000002", -50_000, 100_000, now),
        line(parts, "SKF0000003", 20_000, 120_000, now + timedelta(minutes=1)),
    )
    turn(parts, timedelta(minutes=5))
    listed = WholeStatement(Statement(parts.shortcode, lines, ()))
    import_statement(parts.sessions, parts.clock, parts.wallet, listed, pull_delay=timedelta(minutes=1))
    day = parts.calendar.day_of(now)
    today = officer.get(f"/dashboard/day/{day}")
    assert today.status_code == 200
    assert "No statement tells the opening and the closing balance of this day." in today.text
    for page in ("closings/", f"closings/{day}", "reports/?month=2026-11"):
        shown = officer.get(f"/dashboard/{page}")
        assert shown.status_code == 200
        assert "1,200.00" in shown.text
    proof = f"/dashboard/closings/{day}/proof"
    assert "1,200.00" in text_of_pdf(officer.get(f"{proof}.pdf").data)
    assert "No statement yet" in strings_of(officer.get(f"{proof}.xlsx").data)
    assert "opening_cents,\r\n" in officer.get(f"{proof}.csv").text
    assert officer.get("/dashboard/reports/days.csv?month=2026-11").status_code == 200
