"""Members in doubt, as staff decide about them: masked, with what raised the doubt and who looks alike."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.phone import PhoneNumber
from members.model import Enrolment, IdentityState, Status
from members.tables import MEMBER_LOCK, EnrolmentCheckRow, IdentityCheckRow, MemberRow
from payments.ledger.service import savings

_ROWS_MAX = 200


@dataclass(frozen=True, slots=True)
class InDoubt:
    """One member in the list."""

    member_id: uuid.UUID
    number: str
    masked_name: str
    phone_masked: str
    joined_at: datetime
    doubt: str


@dataclass(frozen=True, slots=True)
class Alike:
    """Another membership that may be the same person's. `why` is a code: the same name and birth date."""

    member_id: uuid.UUID
    number: str
    masked_name: str
    status: Status
    joined_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Review:
    """One member to decide about."""

    member: InDoubt
    status: Status
    saved_cents: int
    identifier_masked: str
    alike: Sequence[Alike]


def waiting(session: Session) -> list[InDoubt]:
    """Members who need review, longest first."""
    rows = session.scalars(
        select(MemberRow)
        .where(MemberRow.status == Status.NEEDS_REVIEW)
        .order_by(MemberRow.joined_at, MemberRow.id)
        .limit(_ROWS_MAX)
    ).all()
    doubts = _doubts(session, [row.id for row in rows])
    return [_in_doubt(row, doubts.get(row.id, "")) for row in rows]


def is_waiting(session: Session, member_id: uuid.UUID) -> bool:
    """Whether the doubt is still open. Locks the member until the transaction ends."""
    row = session.get(MemberRow, member_id, with_for_update=MEMBER_LOCK, populate_existing=True)
    return row is not None and row.status == Status.NEEDS_REVIEW


def review(session: Session, member_id: uuid.UUID) -> Review | None:
    """Everything that helps to decide, masked."""
    row = session.get(MemberRow, member_id)
    if row is None:
        return None
    doubts = _doubts(session, [row.id])
    hidden = max(0, len(row.identifier) - 3)
    return Review(
        member=_in_doubt(row, doubts.get(row.id, "")),
        status=Status(row.status),
        saved_cents=savings(session, row.id).amount_cents,
        identifier_masked="•" * hidden + row.identifier[hidden:],
        alike=_alike(session, row),
    )


def _doubts(session: Session, member_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The state of each member's last look-up."""
    rows = session.execute(
        select(IdentityCheckRow.member_id, IdentityCheckRow.state)
        .where(IdentityCheckRow.member_id.in_(member_ids))
        .order_by(IdentityCheckRow.created_at)
    )
    doubts = {member_id: state for member_id, state in rows if member_id is not None}
    # The ID itself raised no doubt.
    enrolled = session.scalars(
        select(IdentityCheckRow.member_id)
        .join(EnrolmentCheckRow, EnrolmentCheckRow.check_id == IdentityCheckRow.id)
        .where(
            IdentityCheckRow.member_id.in_(member_ids),
            IdentityCheckRow.state == IdentityState.FOUND,
            EnrolmentCheckRow.state == Enrolment.YES,
        )
    )
    return doubts | {member_id: "elsewhere" for member_id in enrolled if member_id is not None}


def _alike(session: Session, row: MemberRow) -> list[Alike]:
    if row.name_birth_index is None:
        return []
    same = session.scalars(
        select(MemberRow)
        .where(MemberRow.name_birth_index == row.name_birth_index, MemberRow.id != row.id)
        .order_by(MemberRow.joined_at)
    )
    return [
        Alike(
            other.id,
            other.number,
            other.masked_name or "",
            Status(other.status),
            other.joined_at,
            "name_birth",
        )
        for other in same
    ]


def _in_doubt(row: MemberRow, doubt: str) -> InDoubt:
    return InDoubt(
        row.id, row.number, row.masked_name or "", PhoneNumber(row.phone).masked, row.joined_at, doubt
    )
