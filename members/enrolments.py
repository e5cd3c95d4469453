"""The central registry told who is enrolled with us and who no longer is, and asked whether it knows."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Protocol

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from core import outbox
from core.clock import Clock, FundCalendar
from core.database import Sessions
from core.errors import KibabaError
from core.outbox import Later, Task
from members.documents import Document, stored
from members.elsewhere import ASKED_FOR
from members.model import Enrolment, Standing, Status, TellingState
from members.numbers import MemberNumber
from members.tables import (
    MEMBER_LOCK,
    EnrolmentCheckRow,
    EnrolmentTellingRow,
    IdentityCheckRow,
    MemberRow,
)

TOPIC: Final = "enrolment"
_FIRST_RETRY_SECONDS: Final = 2.0
# Short, so that an outage drains soon after its end.
_RETRY_SECONDS_MAX: Final = 60.0
# Of any other status nothing is said: a doubt about who somebody is ends no enrolment.
_STANDINGS: Final[Mapping[Status, Standing]] = {
    Status.ACTIVE: Standing.ACTIVE,
    Status.DECEASED: Standing.INACTIVE,
    Status.CLOSED: Standing.INACTIVE,
}


@dataclass(frozen=True, slots=True)
class Telling:
    """How a membership stands. `merged`: its person is enrolled by another one, so it is not about them."""

    number: MemberNumber
    document: Document
    since: date
    standing: Standing
    merged: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """The registry took it, which is no proof that it kept it."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The registry will not have this membership; asking again cannot help. `words` are its own."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """No usable answer. It may have arrived all the same. `no_such_call`: the registry does not have it."""

    reason: str
    retry_seconds: float | None = None
    no_such_call: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """Whether the registry knows the membership as enrolled with us; None when it said neither."""

    enrolled: bool | None


class CentralEnrolments(Protocol):
    """Never raises for what the registry or the network does. Called with no transaction open."""

    def tell(self, transaction_id: uuid.UUID, telling: Telling) -> Taken | Rejected | NotNow:
        """Say how one membership stands; the same again under the same id changes nothing there."""
        ...

    def known(self, telling: Telling) -> Known | NotNow:
        """Read back what the registry made of it."""
        ...


class EnrolmentRejected(KibabaError):  # noqa: N818 -- it reads as what it is in the queue
    """The registry refused a membership; `code` holds its code and words, for staff."""

    def __init__(self, rejected: Rejected) -> None:
        self.code = f"{rejected.code}: {rejected.words}"
        super().__init__(self.code)


class EnrolmentNotKept(KibabaError):  # noqa: N818 -- it reads as what it is in the queue
    """The registry took it and says something else when it is asked."""

    code = "read back: the registry says otherwise"
    permanent = False


def tell_standing(session: Session, member: MemberRow, *, now: datetime) -> None:
    """Have the registry told how a membership stands now, if it was last told otherwise.

    Called whenever a status was decided, with the row of the member locked. Who was never told as enrolled
    is not told as having left.
    """
    standing = _STANDINGS.get(Status(member.status))
    if standing is None:
        return
    mine = EnrolmentTellingRow.member_id == member.id
    last = session.scalars(
        select(EnrolmentTellingRow.standing)
        .where(mine, EnrolmentTellingRow.state != TellingState.WITHDRAWN)
        .order_by(EnrolmentTellingRow.number.desc())
        .limit(1)
    ).first()
    if standing == (last or Standing.INACTIVE):
        return
    number = (session.scalar(select(func.max(EnrolmentTellingRow.number)).where(mine)) or 0) + 1
    session.add(
        EnrolmentTellingRow(
            member_id=member.id, number=number, standing=standing, state=TellingState.WAITING, written_at=now
        )
    )
    session.flush()
    payload = {"member_id": str(member.id), "number": number}
    outbox.add(session, TOPIC, _key(member.id, number), payload, now=now)


def tell_untold(session: Session, *, limit: int, now: datetime) -> int:
    """Have at most so many active members told of whom the registry was never told; returns how many."""
    known = exists().where(
        EnrolmentTellingRow.member_id == MemberRow.id, EnrolmentTellingRow.state != TellingState.WITHDRAWN
    )
    members = session.scalars(
        select(MemberRow)
        .where(MemberRow.status == Status.ACTIVE, ~known)
        .order_by(MemberRow.id)
        .limit(limit)
        .with_for_update(key_share=True)
    ).all()
    for member in members:
        tell_standing(session, member, now=now)
    return len(members)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """`may_be_there`: it was sent before, and nobody knows whether it arrived."""

    key: tuple[uuid.UUID, int]
    telling: Telling
    may_be_there: bool


class EnrolmentTelling:
    """Handles topic `enrolment`, payload `member_id` and `number`: that of the telling.

    Without a registry that wants to know, whatever was to be told is withdrawn.
    """

    def __init__(
        self,
        sessions: Sessions,
        registry: CentralEnrolments | None,
        clock: Clock,
        calendar: FundCalendar,
    ) -> None:
        self._sessions = sessions
        self._registry = registry
        self._clock = clock
        self._calendar = calendar

    def run(self, task: Task) -> Later | None:
        """Tell once, and finish when the registry says the same. What may be there is looked for first.

        Raises EnrolmentRejected, EnrolmentNotKept.
        """
        member_id, number = uuid.UUID(str(task.payload["member_id"])), int(task.payload["number"])
        if self._registry is None:
            self._settle(member_id, number, TellingState.WITHDRAWN)
            return None
        with self._sessions.begin() as session:
            prepared = self._prepare(session, member_id, number)
        if isinstance(prepared, _Prepared):
            return self._tell(task, self._registry, prepared)
        return prepared if prepared is None else Later(_pause(task), prepared)

    def _tell(self, task: Task, registry: CentralEnrolments, prepared: _Prepared) -> Later | None:
        """No transaction is open during the calls."""
        telling = prepared.telling
        if prepared.may_be_there:
            known = registry.known(telling)
            if _agrees(known, telling) or (isinstance(known, NotNow) and not known.no_such_call):
                return self._compare(task, prepared, known)
        match registry.tell(task.id, telling):
            case NotNow() as not_now:
                return _later(task, not_now)
            case Rejected() as rejected:
                raise EnrolmentRejected(rejected)
        return self._compare(task, prepared, registry.known(telling))

    def _compare(self, task: Task, prepared: _Prepared, known: Known | NotNow) -> Later | None:
        if isinstance(known, NotNow) and not known.no_such_call:
            return _later(task, known)
        if isinstance(known, Known) and not _agrees(known, prepared.telling):
            raise EnrolmentNotKept
        state = TellingState.CONFIRMED if isinstance(known, Known) else TellingState.TAKEN
        self._settle(*prepared.key, state)
        return None

    def _prepare(self, session: Session, member_id: uuid.UUID, number: int) -> _Prepared | str | None:
        """What to tell; a text when it must wait and for what; None when there is nothing to do."""
        member = session.get_one(MemberRow, member_id, with_for_update=MEMBER_LOCK)
        row = session.get_one(EnrolmentTellingRow, (member_id, number))
        if row.state != TellingState.WAITING:
            return None
        if number > 1 and outbox.is_pending(session, TOPIC, _key(member_id, number - 1)):
            return "an earlier one of this member is under way"
        if _is_past(session, member, row):
            row.state, row.settled_at = TellingState.WITHDRAWN, self._clock.now()
            return None
        if _is_asked_about(session, member_id, self._clock.now()):
            # The registry would answer that they are enrolled: with us.
            return "it is still asked whether they are enrolled elsewhere"
        may_be_there = row.sent_at is not None
        row.sent_at = row.sent_at or self._clock.now()
        telling = Telling(
            number=MemberNumber(member.number),
            document=stored(member.identifier_type, member.identifier),
            since=self._calendar.day_of(member.joined_at),
            standing=Standing(row.standing),
            merged=member.merged_into is not None,
        )
        return _Prepared((member_id, number), telling, may_be_there)

    def _settle(self, member_id: uuid.UUID, number: int, state: TellingState) -> None:
        with self._sessions.begin() as session:
            row = session.get_one(EnrolmentTellingRow, (member_id, number), with_for_update=True)
            if row.state == TellingState.WAITING:
                row.state, row.settled_at = state, self._clock.now()


def _is_past(session: Session, member: MemberRow, row: EnrolmentTellingRow) -> bool:
    """Whether it is not to be told any more: a newer one says what holds, or a doubt came before it was told.

    Of somebody of whom the registry heard nothing it is not told that they left.
    """
    others = select(EnrolmentTellingRow.number).where(EnrolmentTellingRow.member_id == member.id)
    if session.scalar(others.where(EnrolmentTellingRow.number > row.number).limit(1)) is not None:
        return True
    if row.standing == Standing.ACTIVE:
        return row.sent_at is None and member.status != Status.ACTIVE
    heard = others.where(EnrolmentTellingRow.number < row.number, EnrolmentTellingRow.sent_at.is_not(None))
    return session.scalar(heard.limit(1)) is None


def _is_asked_about(session: Session, member_id: uuid.UUID, now: datetime) -> bool:
    check = exists().where(
        IdentityCheckRow.member_id == member_id,
        EnrolmentCheckRow.check_id == IdentityCheckRow.id,
        EnrolmentCheckRow.state == Enrolment.WAITING,
        EnrolmentCheckRow.asked_at > now - ASKED_FOR - timedelta(hours=1),
    )
    return bool(session.scalar(select(check)))


def _agrees(known: Known | NotNow, telling: Telling) -> bool:
    return isinstance(known, Known) and known.enrolled is (telling.standing is Standing.ACTIVE)


def _later(task: Task, not_now: NotNow) -> Later:
    return Later(max(_pause(task), not_now.retry_seconds or 0.0), not_now.reason)


def _pause(task: Task) -> float:
    doubled: float = _FIRST_RETRY_SECONDS * 2 ** min(task.attempt - 1, 10)
    return min(doubled, _RETRY_SECONDS_MAX)


def _key(member_id: uuid.UUID, number: int) -> str:
    return f"{member_id}:{number}"
