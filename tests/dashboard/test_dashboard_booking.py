"""A line of the wallet's list that is booked nowhere, as staff see it, book it and take that back."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from core.money import Money
from dashboard.services import Services
from payments.ledger.model import Account, AccountKind
from payments.ledger.service import balance
from payments.model import EvidenceChannel
from payments.reconciliation.service import reconcile
from payments.reconciliation.tables import Break
from payments.suspense.tables import Decision
from payments.wallet_lines.service import keep_lines
from payments.wallets.protocol import LineKind, WalletLine
from tests.dashboard.browsing import post, turn
from tests.dashboard.test_dashboard_work import LIST, REASON, fields_of

CENTS = 50_000


def compare(parts: Services) -> None:
    with parts.sessions.begin() as session:
        now = parts.clock.now()
        day = parts.calendar.day_of(now)
        reconcile(session, parts.calendar, wallet=parts.wallet, shortcode=parts.shortcode, day=day, now=now)


def put(parts: Services, kind: LineKind, cents: int) -> uuid.UUID:
    """The statement has such a line; the difference that it makes."""
    line = WalletLine(
        parts.shortcode, "SKLHAND001", f"SKLHAND001:{kind}", kind, Money(cents), parts.clock.now()
    )
    with parts.sessions.begin() as session:
        keep_lines(session, parts.wallet, [line], EvidenceChannel.STATEMENT, now=parts.clock.now())
    turn(parts, timedelta(minutes=2))
    compare(parts)
    with parts.sessions() as session:
        return session.scalars(select(Break.id)).one()


def of_account(parts: Services, kind: AccountKind) -> int:
    with parts.sessions() as session:
        return balance(session, Account.of_shortcode(kind, parts.wallet, parts.shortcode, "KES"))


def state(parts: Services, break_id: uuid.UUID) -> str:
    with parts.sessions() as session:
        return session.get_one(Break, break_id).state


@pytest.mark.parametrize(
    ("choice", "kind"), [("book_cost", AccountKind.CHARGES), ("book_bank", AccountKind.BANK_IN_TRANSIT)]
)
def test_an_officer_books_a_line_and_takes_it_back(
    officer: FlaskClient, parts: Services, choice: str, kind: AccountKind
) -> None:
    break_id = put(parts, LineKind.OTHER, -CENTS)
    address = f"{LIST}{break_id}"
    page = officer.get(address).text
    assert "Line booked nowhere" in page
    assert "SKLHAND001" in page
    assert set(re.findall(r'name="choice" value="(\w+)"', page)) == {"book_cost", "book_bank", "explain"}
    assert "KES 500" in page
    fields = fields_of(page) | {"choice": choice}
    for _ in range(2):
        done = officer.post(address, data=fields, follow_redirects=True).text
    assert "Done. The other side of it is in the ledger" in done
    assert (of_account(parts, AccountKind.WALLET_FLOAT), of_account(parts, kind)) == (-CENTS, CENTS)
    assert state(parts, break_id) == "resolved"
    compare(parts)
    assert state(parts, break_id) == "resolved"
    undo = re.search(r'name="choice" value="(undo:[^"]+)"', done)
    assert undo
    key = re.search(r'name="key" value="([^"]+)"', done)
    assert key
    post(officer, address, address, key=key[1], choice=undo[1], reason=REASON)
    assert (of_account(parts, AccountKind.WALLET_FLOAT), state(parts, break_id)) == (0, "open")


def test_above_the_limit_a_checker_says_yes(
    officer: FlaskClient, as_role: Callable[[str], FlaskClient], parts: Services
) -> None:
    break_id = put(parts, LineKind.OTHER, -10 * CENTS)
    address = f"{LIST}{break_id}"
    page = officer.get(address).text
    assert (
        "Proposed"
        in officer.post(address, data=fields_of(page) | {"choice": "book_cost"}, follow_redirects=True).text
    )
    assert of_account(parts, AccountKind.WALLET_FLOAT) == 0
    with parts.sessions() as session:
        decision_id = session.scalars(select(Decision.id)).one()
    checker = as_role("checker")
    waiting = checker.get("/dashboard/checks/").text
    assert "Book it as cost of the fund" in waiting
    post(checker, f"/dashboard/checks/{decision_id}", "/dashboard/checks/", answer="approve", reason=REASON)
    assert of_account(parts, AccountKind.WALLET_FLOAT) == -10 * CENTS
    assert state(parts, break_id) == "resolved"


def test_other_differences_are_not_offered_to_be_booked(officer: FlaskClient, parts: Services) -> None:
    address = f"{LIST}{put(parts, LineKind.CHARGE, -2300)}"
    page = officer.get(address).text
    assert "book_" not in page
    refused = officer.post(address, data=fields_of(page) | {"choice": "book_cost"})
    assert refused.status_code == 409
    assert "booked nowhere" in refused.text
