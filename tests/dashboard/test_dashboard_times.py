"""Times say what they are of: when a day can be closed, which was closed, when it was paid and heard of."""

from collections.abc import Callable
from datetime import timedelta

from flask.testing import FlaskClient

from core.ids import new_id
from dashboard.services import Services
from payments.closing.tables import Closing
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import turn

AsRole = Callable[[str], FlaskClient]
CLOSINGS = "/dashboard/closings/"


def test_a_day_that_cannot_be_closed_yet_says_from_when_on_it_can(as_role: AsRole, parts: Services) -> None:
    turn(parts, timedelta(hours=12, minutes=9, seconds=59))
    checker = as_role("checker")
    page = checker.get(f"{CLOSINGS}2026-11-22").text
    assert "Can be closed from 23 Nov 2026, 00:10:00" in page
    assert "Close this day" not in page
    turn(parts, timedelta(seconds=1))
    page = checker.get(f"{CLOSINGS}2026-11-22").text
    assert "Can be closed from" not in page
    assert "Close this day" in page


def test_what_was_closed_is_named_as_everywhere_and_leads_to_its_day(
    officer: FlaskClient, parts: Services
) -> None:
    with parts.sessions.begin() as session:
        for scope, period in (("day", "2026-11-20"), ("month", "2026-10")):
            row = Closing(
                id=new_id(),
                wallet=parts.wallet,
                shortcode=parts.shortcode,
                scope=scope,
                period=period,
                closed_at=parts.clock.now(),
                closed_by="staff:0",
                postings_through=0,
                lines_through=0,
                figures={},
                digest="0" * 64,
            )
            session.add(row)
    page = officer.get(CLOSINGS).text
    assert f'<a href="{CLOSINGS}2026-11-20">20 Nov 2026</a>' in page
    assert ">October 2026<" in page
    assert ">2026-" not in page


def test_evidence_says_when_it_was_paid_and_when_we_heard(officer: FlaskClient, day: Day) -> None:
    page = officer.get(f"/dashboard/exceptions/{day.breaks['amount_differs']}").text
    wallet = page.split('id="side-wallet"')[1].split("</article>")[0]
    assert "<dt>Paid</dt>" in wallet
    assert "<dt>Heard</dt>" in wallet
    ledger = page.split('id="side-ledger"')[1].split("</article>")[0]
    assert "<dt>Paid</dt>" in ledger
    assert "<dt>Written</dt>" in ledger
    assert "<dt>At</dt>" not in page
