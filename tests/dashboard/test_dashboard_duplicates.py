"""Likely duplicates on the dashboard: seen masked, merged, checked, undone, never asked again."""

import uuid
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from core.audit import AuditEntry
from core.ids import new_id
from dashboard.services import Services
from members.duplicates.model import CaseState, Likeness, confidence_of
from members.duplicates.tables import DuplicateCaseRow
from members.model import Status
from members.tables import MemberRow
from payments.ledger.service import savings
from payments.merging.tables import PairDecision
from payments.registry_postings.tables import RegistryPosting
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import post
from tests.dashboard.test_dashboard_work import fields_of

AsRole = Callable[[str], FlaskClient]
LIST = "/dashboard/duplicates/"


def a_case(parts: Services, day: Day) -> uuid.UUID:
    """The first two members of the day may be one person; the registry has all of their payments."""
    first_id, second_id = sorted(day.members[:2])
    reasons = [Likeness.NAME_BIRTH, Likeness.OTHER_PAPER]
    row = DuplicateCaseRow(
        id=new_id(),
        first_id=first_id,
        second_id=second_id,
        reasons=reasons,
        confidence=confidence_of(reasons),
        state=CaseState.OPEN,
        opened_at=parts.clock.now(),
    )
    with parts.sessions.begin() as session:
        session.add(row)
        session.flush()
        for posting in session.scalars(
            select(RegistryPosting).where(RegistryPosting.member_id.in_((first_id, second_id)))
        ):
            posting.state, posting.attempts = "acknowledged", 1
        return row.id


@pytest.fixture
def case(parts: Services, day: Day) -> uuid.UUID:
    return a_case(parts, day)


def saved(parts: Services, day: Day) -> list[int]:
    with parts.sessions() as session:
        return [savings(session, member_id).amount_cents for member_id in day.members[:2]]


def choose(client: FlaskClient, case: uuid.UUID, choice: str) -> str:
    form = fields_of(client.get(f"{LIST}{case}").text) | {"choice": choice}
    return client.post(f"{LIST}{case}", data=form, follow_redirects=True).text


def acts(parts: Services) -> list[str]:
    with parts.sessions() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)))


def test_a_pair_is_listed_with_its_reasons_in_words_and_masked(
    officer: FlaskClient, day: Day, case: uuid.UUID, parts: Services
) -> None:
    page = officer.get(LIST).text
    assert "Same name and birth date · Papers of different kinds" in page
    assert "80 %" in page
    both = officer.get(f"{LIST}{case}").text
    assert [secret for secret in day.secrets if secret in page + both] == []
    assert acts(parts)[-3:] == ["duplicates.listed", "duplicate.opened", "duplicate.opened"]


def test_an_officer_makes_them_one_and_two_again(
    officer: FlaskClient, day: Day, case: uuid.UUID, parts: Services
) -> None:
    object.__setattr__(parts, "four_eyes_above_cents", sum(saved(parts, day)))
    before = saved(parts, day)
    page = choose(officer, case, f"merge:{day.members[0]}")
    assert "Done. Both memberships have it in the audit trail." in page
    assert saved(parts, day) == [sum(before), 0]
    member = officer.get(f"/dashboard/members/{day.members[1]}").text
    assert "This was a second membership of one person." in member
    assert "Made one lately" in officer.get(LIST).text
    with parts.sessions() as session:
        merge = session.scalars(select(PairDecision)).one()
    choose(officer, case, f"undo:{merge.id}")
    assert saved(parts, day) == before
    assert {"duplicate.merge_done", "duplicate.undo_done"} <= set(acts(parts))


def test_a_large_merge_waits_for_a_checker(
    as_role: AsRole, day: Day, case: uuid.UUID, parts: Services
) -> None:
    object.__setattr__(parts, "four_eyes_above_cents", 100)
    before = saved(parts, day)
    officer, checker = as_role("officer"), as_role("checker")
    assert "A second person decides now" in choose(officer, case, f"merge:{day.members[0]}")
    assert saved(parts, day) == before
    assert "One decision about a likely duplicate waits" in checker.get("/dashboard/checks/").text
    with parts.sessions() as session:
        proposal = session.scalars(select(PairDecision)).one()
    address = f"{LIST}{case}/check/{proposal.id}"
    form_on = f"{LIST}{case}"
    reason = "I have seen both papers too"
    assert post(officer, address, "/dashboard/profile/", answer="approve", reason=reason).status_code == 403
    assert post(checker, address, form_on, answer="approve", reason=reason).status_code == 302
    assert saved(parts, day) == [sum(before), 0]


def test_not_the_same_person_is_remembered(
    officer: FlaskClient, case: uuid.UUID, parts: Services, day: Day
) -> None:
    choose(officer, case, "different")
    assert "No likely duplicates" in officer.get(LIST).text
    with parts.sessions() as session:
        assert session.get_one(DuplicateCaseRow, case).state == CaseState.DIFFERENT
        assert [session.get_one(MemberRow, one).status for one in day.members[:2]] == [Status.ACTIVE] * 2


def test_an_auditor_looks_and_changes_nothing(as_role: AsRole, case: uuid.UUID) -> None:
    auditor = as_role("auditor")
    assert "Your decision" not in auditor.get(f"{LIST}{case}").text
    assert post(auditor, f"{LIST}{case}", "/dashboard/profile/", choice="different").status_code == 403


@pytest.mark.parametrize("choice", ["", "merge", "merge:nobody", "undo", "burn"])
def test_what_no_page_sends_is_refused(officer: FlaskClient, case: uuid.UUID, choice: str) -> None:
    form = fields_of(officer.get(f"{LIST}{case}").text) | {"choice": choice}
    assert officer.post(f"{LIST}{case}", data=form).status_code == 400


def test_a_pair_that_is_not_there(officer: FlaskClient) -> None:
    assert officer.get(f"{LIST}{new_id()}").status_code == 404
