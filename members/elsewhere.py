"""Whether who joins is enrolled elsewhere already: asked of the central registry, never waited for.

A yes never refuses anybody: by the fund's rule it is noted, or staff look at it.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core import outbox
from core.clock import Clock
from core.database import Sessions
from core.outbox import Later, Task
from members.documents import Document, stored
from members.model import ElsewhereRule, Enrolment, Policy, Status
from members.notices import tell_member
from members.tables import MEMBER_LOCK, EnrolmentCheckRow, IdentityCheckRow, MemberRow

TOPIC = "enrolled"
_FIRST_RETRY_SECONDS = 2.0
_RETRY_SECONDS_MAX = 900.0
ASKED_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class EnrolmentAnswer:
    """What the registry said; `enrolled` is None when it answered neither yes nor no."""

    enrolled: bool | None
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NoEnrolmentAnswer:
    """No answer. `final`: the registry does not have this question, asking again cannot help."""

    reason: str
    retry_seconds: float | None = None
    final: bool = False


class EnrolmentRegistry(Protocol):
    """Who is enrolled in which programme. Never raises for what the registry or the network does."""

    def enrolled(self, document: Document) -> EnrolmentAnswer | NoEnrolmentAnswer:
        """Ask about one person. Called with no transaction open."""
        ...


class EnrolmentLookUp:
    """Handles outbox topic `enrolled`, payload `check_id`: that of the identity check."""

    def __init__(
        self, sessions: Sessions, registry: EnrolmentRegistry, clock: Clock, rule: ElsewhereRule
    ) -> None:
        self._sessions = sessions
        self._registry = registry
        self._clock = clock
        self._rule = rule

    def run(self, task: Task) -> Later | None:
        """Ask once. `Later` while the registry does not answer, at most for a day."""
        check_id = uuid.UUID(str(task.payload["check_id"]))
        with self._sessions.begin() as session:
            check, identity = _waiting(session, check_id), session.get(IdentityCheckRow, check_id)
            if check is None or identity is None:
                return None
            document = stored(identity.identifier_type, identity.identifier)
        # No transaction is open here: a slow registry must not hold rows or connections.
        answer = self._registry.enrolled(document)
        with self._sessions.begin() as session:
            check = _waiting(session, check_id)
            if check is None:
                return None
            if isinstance(answer, NoEnrolmentAnswer):
                return self._not_yet(check, answer, task.attempt)
            known = {True: Enrolment.YES, False: Enrolment.NO, None: Enrolment.UNKNOWN}
            check.state = known[answer.enrolled]
            check.source, check.answered_at = answer.source, answer.at
            session.flush()
            self._settle(session, check_id)
        return None

    def _not_yet(self, check: EnrolmentCheckRow, answer: NoEnrolmentAnswer, attempt: int) -> Later | None:
        if answer.final or self._clock.now() - check.asked_at > ASKED_FOR:
            check.state = Enrolment.UNKNOWN
            return None
        doubled = _FIRST_RETRY_SECONDS * 2 ** min(attempt - 1, 10)
        return Later(max(min(doubled, _RETRY_SECONDS_MAX), answer.retry_seconds or 0.0), answer.reason)

    def _settle(self, session: Session, check_id: uuid.UUID) -> None:
        """The answer came after the join."""
        check = session.get_one(IdentityCheckRow, check_id, with_for_update=True, populate_existing=True)
        if check.member_id is None:
            return
        _weigh_late(session, check.member_id, check, self._rule, now=self._clock.now())


def ask(session: Session, check: IdentityCheckRow, policy: Policy) -> None:
    """Have it asked, beside the look-up of the ID and as soon."""
    if policy.elsewhere is ElsewhereRule.IGNORED:
        return
    session.add(EnrolmentCheckRow(check_id=check.id, state=Enrolment.WAITING, asked_at=check.created_at))
    session.flush()
    outbox.add(session, TOPIC, str(check.id), {"check_id": str(check.id)}, now=check.created_at)


def hear(
    session: Session,
    member_id: uuid.UUID,
    *,
    enrolled: bool,
    source: str,
    rule: ElsewhereRule,
    now: datetime,
) -> bool:
    """A registry tells, unasked, that a member is in another programme, or has left one; False: nothing new.

    Who has left one may be in a third: that is not known then.
    """
    if rule is ElsewhereRule.IGNORED:
        return False
    checks = select(IdentityCheckRow).where(IdentityCheckRow.member_id == member_id)
    newest = checks.order_by(IdentityCheckRow.created_at.desc(), IdentityCheckRow.id.desc()).limit(1)
    check = session.scalars(newest).first()
    if check is None:
        return False
    if enrolled:
        fresh = {"check_id": check.id, "state": Enrolment.UNKNOWN, "asked_at": now}
        session.execute(insert(EnrolmentCheckRow).values(fresh).on_conflict_do_nothing())
    row = session.get(EnrolmentCheckRow, check.id, with_for_update=True, populate_existing=True)
    if row is None or enrolled == (row.state == Enrolment.YES):
        return False
    row.state = Enrolment.YES if enrolled else Enrolment.UNKNOWN
    row.source, row.answered_at = source, now
    session.flush()
    _weigh_late(session, member_id, check, rule, now=now)
    return True


def weigh(session: Session, member: MemberRow, check: IdentityCheckRow, rule: ElsewhereRule) -> bool:
    """Apply the rule to a verified member; True when staff are to look. Nobody is refused by a machine."""
    if rule is not ElsewhereRule.REVIEW or member.status != Status.ACTIVE:
        return False
    row = session.get(EnrolmentCheckRow, check.id)
    if row is None or row.state != Enrolment.YES:
        return False
    member.status = Status.NEEDS_REVIEW
    return True


def _weigh_late(
    session: Session, member_id: uuid.UUID, check: IdentityCheckRow, rule: ElsewhereRule, *, now: datetime
) -> None:
    """Somebody who is a member already hears that staff are to look."""
    member = session.get_one(MemberRow, member_id, with_for_update=MEMBER_LOCK, populate_existing=True)
    if weigh(session, member, check, rule):
        tell_member(session, "needs_review", member.id, check.id, now=now)


def _waiting(session: Session, check_id: uuid.UUID) -> EnrolmentCheckRow | None:
    return session.scalar(
        select(EnrolmentCheckRow)
        .where(EnrolmentCheckRow.check_id == check_id, EnrolmentCheckRow.state == Enrolment.WAITING)
        .with_for_update()
    )
