"""Who told of a payment: a message, the wallet's own list, or only a file that somebody handed in."""

from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import select, text

from core.ids import new_id
from dashboard.services import Services
from payments.receipts.tables import Receipt
from payments.reconciliation.service import reconcile
from payments.reconciliation.tables import Break
from payments.wallet_lines.tables import PullRun
from tests.dashboard.a_day import Day
from tests.dashboard.statement_files import statement
from tests.dashboard.test_dashboard_evening import upload, work


def handed_in_alone(officer: FlaskClient, parts: Services) -> Receipt:
    """A payment that a file brought, and that a complete pull of its time does not have."""
    upload(officer, statement([("SKT0000001", "WHO", 50)]))
    work(parts)
    with parts.sessions.begin() as session:
        receipt = session.scalars(select(Receipt).where(Receipt.receipt == "SKT0000001")).one()
        session.add(
            PullRun(
                id=new_id(),
                wallet=parts.wallet,
                shortcode=parts.shortcode,
                window_start=receipt.paid_at - timedelta(hours=2),
                window_end=receipt.paid_at + timedelta(hours=2),
                complete=True,
                pages=1,
                lines=0,
                finished_at=parts.clock.now(),
            )
        )
        session.flush()
        reconcile(
            session,
            parts.calendar,
            wallet=parts.wallet,
            shortcode=parts.shortcode,
            day=parts.calendar.day_of(receipt.paid_at),
            now=parts.clock.now(),
        )
        session.expunge(receipt)
        return receipt


def test_what_only_a_file_told_of_is_not_called_a_message_or_the_wallets_list(
    officer: FlaskClient, parts: Services
) -> None:
    receipt = handed_in_alone(officer, parts)
    page = officer.get(f"/dashboard/payments/{receipt.id}").text
    way = page[page.index('<ol class="way">') :]
    assert "A statement file told of it, and the ledger has it." in way
    assert "A statement file tells of it." in way
    assert "The wallet told us" not in way
    assert "own list shows it" not in way


def test_a_difference_shows_a_file_beside_the_wallets_list_that_denies_it(
    officer: FlaskClient, parts: Services
) -> None:
    handed_in_alone(officer, parts)
    with parts.sessions() as session:
        found = session.scalars(select(Break).where(Break.break_class == "not_on_statement")).one()
    page = officer.get(f"/dashboard/exceptions/{found.id}").text
    assert "Not on the wallet&#39;s list" in page
    sides = dict.fromkeys(("wallet", "file"), "")
    for name in sides:
        assert f'<h3 id="side-{name}">' in page
        sides[name] = page.split(f'<h3 id="side-{name}">')[1].split("</article>")[0]
    assert "own list" in sides["wallet"]
    assert "It says nothing about this" in sides["wallet"]
    assert "Statement files" in sides["file"]
    assert "Money in" in sides["file"]


def test_what_a_message_and_the_wallets_list_tell_is_said_of_both(officer: FlaskClient, day: Day) -> None:
    page = officer.get(f"/dashboard/payments/{day.receipts[1].id}").text
    assert "The wallet told us, and the ledger has it." in page
    assert "The wallet&#39;s own list shows it." in page


def test_a_file_with_our_amount_does_not_speak_for_a_list_with_another(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    receipt = day.receipts[28]
    assert "shows it with another amount" in officer.get(f"/dashboard/payments/{receipt.id}").text
    with parts.sessions.begin() as session:
        session.execute(
            text(
                "INSERT INTO wallet_lines (wallet, shortcode, row_key, receipt, kind, amount_cents, currency,"
                " source, at, seen_at) SELECT wallet, shortcode, row_key || ' file', receipt, kind,"
                " :cents, currency, 'statement', at, seen_at FROM wallet_lines"
                " WHERE receipt = :receipt"
            ),
            {"receipt": receipt.receipt, "cents": receipt.amount_cents},
        )
    page = officer.get(f"/dashboard/payments/{receipt.id}").text
    way = page[page.index('<ol class="way">') :]
    assert "A statement file tells of it." in way
    assert "own list shows it" not in way


def test_today_says_that_the_sum_is_of_pulls_and_files(officer: FlaskClient, parts: Services) -> None:
    handed_in_alone(officer, parts)
    page = officer.get("/dashboard/", follow_redirects=True).text
    assert "The wallet&#39;s list, by pull or file" in page
    assert "The wallet&#39;s own list" not in page
