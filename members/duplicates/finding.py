"""The job that looks for a member's likely doubles, among blind indexes only."""

import uuid
from collections import defaultdict
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from core.clock import Clock
from core.database import Sessions
from core.ids import new_id
from core.outbox import Later, Task
from members.duplicates.model import CaseState, Likeness, confidence_of
from members.duplicates.tables import DuplicateCaseRow
from members.model import PhoneChangeState, Status
from members.tables import IdentityCheckRow, MemberRow, PhoneChangeRow

# A daily look catches up with so many; the next one goes on.
_AT_ONCE_MAX = 500
_OPEN = [status for status in Status if status.is_open]


class DuplicateFinding:
    """Handles topic `duplicates`: of the member `member_id`, else of all whose likeness has no case yet."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def run(self, task: Task) -> Later | None:
        """Open cases. The same again opens none twice, and none that staff have settled."""
        with self._sessions.begin() as session:
            named = task.payload.get("member_id")
            for member_id in [uuid.UUID(str(named))] if named else _unlooked(session):
                find(session, member_id, now=self._clock.now())
        return None


def find(session: Session, member_id: uuid.UUID, *, now: datetime) -> None:
    """Open a case for each open membership that this one is like."""
    member = session.get(MemberRow, member_id)
    if member is None or not Status(member.status).is_open:
        return
    found: dict[uuid.UUID, set[Likeness]] = defaultdict(set)
    for other_id, identifier_type in session.execute(_same_name_and_birth(member)):
        found[other_id].add(Likeness.NAME_BIRTH)
        if identifier_type != member.identifier_type:
            found[other_id].add(Likeness.OTHER_PAPER)
    for other_id in session.scalars(_same_phone(member)):
        found[other_id].add(Likeness.PHONE)
    for other_id in session.scalars(_typed(member)):
        found[other_id].add(Likeness.TYPED)
    # In one order for everybody: two jobs about the same pair never wait in a circle.
    for other_id in sorted(found):
        first_id, second_id = sorted((member_id, other_id))
        _open(session, first_id, second_id, found[other_id], now=now)


def _open(
    session: Session, first_id: uuid.UUID, second_id: uuid.UUID, reasons: set[Likeness], *, now: datetime
) -> None:
    statement = insert(DuplicateCaseRow).values(
        id=new_id(),
        first_id=first_id,
        second_id=second_id,
        reasons=sorted(reasons),
        confidence=confidence_of(reasons),
        state=CaseState.OPEN,
        opened_at=now,
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["first_id", "second_id"],
            set_={"reasons": statement.excluded.reasons, "confidence": statement.excluded.confidence},
            where=DuplicateCaseRow.state == CaseState.OPEN,
        )
    )


def _others(member: MemberRow) -> Select[uuid.UUID]:
    return select(MemberRow.id).where(MemberRow.id != member.id, MemberRow.status.in_(_OPEN))


def _same_name_and_birth(member: MemberRow) -> Select[uuid.UUID, str]:
    return (
        _others(member)
        .add_columns(MemberRow.identifier_type)
        .where(MemberRow.name_birth_index.is_not(None), MemberRow.name_birth_index == member.name_birth_index)
    )


def _same_phone(member: MemberRow) -> Select[uuid.UUID]:
    """Those who have or had a phone that this member has or had: at joining, or before a change of phone."""
    mine = union(
        select(IdentityCheckRow.phone_index).where(IdentityCheckRow.member_id == member.id),
        select(PhoneChangeRow.old_phone_index).where(_moved(), PhoneChangeRow.member_id == member.id),
        select(MemberRow.phone_index).where(MemberRow.id == member.id),
    ).subquery()
    phones = select(mine.c.phone_index)
    return _others(member).where(
        or_(
            MemberRow.phone_index.in_(phones),
            MemberRow.id.in_(
                select(IdentityCheckRow.member_id).where(
                    IdentityCheckRow.phone_index.in_(phones), IdentityCheckRow.member_id.is_not(None)
                )
            ),
            MemberRow.id.in_(
                select(PhoneChangeRow.member_id).where(_moved(), PhoneChangeRow.old_phone_index.in_(phones))
            ),
        )
    )


def _moved() -> ColumnElement[bool]:
    return PhoneChangeRow.state == PhoneChangeState.DONE


def _typed(member: MemberRow) -> Select[uuid.UUID]:
    """Those on whose phone this member's ID was typed, and those whose ID was typed on this member's."""
    check = aliased(IdentityCheckRow)
    mine_there = exists().where(
        check.identifier_type == member.identifier_type,
        check.identifier_index == member.identifier_index,
        check.phone_index == MemberRow.phone_index,
        # As they joined, it is the phone that they share.
        check.member_id.is_distinct_from(member.id),
    )
    theirs_here = exists().where(
        check.phone_index == member.phone_index,
        check.identifier_type == MemberRow.identifier_type,
        check.identifier_index == MemberRow.identifier_index,
        check.member_id.is_distinct_from(MemberRow.id),
    )
    return _others(member).where(or_(mine_there, theirs_here))


def _unlooked(session: Session) -> list[uuid.UUID]:
    """Open members like an older one without a case: they joined before this was looked for."""
    other, case = aliased(MemberRow), DuplicateCaseRow
    has_case = exists().where(
        case.first_id == func.least(MemberRow.id, other.id),
        case.second_id == func.greatest(MemberRow.id, other.id),
    )
    like = and_(other.name_birth_index == MemberRow.name_birth_index, other.id < MemberRow.id)
    return list(
        session.scalars(
            select(MemberRow.id)
            .join(other, like)
            .where(MemberRow.status.in_(_OPEN), other.status.in_(_OPEN), ~has_case)
            .distinct()
            .limit(_AT_ONCE_MAX)
        )
    )
