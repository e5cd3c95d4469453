"""A day that is not over is no day that fails: payments come after the statement that was handed in."""

from collections.abc import Callable
from datetime import timedelta

from flask.testing import FlaskClient

from core.money import Money
from dashboard.services import Services
from payments.statements import import_statement
from payments.wallets.protocol import LineKind, WalletLine
from payments.wallets.statements import Statement, WholeStatement
from tests.dashboard.browsing import turn


def listed(parts: Services, number: int, balance_cents: int | None) -> None:
    """One payment of KES 50 this minute, as a list tells it: a pull tells no balances."""
    receipt = f"SKF000000{number}"
    made = WalletLine(
        shortcode=parts.shortcode,
        receipt=receipt,
        row_key=f"{receipt}:credit",
        kind=LineKind.CREDIT,
        amount=Money(5000),
        at=parts.clock.now(),
        account="WHO",
        balance_after=None if balance_cents is None else Money(balance_cents),
    )
    turn(parts, timedelta(minutes=5))
    told = WholeStatement(Statement(parts.shortcode, (made,), ()))
    import_statement(parts.sessions, parts.clock, parts.wallet, told, pull_delay=timedelta(minutes=1))


def test_what_came_after_the_statement_is_no_alarm_before_the_day_is_over(
    officer: FlaskClient, as_role: Callable[[str], FlaskClient], parts: Services
) -> None:
    day = parts.calendar.day_of(parts.clock.now())
    pages = ("/dashboard/closings/", f"/dashboard/closings/{day}", f"/dashboard/day/{day}")
    listed(parts, 1, 5000)
    assert all("Proven" in officer.get(page).text for page in pages)
    listed(parts, 2, None)
    for page in pages:
        shown = officer.get(page).text
        assert "The day runs on" in shown
        assert "Does not add up" not in shown
    assert "ends with KES 50; payments came after it" in officer.get(pages[2]).text
    turn(parts, timedelta(days=1))
    checker = as_role("checker")
    for page in pages:
        shown = checker.get(page).text
        assert "Does not add up" in shown
        assert "The day runs on" not in shown
