"""A fund with several wallets: staff choose which one a page is about, and stay with it."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from html import unescape
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from core.ids import new_id
from core.outbox import OutboxRow
from dashboard.blueprint import register
from dashboard.services import Services
from payments.closing.tables import Closing
from payments.imports.tables import StatementImport
from payments.reconciliation.tables import ReconciliationRun
from payments.wallets.choosing import WalletAccount
from tests.dashboard.browsing import post, sign_in, token_in
from tests.dashboard.opened_files import strings_of, text_of_pdf

DAY = "2026-11-21"
MTN = "account=mtn:MTNFUND"
PAGES = ("day/2026-11-21", "closings/", f"closings/{DAY}", "imports/", "reports/")


@pytest.fixture
def parts(parts: Services) -> Services:
    return replace(parts, other_accounts=[WalletAccount("mtn", "MTNFUND")])


@pytest.fixture
def supervisor(as_role: Callable[[str], FlaskClient]) -> FlaskClient:
    return as_role("supervisor")


def account_links(page: str) -> dict[str, str]:
    """Where each wallet's link leads, by what it says."""
    nav = page.partition('aria-label="Wallet"')[2].partition("</nav>")[0]
    found = re.findall(r'href="([^"]+)"[^>]*>(?:<svg.*?</svg>)?([^<]+)</a>', nav)
    return {words: unescape(address) for address, words in found}


@pytest.mark.parametrize("page", PAGES)
def test_every_page_about_one_wallet_leads_to_the_same_page_about_the_other(
    supervisor: FlaskClient, page: str
) -> None:
    first = supervisor.get(f"/dashboard/{page}").text
    links = account_links(first)
    assert list(links) == ["M-Pesa 174379", "MTN MoMo MTNFUND"]
    assert MTN in links["MTN MoMo MTNFUND"].replace("%3A", ":")
    other = supervisor.get(links["MTN MoMo MTNFUND"])
    assert other.status_code == 200
    current = re.search(r'aria-current="true"><svg.*?</svg>([^<]+)</a>', other.text)
    assert current is not None
    assert current[1] == "MTN MoMo MTNFUND"
    back = account_links(other.text)["M-Pesa 174379"]
    assert "account" not in back
    assert supervisor.get(back).status_code == 200


def test_links_and_forms_stay_with_the_chosen_wallet(supervisor: FlaskClient) -> None:
    page = supervisor.get(f"/dashboard/day/{DAY}?{MTN}").text.replace("%3A", ":")
    assert f'href="/dashboard/day/2026-11-20?{MTN}"' in page
    assert f'href="/dashboard/closings/?{MTN}"' in page
    assert 'name="account" value="mtn:MTNFUND"' in page
    assert f"/dashboard/day/{DAY}/reconcile?{MTN}" in page
    shown = supervisor.get(f"/dashboard/?day={DAY}&{MTN}").headers["Location"].replace("%3A", ":")
    assert shown == f"/dashboard/day/{DAY}?{MTN}"


def test_a_comparison_is_asked_for_and_shown_of_the_chosen_wallet(
    supervisor: FlaskClient, parts: Services
) -> None:
    form = f"/dashboard/day/{DAY}?{MTN}"
    post(supervisor, f"/dashboard/day/{DAY}/reconcile?{MTN}", form)
    with parts.sessions() as session:
        [asked] = session.scalars(select(OutboxRow.payload).where(OutboxRow.topic == "reconcile"))
    assert asked == {"wallet": "mtn", "shortcode": "MTNFUND", "day": DAY}
    assert "data-progress" in supervisor.get(form).text
    assert "data-progress" not in supervisor.get(f"/dashboard/day/{DAY}").text


def test_a_day_is_closed_for_the_chosen_wallet_alone(supervisor: FlaskClient, parts: Services) -> None:
    with parts.sessions.begin() as session:
        session.add(a_run(parts, date.fromisoformat(DAY)))
    form = f"/dashboard/closings/{DAY}?{MTN}"
    reason = "nothing moved there that day"
    post(supervisor, f"/dashboard/closings/{DAY}/close?{MTN}", form, reason=reason)
    with parts.sessions() as session:
        [closing] = session.scalars(select(Closing))
    assert (closing.wallet, closing.shortcode, closing.period) == ("mtn", "MTNFUND", DAY)
    assert f"/dashboard/closings/{DAY}/close" in supervisor.get(f"/dashboard/closings/{DAY}").text


def test_the_proof_of_a_day_names_its_wallet_wherever_it_is_shown(supervisor: FlaskClient) -> None:
    for account, name in (("", "M-Pesa 174379"), (f"?{MTN}", "MTN MoMo MTNFUND")):
        page = supervisor.get(f"/dashboard/closings/{DAY}{account}").text
        heading = re.search(r"<h1[^>]*>(.+?)</h1>", page)
        assert heading is not None
        assert name in heading[1]
        paper = text_of_pdf(supervisor.get(f"/dashboard/closings/{DAY}/proof.pdf{account}").data)
        assert f"{name} \N{MIDDLE DOT} KES" in paper
        cells = supervisor.get(f"/dashboard/closings/{DAY}/proof.xlsx{account}").data
        assert name in strings_of(cells)


def test_what_is_of_all_wallets_says_so(supervisor: FlaskClient) -> None:
    assert "those of all wallets together" in supervisor.get(f"/dashboard/day/{DAY}").text


def a_run(parts: Services, day: date) -> ReconciliationRun:
    figures = [column.name for column in ReconciliationRun.__table__.columns]
    nothing = dict.fromkeys(figures[figures.index("received") :], 0)
    run = {"wallet": "mtn", "shortcode": "MTNFUND", "day": day, "at": parts.clock.now()}
    return ReconciliationRun(id=new_id(), **run, **nothing)


def test_a_statement_is_handed_in_for_the_chosen_wallet(supervisor: FlaskClient, parts: Services) -> None:
    address = f"/dashboard/imports/?{MTN}"
    file = (BytesIO(b"Id,Date\n"), "mtn.csv")
    token = token_in(supervisor.get(address).text)
    supervisor.post(address, data={"csrf_token": token, "file": file})
    with parts.sessions() as session:
        [row] = session.scalars(select(StatementImport))
    assert (row.wallet, row.shortcode) == ("mtn", "MTNFUND")


@pytest.mark.parametrize("account", ["mtn:OTHER", "mtn", "mpesa:1", "<b>"])
def test_a_wallet_that_the_fund_does_not_have_is_no_page(supervisor: FlaskClient, account: str) -> None:
    assert supervisor.get("/dashboard/closings/", query_string={"account": account}).status_code == 404


def test_with_one_wallet_nothing_is_to_choose(parts: Services, staff: Callable[[str], str]) -> None:
    app = Flask("kibaba", root_path=str(Path(__file__).parent), static_folder=None)
    register(app, replace(parts, other_accounts=()))
    client = app.test_client()
    assert sign_in(client, staff("officer")).status_code == 302
    assert account_links(client.get(f"/dashboard/day/{DAY}").text) == {}
