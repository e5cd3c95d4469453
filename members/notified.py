"""A death or a new name that a registry told us of: work for staff until somebody has finished it."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core import audit, outbox
from core.errors import InvalidValue
from core.ids import new_id
from members.enrolments import tell_standing
from members.identity import TOPIC
from members.model import IdentityState, NoticeAnswer, NoticeKind, Status
from members.tables import MEMBER_LOCK, IdentityCheckRow, MemberRow, RegistryNoticeRow

_EVENT_ON_CHARACTERS_MAX = len("2026-01-01")


def keep_notice(
    session: Session, member: MemberRow, kind: NoticeKind, source: str, *, event_on: str = "", now: datetime
) -> None:
    """Have staff told, before the membership's status changes. The same while it is open adds nothing.

    The row of the member is locked, and read since.
    """
    values = {
        "id": new_id(),
        "member_id": member.id,
        "kind": kind,
        "source": source,
        "event_on": event_on[:_EVENT_ON_CHARACTERS_MAX],
        "status_before": member.status,
        "came_at": now,
    }
    session.execute(insert(RegistryNoticeRow).values(values).on_conflict_do_nothing())


def open_notices(session: Session, limit: int = 200) -> Sequence[tuple[RegistryNoticeRow, MemberRow]]:
    """What waits for staff, deaths first, then the longest waiting."""
    rows = session.execute(
        select(RegistryNoticeRow, MemberRow)
        .join(MemberRow, MemberRow.id == RegistryNoticeRow.member_id)
        .where(RegistryNoticeRow.finished_at.is_(None))
        .order_by(RegistryNoticeRow.kind, RegistryNoticeRow.came_at, RegistryNoticeRow.id)
        .limit(limit)
    )
    return [(notice, member) for notice, member in rows]


def finish_notice(
    session: Session, notice_id: uuid.UUID, answer: NoticeAnswer, *, staff: str, reason: str, now: datetime
) -> bool:
    """End it, with the status that follows; False when somebody did before. Raises InvalidValue without such.

    A confirmed death stays a death. Otherwise the membership is again what it was before, if nobody has
    decided about it since.
    """
    notice = session.get(RegistryNoticeRow, notice_id)
    if notice is None:
        raise InvalidValue("there is no such notice")
    was_pending = notice.status_before == Status.PENDING_VERIFICATION
    # A look-up locks its check before the member, and who hears of something the member before the notice.
    checks = _locked_checks(session, notice.member_id) if was_pending else []
    member = session.get_one(MemberRow, notice.member_id, with_for_update=MEMBER_LOCK, populate_existing=True)
    session.refresh(notice, with_for_update=True)
    if notice.finished_at is not None:
        return False
    notice.finished_at, notice.finished_by = now, staff
    notice.answer, notice.reason = answer, reason
    is_death = notice.kind == NoticeKind.DEATH
    before = member.status
    set_by_notice = Status.DECEASED if is_death else Status.NEEDS_REVIEW
    if before == set_by_notice and not (is_death and answer is NoticeAnswer.CONFIRMED):
        member.status = notice.status_before
        for check in checks:
            _ask_again(session, check, notice, now)
    session.flush()
    tell_standing(session, member, now=now)
    audit.record(
        session,
        at=now,
        actor=staff,
        action=f"notice.{answer}",
        subject=member.id,
        reason=reason,
        details={
            "notice": str(notice.id),
            "kind": notice.kind,
            "source": notice.source,
            "before": before,
            "after": member.status,
        },
    )
    return True


def _locked_checks(session: Session, member_id: uuid.UUID) -> Sequence[IdentityCheckRow]:
    checks = select(IdentityCheckRow).where(IdentityCheckRow.member_id == member_id)
    in_order = checks.order_by(IdentityCheckRow.id).with_for_update()
    return session.scalars(in_order.execution_options(populate_existing=True)).all()


def _ask_again(session: Session, check: IdentityCheckRow, notice: RegistryNoticeRow, now: datetime) -> None:
    """An answer that came while the notice was open changed nothing about the member, and is older than what
    staff found out. One that is still waited for will find the member as they were.
    """
    if check.state == IdentityState.WAITING:
        return
    check.state, check.failed_attempts = IdentityState.WAITING, 0
    outbox.add(session, TOPIC, f"{check.id}:{notice.id}", {"check_id": str(check.id)}, now=now)
