"""A death or a new name that a registry told us of is on staff's list until one of them has finished it."""

import uuid
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from core.audit import AuditEntry
from dashboard.services import Services
from members.model import NoticeKind, Status
from members.notified import keep_notice
from members.tables import MemberRow, RegistryNoticeRow
from tests.dashboard.a_day import Day
from tests.dashboard.browsing import post

AsRole = Callable[[str], FlaskClient]
LIST = "/dashboard/notices/"
REASON = "spoke with her sister, who brought the paper"


def told(parts: Services, day: Day, kind: NoticeKind, status: Status) -> uuid.UUID:
    """The civil registry told us, and the membership's status followed."""
    with parts.sessions.begin() as session:
        member = session.get_one(MemberRow, day.members[0])
        for _ in range(2):
            keep_notice(session, member, kind, "civil", event_on="2026-11-01", now=parts.clock.now())
        member.status = status
    with parts.sessions() as session:
        return session.scalars(select(RegistryNoticeRow.id)).one()


def finish(client: FlaskClient, notice: uuid.UUID, answer: str) -> int:
    return post(client, f"{LIST}{notice}", "/dashboard/profile/", answer=answer, reason=REASON).status_code


def status(parts: Services, day: Day) -> str:
    with parts.sessions() as session:
        return session.get_one(MemberRow, day.members[0]).status


def acts(parts: Services) -> list[str]:
    with parts.sessions() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)))


def test_a_death_is_listed_masked_and_once(officer: FlaskClient, day: Day, parts: Services) -> None:
    told(parts, day, NoticeKind.DEATH, Status.DECEASED)
    page = officer.get(LIST).text
    assert page.count("The registry reports a death") == 1
    assert "2026-11-01" in page
    assert [secret for secret in day.secrets if secret in page] == []
    assert acts(parts)[-1] == "notices.listed"


@pytest.mark.parametrize(
    ("kind", "heard", "answer", "after"),
    [
        (NoticeKind.DEATH, Status.DECEASED, "confirmed", Status.DECEASED),
        (NoticeKind.DEATH, Status.DECEASED, "wrong", Status.ACTIVE),
        (NoticeKind.NAME_CHANGE, Status.NEEDS_REVIEW, "confirmed", Status.ACTIVE),
        (NoticeKind.NAME_CHANGE, Status.NEEDS_REVIEW, "wrong", Status.ACTIVE),
        # Somebody closed it meanwhile: that decision stands.
        (NoticeKind.DEATH, Status.CLOSED, "wrong", Status.CLOSED),
    ],
)
def test_who_finishes_it_says_what_is_so(
    officer: FlaskClient,
    day: Day,
    parts: Services,
    kind: NoticeKind,
    heard: Status,
    answer: str,
    after: Status,
) -> None:
    notice = told(parts, day, kind, heard)
    assert finish(officer, notice, answer) == 302
    assert status(parts, day) == after
    assert "Nothing to finish" in officer.get(LIST).text
    assert finish(officer, notice, "wrong") == 409
    assert acts(parts).count(f"notice.{answer}") == 1


def test_an_auditor_reads_and_finishes_nothing(as_role: AsRole, day: Day, parts: Services) -> None:
    notice = told(parts, day, NoticeKind.DEATH, Status.DECEASED)
    auditor = as_role("auditor")
    assert "The registry reports a death" in auditor.get(LIST).text
    assert finish(auditor, notice, "wrong") == 403
    assert status(parts, day) == Status.DECEASED


def test_without_a_reason_or_an_answer_nothing_is_finished(
    officer: FlaskClient, day: Day, parts: Services
) -> None:
    notice = told(parts, day, NoticeKind.DEATH, Status.DECEASED)
    assert finish(officer, notice, "perhaps") == 400
    post(officer, f"{LIST}{notice}", "/dashboard/profile/", answer="wrong", reason="short")
    assert status(parts, day) == Status.DECEASED
    assert "The registry reports a death" in officer.get(LIST).text
