"""What is given back to its payer: shown so on every page that has it, and decided about no more."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.services import Services
from payments.receipts.tables import Receipt
from payments.refunds.model import REFUND_PLACE
from payments.refunds.results import fail, finish
from payments.refunds.service import open_decided, open_refund
from payments.refunds.tables import Refund
from payments.registry_postings.corrections import CorrectionState, queue_correction
from payments.registry_postings.tables import RegistryCorrection
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import turn
from tests.dashboard.test_dashboard_work import decide, suspended

REFUSED = "The refund is on its way to the payer, or paid."
NO_MEMBER = "Nothing we know points to a member."


@pytest.fixture
def receipt(officer: FlaskClient, day: Day) -> Receipt:
    """Money in suspense that an officer decided to give back."""
    assert "Done." in decide(officer, day, "refund")
    return suspended(day)


def begin(parts: Services) -> None:
    """The house opens the refund, and the wallet takes the order."""
    turn(parts, timedelta(minutes=5))
    now = parts.clock.now()
    with parts.sessions.begin() as session:
        assert open_decided(session, now=now) == 1
        refund = session.scalars(select(Refund)).one()
        refund.state, refund.sent_at = "sent", now


def end(parts: Services, how: Callable[..., None], *said: str, **more: str) -> None:
    turn(parts, timedelta(minutes=5))
    now = parts.clock.now()
    with parts.sessions.begin() as session:
        refund = session.scalars(select(Refund).with_for_update()).one()
        how(session, refund, *said, **more, **({"at": now} if how is finish else {}), now=now)


def way_of(page: str) -> list[str]:
    way = page.split('<ol class="way">')[1].split("</ol>", maxsplit=1)[0]
    return [part.split("</strong>")[0] for part in way.split("<strong>")[1:]]


def test_what_is_decided_and_not_begun_can_be_called_back(officer: FlaskClient, receipt: Receipt) -> None:
    page = officer.get(f"/dashboard/payments/{receipt.id}").text
    assert "To be refunded" in page
    assert way_of(page)[-3:] == ["Refund decided", "Refund sent", "Refunded"]
    assert page.count("Not yet") == 2
    work = officer.get(f"/dashboard/suspense/{receipt.id}").text
    assert "Until then it can be called back here." in work
    assert 'value="suspend"' in work


def test_a_refund_on_its_way_is_shown_so_and_decided_about_no_more(
    officer: FlaskClient, parts: Services, receipt: Receipt
) -> None:
    begin(parts)
    page = officer.get(f"/dashboard/payments/{receipt.id}").text
    assert "Refund on its way" in page
    assert "Decide or correct" not in page
    assert way_of(page)[-3:] == ["Refund decided", "Refund sent", "Refunded"]
    assert page.count("Not yet") == 1
    work = officer.get(f"/dashboard/suspense/{receipt.id}").text
    assert "It is on its way back to the payer since" in work
    assert 'name="choice"' not in work
    assert NO_MEMBER not in work


def test_a_refund_that_was_paid_is_called_refunded_everywhere(
    officer: FlaskClient, parts: Services, receipt: Receipt
) -> None:
    begin(parts)
    end(parts, finish, receipt_code="SKREFUND01")
    page = officer.get(f"/dashboard/payments/{receipt.id}").text
    assert "Given back to the payer" in page
    assert way_of(page)[-3:] == ["Refund decided", "Refund sent", "Refunded"]
    assert "The payer has it back. The wallet calls it SKREFUND01." in page
    assert "Not yet" not in page
    row = officer.get("/dashboard/payments/").text.split(receipt.receipt)[1].split("</tr>")[0]
    assert "Refunded" in row
    work = officer.get(f"/dashboard/suspense/{receipt.id}").text
    assert "The payer has it back since" in work
    assert 'name="choice"' not in work


def test_a_refund_that_failed_is_said_to_have_failed_and_staff_decide(
    officer: FlaskClient, parts: Services, receipt: Receipt
) -> None:
    begin(parts)
    end(parts, fail, "no such phone")
    page = officer.get(f"/dashboard/payments/{receipt.id}").text
    assert way_of(page)[-3:] == ["Refund decided", "Refund sent", "Refund failed"]
    assert "Decide or correct" in page
    work = officer.get(f"/dashboard/suspense/{receipt.id}").text
    assert "the wallet gave nothing back" in work
    assert 'value="suspend"' in work


def test_what_a_member_asked_back_names_them_and_what_the_registry_was_told(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    receipt, member_id, now = day.receipts[1], day.members[1], parts.clock.now()
    with parts.sessions.begin() as session:
        money = session.get_one(Receipt, receipt.id)
        money.member_id, money.staff_place = None, REFUND_PLACE
        open_refund(session, money, member_id=member_id, why="paid twice, says the member", now=now)
        queue_correction(session, money, member_id, "refunded", now=now)
    page = officer.get(f"/dashboard/payments/{receipt.id}").text
    asked = ["Refund asked for", "Refunded", "Registry told of it", "Registry counts it no more"]
    assert way_of(page)[-5:] == [asked[0], "Refund sent", *asked[1:]]
    assert f'Before it was <a href="/dashboard/members/{member_id}">' in page
    assert "Refund on its way" in officer.get(f"/dashboard/members/{member_id}").text
    with parts.sessions.begin() as session:
        told = session.scalars(select(RegistryCorrection)).one()
        told.state, told.posted_at, told.acknowledged_at = CorrectionState.ACKNOWLEDGED, now, now
    end(parts, finish)
    page = officer.get(f"/dashboard/payments/{receipt.id}").text
    assert sorted(way_of(page)[-4:]) == sorted(asked)
    assert "The central registry showed the correction when asked." in page
    assert "Not yet" not in page
