"""Working differences: decide, a second look, two people at one, several at once, members in doubt."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from core.audit import AuditEntry
from dashboard.ages import AgeBucket
from dashboard.services import Services
from members.tables import MemberRow
from payments.ledger.service import savings
from payments.model import BreakClass
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.suspense.tables import Decision
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import NOON, post, sign_in, token_in, turn

AsRole = Callable[[str], FlaskClient]
REASON = "the payer came to the office with the SMS"
LIST = "/dashboard/exceptions/"


def fields_of(page: str) -> dict[str, str]:
    """What the decision form on a page would send, the choice left out."""
    key = re.search(r'name="key" value="([^"]+)"', page.split('id="decide"')[1])
    assert key
    return {"csrf_token": token_in(page), "key": key[1], "reason": REASON}


def suspended(day: Day) -> Receipt:
    return next(receipt for receipt in day.receipts if receipt.member_id is None)


def decide(client: FlaskClient, day: Day, choice: str, **other: str) -> str:
    page = client.get(f"/dashboard/suspense/{suspended(day).id}").text
    answer = client.post(
        f"/dashboard/suspense/{suspended(day).id}",
        data=fields_of(page) | {"choice": choice} | other,
        follow_redirects=True,
    )
    return answer.text


def breaks_of(parts: Services, receipt: Receipt) -> uuid.UUID:
    with parts.sessions() as session:
        return session.scalars(select(Break.id).where(Break.receipt_id == receipt.id)).one()


def saved(parts: Services, member_id: uuid.UUID) -> int:
    with parts.sessions() as session:
        return savings(session, member_id).amount_cents


def count(parts: Services) -> int:
    with parts.sessions() as session:
        return session.scalar(select(func.count()).select_from(Decision)) or 0


def test_suspense_lists_what_waits_with_age_and_reason(officer: FlaskClient, day: Day) -> None:
    page = officer.get("/dashboard/suspense/").text
    assert suspended(day).receipt in page
    assert "no member has this number" in page
    assert page.count('<th scope="row"><a') == 2


def test_without_suspense_the_page_says_so(officer: FlaskClient) -> None:
    assert "Nothing is in suspense" in officer.get("/dashboard/suspense/").text
    assert officer.get("/dashboard/suspense/?after=nonsense").status_code == 400
    assert officer.get(f"/dashboard/suspense/{uuid.uuid4()}").status_code == 404


def test_money_is_given_to_a_member_by_number(officer: FlaskClient, day: Day, parts: Services) -> None:
    before = saved(parts, day.members[0])
    page = decide(officer, day, "match", number=f"{day.numbers[0][:3]} {day.numbers[0][3:]}")
    assert "Done." in page
    assert "With a member" in page
    assert saved(parts, day.members[0]) == before + suspended(day).amount_cents
    assert officer.get("/dashboard/suspense/").text.count('<th scope="row"><a') == 1


def test_a_double_click_does_nothing_twice(officer: FlaskClient, day: Day, parts: Services) -> None:
    before = saved(parts, day.members[0])
    receipt = suspended(day)
    fields = fields_of(officer.get(f"/dashboard/suspense/{receipt.id}").text)
    fields |= {"choice": f"match:{day.members[0]}"}
    for _ in range(2):
        assert officer.post(f"/dashboard/suspense/{receipt.id}", data=fields).status_code == 302
    assert count(parts) == 1
    assert saved(parts, day.members[0]) == before + receipt.amount_cents


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"reason": "short"}, "at least ten characters"),
        ({"number": "400000000"}, "No member has this number"),
        ({"number": ""}, "No member has this number"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(
    officer: FlaskClient, day: Day, parts: Services, changed: dict[str, str], words: str
) -> None:
    fields = {"number": day.numbers[0]} | changed
    assert words in decide(officer, day, "match", **fields)
    assert count(parts) == 0


@pytest.mark.parametrize("choice", ["", "nothing", "match:x", "undo"])
def test_what_no_page_sends_is_refused(officer: FlaskClient, day: Day, parts: Services, choice: str) -> None:
    page = officer.get(f"/dashboard/suspense/{suspended(day).id}").text
    answer = officer.post(
        f"/dashboard/suspense/{suspended(day).id}", data=fields_of(page) | {"choice": choice}
    )
    assert answer.status_code == 400
    assert count(parts) == 0


def test_an_auditor_sees_and_does_not_decide(as_role: AsRole, day: Day) -> None:
    auditor = as_role("auditor")
    page = auditor.get(f"/dashboard/suspense/{suspended(day).id}").text
    assert "Your decision" not in page
    token = token_in(page)
    answer = auditor.post(f"/dashboard/suspense/{suspended(day).id}", data={"csrf_token": token})
    assert answer.status_code == 403


def test_above_the_limit_another_person_must_agree(as_role: AsRole, day: Day, parts: Services) -> None:
    object.__setattr__(parts, "four_eyes_above_cents", 100)
    officer, checker = as_role("officer"), as_role("checker")
    before = saved(parts, day.members[0])
    assert "A second person decides now" in decide(officer, day, f"match:{day.members[0]}")
    assert "Waits for a second person" in officer.get("/dashboard/suspense/").text
    # Nobody begins anew what waits for another.
    waiting = officer.get(f"{LIST}{breaks_of(parts, suspended(day))}").text
    assert "Second person" in waiting
    assert "A second person agrees with what was decided" in waiting
    assert officer.get(f"{LIST}?kind=suspense").text.count("Second person") == 1
    own = officer.get("/dashboard/checks/").text
    assert "You proposed this" in own
    with parts.sessions() as session:
        proposal = session.scalars(select(Decision)).one()
    address = f"/dashboard/checks/{proposal.id}"
    denied = officer.post(address, data={"csrf_token": token_in(own), "answer": "approve", "reason": REASON})
    assert denied.status_code == 403
    assert "1 decision waits" in checker.get("/dashboard/day/2026-11-22").text
    for _ in range(2):
        page = checker.get("/dashboard/checks/").text
        fields = {"csrf_token": token_in(page), "answer": "approve", "reason": REASON}
        checker.post(address, data=fields)
    assert saved(parts, day.members[0]) == before + suspended(day).amount_cents
    page = officer.get(f"/dashboard/suspense/{suspended(day).id}").text
    assert "Amina Officer" in page
    assert "Amina Checker" in page


def test_a_checker_who_proposed_cannot_agree_with_themself(
    as_role: AsRole, day: Day, parts: Services
) -> None:
    object.__setattr__(parts, "four_eyes_above_cents", 100)
    checker = as_role("checker")
    decide(checker, day, "refund")
    with parts.sessions() as session:
        proposal = session.scalars(select(Decision)).one()
    fields = {"csrf_token": token_in(checker.get("/dashboard/suspense/").text), "answer": "approve"}
    answer = checker.post(
        f"/dashboard/checks/{proposal.id}", data=fields | {"reason": REASON}, follow_redirects=True
    )
    assert "You proposed this yourself" in answer.text
    with parts.sessions() as session:
        assert session.scalars(select(Decision)).one().state == "proposed"


def test_a_refused_proposal_moves_nothing(as_role: AsRole, day: Day, parts: Services) -> None:
    object.__setattr__(parts, "four_eyes_above_cents", 100)
    decide(as_role("officer"), day, "refund")
    supervisor = as_role("supervisor")
    with parts.sessions() as session:
        proposal = session.scalars(select(Decision)).one()
    answer = post(
        supervisor, f"/dashboard/checks/{proposal.id}", "/dashboard/checks/", answer="refuse", reason=REASON
    )
    assert answer.status_code == 302
    assert "Nothing waits for a second person" in supervisor.get("/dashboard/checks/").text
    assert suspended(day).receipt in supervisor.get("/dashboard/suspense/").text


def test_a_refund_is_listed_to_be_paid_and_can_be_undone(officer: FlaskClient, day: Day) -> None:
    decide(officer, day, "refund")
    assert "Refunds to pay" in officer.get("/dashboard/suspense/").text
    page = officer.get(f"/dashboard/suspense/{suspended(day).id}").text
    undo = re.search(r'value="(undo:[^"]+)"', page)
    assert undo
    assert "Done." in decide(officer, day, undo[1])
    assert "Refunds to pay" not in officer.get("/dashboard/suspense/").text


def test_two_people_on_one_difference_see_each_other(as_role: AsRole, day: Day, parts: Services) -> None:
    officer, checker = as_role("officer"), as_role("checker")
    address = f"{LIST}{day.breaks['suspense']}"
    assert "is looking at this now" not in officer.get(address).text
    assert "Amina Officer is looking at this now" in checker.get(address).text
    page = officer.get(address).text
    assert "Amina Checker is looking at this now" in page
    here = f"/dashboard/work/here/{day.breaks['suspense']}"
    ping = officer.post(here, data={"csrf_token": token_in(page)})
    assert ping.get_json() == {
        "words": "Amina Checker is looking at this now. Speak with each other before you decide."
    }
    turn(parts, timedelta(seconds=91))
    assert officer.post(here, data={"csrf_token": token_in(page)}).get_json() == {"words": ""}


def test_a_difference_is_taken_in_hand_given_back_and_noted(officer: FlaskClient, day: Day) -> None:
    break_id = day.breaks["amount_differs"]
    address = f"{LIST}{break_id}"
    post(officer, f"/dashboard/work/break/{break_id}/hand", address)
    assert officer.get(f"{LIST}?mine=yes").text.count("Amina Officer") >= 1
    assert officer.get(f"{LIST}?mine=yes").text.count('<th scope="row" class="nowrap"><a') == 1
    post(officer, f"/dashboard/work/break/{break_id}/note", address, text="Asked the wallet, they call back")
    assert "Asked the wallet" in officer.get(address).text
    post(officer, f"/dashboard/work/break/{break_id}/hand", address, back="yes")
    assert "Nothing here" in officer.get(f"{LIST}?mine=yes").text
    empty = post(officer, f"/dashboard/work/break/{break_id}/note", address, text=" ")
    assert empty.status_code == 302


def test_writing_off_is_offered_only_for_what_never_came(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    address = f"{LIST}{day.breaks['not_on_statement']}"
    assert 'value="write_off"' in officer.get(address).text
    with parts.sessions.begin() as session:
        session.get_one(Break, day.breaks["not_on_statement"]).break_class = BreakClass.MISMATCH
    page = officer.get(address).text
    assert 'value="write_off"' not in page
    assert 'value="explain"' in page
    listed = next(one for one in day.receipts if one.member_id and one.receipt != day.receipts[22].receipt)
    with parts.sessions.begin() as session:
        found = session.get_one(Break, day.breaks["not_on_statement"])
        found.break_class, found.receipt_id = BreakClass.NOT_ON_STATEMENT, listed.id
    assert 'value="write_off"' not in officer.get(address).text


def test_several_are_taken_or_explained_at_once(officer: FlaskClient, day: Day, parts: Services) -> None:
    object.__setattr__(parts, "four_eyes_above_cents", 10**9)
    chosen = [str(day.breaks[name]) for name in ("amount_differs", "not_on_statement")]
    page = officer.get(LIST).text
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    fields = {"csrf_token": token_in(page), "key": key[1], "break": chosen, "back": f"{LIST}?sort=risk"}
    answer = officer.post("/dashboard/work/several", data=fields | {"act": "take"})
    assert answer.headers["Location"] == f"{LIST}?sort=risk"
    for _ in range(2):
        officer.post("/dashboard/work/several", data=fields | {"act": "explain", "reason": REASON})
    assert count(parts) == 2
    with parts.sessions() as session:
        rows = session.scalars(select(Break).where(Break.id.in_(chosen))).all()
    assert {row.state for row in rows} == {"settled"}
    assert len({row.owner for row in rows}) == 1
    elsewhere = officer.post(
        "/dashboard/work/several", data=fields | {"act": "take", "back": "https://evil.example/"}
    )
    assert elsewhere.headers["Location"] == LIST
    bad = officer.post("/dashboard/work/several", data=fields | {"break": ["x"]})
    assert bad.status_code == 400


def test_ages_are_counted_and_narrow_the_list(officer: FlaskClient, day: Day, parts: Services) -> None:
    with parts.sessions.begin() as session:
        session.get_one(Break, day.breaks["amount_differs"]).first_seen = NOON - timedelta(days=40)
    assert officer.get(f"{LIST}?age=31-").text.count('<th scope="row" class="nowrap"><a') == 1
    assert officer.get(f"{LIST}?age=0-1").text.count('<th scope="row" class="nowrap"><a') == 12
    assert officer.get(f"{LIST}?age=5-6").status_code == 400
    for days, bucket in (
        (0, "0-1"),
        (1, "0-1"),
        (2, "2-3"),
        (7, "4-7"),
        (8, "8-30"),
        (30, "8-30"),
        (31, "31-"),
    ):
        seen = NOON - timedelta(days=days, hours=1)
        bounds = {each: each.bounds(NOON) for each in AgeBucket}
        assert [
            each
            for each, (oldest, newest) in bounds.items()
            if seen <= newest and (oldest is None or seen > oldest)
        ] == [bucket]


def test_members_in_doubt_are_listed_and_decided_once(as_role: AsRole, day: Day, parts: Services) -> None:
    officer = as_role("officer")
    assert "Nobody waits" not in officer.get("/dashboard/reviews/").text
    doubtful = day.members[4]
    with parts.sessions.begin() as session:
        twin = session.get_one(MemberRow, day.members[7])
        twin.name_birth_index = session.get_one(MemberRow, doubtful).name_birth_index = "b" * 64
    address = f"/dashboard/reviews/{doubtful}"
    page = officer.get(address).text
    assert "Name and birth date" in page
    assert not any(secret in page for secret in day.secrets)
    for status in ("closed", "active"):
        fields = {"csrf_token": token_in(page), "status": status, "reason": REASON}
        officer.post(address, data=fields)
    with parts.sessions() as session:
        assert session.get_one(MemberRow, doubtful).status == "closed"
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "member.status")).one()
    assert entry.reason == REASON
    assert "Nobody waits" in officer.get("/dashboard/reviews/").text
    bad = officer.post(
        address, data={"csrf_token": token_in(page), "status": "needs_review", "reason": REASON}
    )
    assert bad.status_code == 400
    assert officer.get(f"/dashboard/reviews/{uuid.uuid4()}").status_code == 404


def test_no_work_page_shows_personal_data(officer: FlaskClient, day: Day) -> None:
    decide(officer, day, "refund")
    for address in (
        "/dashboard/suspense/",
        f"/dashboard/suspense/{suspended(day).id}",
        "/dashboard/checks/",
        "/dashboard/reviews/",
        f"{LIST}{day.breaks['suspense']}",
    ):
        page = officer.get(address).text
        assert not any(secret in page for secret in day.secrets), address


def test_signing_in_again_keeps_the_way(staff: Callable[[str], str], client: FlaskClient, day: Day) -> None:
    answer = client.get("/dashboard/suspense/")
    assert "/sign-in?next=" in answer.headers["Location"]
    assert sign_in(client, staff("officer")).status_code == 302
