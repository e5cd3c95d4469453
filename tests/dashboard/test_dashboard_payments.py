"""Payments: found by receipt, listed in pages, and each with its whole way."""

import uuid

from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard import receipts
from dashboard.services import Services
from dashboard.ways import why_in_words
from payments.contributions.tables import Contribution
from payments.model import PaymentState
from payments.receipts.tables import Receipt
from payments.view import WayStep
from tests.dashboard.a_day import Day, seed
from tests.dashboard.browsing import NOON

PAYMENTS = "/dashboard/payments/"


def test_before_the_first_payment_the_page_says_so(officer: FlaskClient) -> None:
    assert "No payments yet" in officer.get(PAYMENTS).text


def test_a_payment_is_found_by_its_receipt_as_somebody_reads_it_out(officer: FlaskClient, day: Day) -> None:
    receipt = day.receipts[5]
    answer = officer.get(PAYMENTS, query_string={"receipt": f" {receipt.receipt.lower()} "})
    assert answer.headers["Location"] == f"{PAYMENTS}{receipt.id}"


def test_a_receipt_nobody_knows_is_said_to_be_unknown(officer: FlaskClient, day: Day) -> None:
    page = officer.get(PAYMENTS, query_string={"receipt": "<b>NONE"}).text
    assert "No payment with this receipt" in page
    # As menus take them, from every wallet.
    assert "6 to 24 letters and digits" in page
    assert "<b>NONE" not in page


def test_an_acknowledged_payment_shows_its_whole_way_in_order(officer: FlaskClient, day: Day) -> None:
    page = officer.get(f"{PAYMENTS}{day.receipts[1].id}").text
    way = page.split('<ol class="way">')[1].split("</ol>")[0]
    words = [part.split("</strong>")[0] for part in way.split("<strong>")[1:]]
    assert words == ["Asked for", "Prompt sent", "Received", "Confirmed", "Posted", "Acknowledged"]
    assert "Not yet" not in way


def test_a_payment_says_who_saved_it_and_for_which_month(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    address = f"{PAYMENTS}{day.receipts[1].id}"
    assert "To count for" not in officer.get(address).text
    with parts.sessions.begin() as session:
        asked = session.scalars(
            select(Contribution).where(Contribution.receipt_id == day.receipts[1].id)
        ).one()
        asked.period, asked.asked_by = "2026-10", day.members[3]
    page = officer.get(address).text
    assert "<dt>To count for</dt><dd>October 2026</dd>" in page
    assert f'<dt>Saved by</dt><dd><a href="/dashboard/members/{day.members[3]}">' in page


def test_a_way_says_why_in_whole_sentences(officer: FlaskClient, day: Day, parts: Services) -> None:
    receipt = day.receipts[1]
    with parts.sessions.begin() as session:
        session.get_one(Receipt, receipt.id).match_why = "answers our prompt"
    page = officer.get(f"{PAYMENTS}{receipt.id}").text
    assert "The member asked to save. It was asked for on USSD." in page
    assert "The wallet was asked to prompt the phone. The wallet took the request." in page
    assert page.count("<strong>Prompt sent</strong>") == 1
    assert "It answers our prompt." in page


def test_a_reason_of_a_wallet_is_a_sentence_too() -> None:
    now = NOON
    for why, words in (
        (
            "stk_query: 1032 Request cancelled",
            "Answer to our question: 1032 Request cancelled.",
        ),
        ("refused: 500.001 Busy", "Refused: 500.001 Busy."),
        ("", ""),
    ):
        assert why_in_words(WayStep(PaymentState.FAILED, now, why)) == words


def test_a_stuck_payment_shows_what_is_still_ahead(officer: FlaskClient, day: Day) -> None:
    page = officer.get(f"{PAYMENTS}{day.receipts[41].id}").text
    assert page.count("Not yet") == 2
    assert "The central registry has not taken it so far." in page
    assert "Not posted to the registry" in page


def test_a_listed_payment_with_another_amount_is_not_called_confirmed(officer: FlaskClient, day: Day) -> None:
    page = officer.get(f"{PAYMENTS}{day.receipts[28].id}").text
    assert "shows it with another amount" in page


def test_a_wish_without_money_has_a_page_too(officer: FlaskClient, day: Day) -> None:
    page = officer.get(f"{PAYMENTS}{day.wish}").text
    assert "Payment asked for" in page
    assert "Being checked with the wallet" in page
    assert "Outcome not known" in page


def test_money_in_suspense_says_so(officer: FlaskClient, day: Day) -> None:
    page = officer.get(f"{PAYMENTS}{day.receipts[17].id}").text
    assert "In suspense" in page
    assert "No member has this number." in page


def test_pages_hold_every_payment_once(parts: Services) -> None:
    with parts.sessions.begin() as session:
        made = seed(session, parts, payments=120)
    seen: list[uuid.UUID] = []
    after: str | None = None
    with parts.sessions() as session:
        while True:
            rows, after = receipts.latest(session, after)
            seen += [row.receipt_id for row in rows]
            if after is None:
                break
    assert len(seen) == len(set(seen)) == len(made.receipts)


def test_what_is_no_payment_is_not_found(officer: FlaskClient) -> None:
    assert officer.get(f"{PAYMENTS}{uuid.uuid4()}").status_code == 404
    assert officer.get(f"{PAYMENTS}?after=nonsense").status_code == 400
