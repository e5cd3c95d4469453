"""The doubt with which a look-alike joined: over when staff have said who is who."""

import uuid
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from members.duplicates.model import CaseState
from members.duplicates.tables import DuplicateCaseRow
from members.enrolments import tell_standing
from members.model import Enrolment, IdentityState, Status
from members.notices import tell_member
from members.tables import MEMBER_LOCK, EnrolmentCheckRow, IdentityCheckRow, MemberRow, RegistryNoticeRow


def end_doubt(session: Session, member_id: uuid.UUID, occasion: uuid.UUID, *, now: datetime) -> bool:
    """Make a member active who waited for review only because of somebody alike; True when it was so.

    Any other doubt stays: another pair that is open, an enrolment elsewhere, a new name. Called once the pair
    itself is settled. `occasion`: the decision, for which they are told once.
    """
    member = session.get_one(MemberRow, member_id, with_for_update=MEMBER_LOCK, populate_existing=True)
    if member.status != Status.NEEDS_REVIEW:
        return False
    check = session.scalars(
        select(IdentityCheckRow)
        .where(IdentityCheckRow.member_id == member_id)
        .order_by(IdentityCheckRow.created_at.desc())
        .limit(1)
    ).first()
    if check is None or check.state != IdentityState.LOOK_ALIKE or _has_other_doubt(session, member, check):
        return False
    member.status = Status.ACTIVE
    session.flush()
    tell_standing(session, member, now=now)
    tell_member(session, "verified", member_id, occasion, now=now)
    return True


def _has_other_doubt(session: Session, member: MemberRow, check: IdentityCheckRow) -> bool:
    open_pair = exists().where(
        DuplicateCaseRow.state == CaseState.OPEN,
        or_(DuplicateCaseRow.first_id == member.id, DuplicateCaseRow.second_id == member.id),
    )
    elsewhere = exists().where(
        EnrolmentCheckRow.check_id == check.id, EnrolmentCheckRow.state == Enrolment.YES
    )
    told = exists().where(RegistryNoticeRow.member_id == member.id, RegistryNoticeRow.finished_at.is_(None))
    return bool(session.scalar(select(open_pair | elsewhere | told)))
