"""What staff see of a member: found by a typed number, masked, and in full only with a reason."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core.errors import InvalidValue
from core.phone import PhoneNumber
from members.documents import FORMS, OtherDocument
from members.model import Member, PhoneChangeState, TellingState
from members.new_pin import PinStanding
from members.numbers import MemberNumber, NationalId
from members.service import Members
from members.tables import ConsentRow, EnrolmentTellingRow, MemberRow, PhoneChangeRow

_CHANGES_MAX = 100
# A land line may have this shape too; members have mobile phones.
_LIKE_A_MEMBER_NUMBER = re.compile(r"4[0-9]{8}")
DECIDABLE = (PhoneChangeState.WAITING, PhoneChangeState.STAFF, PhoneChangeState.STOPPED)


@dataclass(frozen=True, slots=True)
class InFull:
    """Personal data in clear: made only after the act is in the audit trail."""

    phone: str
    identifier: str


def find(session: Session, members: Members, typed: str, region: str) -> tuple[str, Member | None]:
    """Look up what was typed: which of the three it is, and whose. Raises InvalidValue when none of them."""
    if _LIKE_A_MEMBER_NUMBER.fullmatch("".join(typed.split())):
        return "number", members.by_number(session, MemberNumber.parse(typed))
    try:
        return "national_id", members.by_identifier(session, NationalId.parse(typed))
    except InvalidValue:
        pass
    try:
        return "phone", members.by_phone(session, PhoneNumber.parse(typed, region))
    except InvalidValue:
        return _by_other_document(session, members, typed)


def _by_other_document(session: Session, members: Members, typed: str) -> tuple[str, Member | None]:
    """A passport's number may look like a refugee's: whichever of them is a member's."""
    possible = {}
    for document_type in FORMS:
        try:
            possible[document_type] = OtherDocument.parse(document_type, typed)
        except InvalidValue:
            continue
    if not possible:
        raise InvalidValue("none of the numbers by which members are found")
    for document_type, document in possible.items():
        if (member := members.by_identifier(session, document)) is not None:
            return document_type, member
    return next(iter(possible)), None


def masked_identifier(session: Session, member_id: uuid.UUID) -> str:
    """The last three digits."""
    digits = session.scalars(select(MemberRow.identifier).where(MemberRow.id == member_id)).one()
    return "•" * max(0, len(digits) - 3) + digits[-3:]


def in_full(session: Session, member_id: uuid.UUID) -> InFull:
    row = session.get_one(MemberRow, member_id)
    return InFull(row.phone, row.identifier)


def consents(session: Session, member_id: uuid.UUID) -> Sequence[ConsentRow]:
    """Every answer, newest first."""
    newest_first = ConsentRow.number.desc()
    return session.scalars(
        select(ConsentRow).where(ConsentRow.member_id == member_id).order_by(newest_first)
    ).all()


def told_of_enrolment(session: Session, member_id: uuid.UUID) -> EnrolmentTellingRow | None:
    """What the central registry was last told of this membership, or is about to be; None when nothing."""
    return session.scalars(
        select(EnrolmentTellingRow)
        .where(
            EnrolmentTellingRow.member_id == member_id, EnrolmentTellingRow.state != TellingState.WITHDRAWN
        )
        .order_by(EnrolmentTellingRow.number.desc())
        .limit(1)
    ).first()


@dataclass(frozen=True, slots=True)
class Pin:
    """Whether a member has a PIN; `until` when they may choose one, within how many `hours` of being let.

    `locked_until`: so long wrong tries keep the PIN they have from being looked at.
    """

    standing: PinStanding
    until: datetime | None
    hours: int
    locked_until: datetime | None


def pin_of(session: Session, members: Members, member_id: uuid.UUID) -> Pin:
    pins = members.new_pins
    return Pin(
        pins.standing(session, member_id),
        pins.choose_until(session, member_id),
        pins.hours,
        pins.locked_until(session, member_id),
    )


@dataclass(frozen=True, slots=True)
class Change:
    """A change of phone as staff see it: both numbers masked."""

    row: PhoneChangeRow
    member_number: str

    @property
    def old_masked(self) -> str:
        return PhoneNumber(self.row.old_phone).masked

    @property
    def new_masked(self) -> str:
        return PhoneNumber(self.row.new_phone).masked

    @property
    def can_be_decided(self) -> bool:
        return self.row.state in DECIDABLE


def changes_for_staff(session: Session) -> list[Change]:
    """Those that wait for a decision of staff, oldest first."""
    return _changes(session, PhoneChangeRow.state == PhoneChangeState.STAFF)


def changes_of(session: Session, member_id: uuid.UUID) -> list[Change]:
    return _changes(session, PhoneChangeRow.member_id == member_id)


def change(session: Session, change_id: uuid.UUID) -> Change | None:
    return next(iter(_changes(session, PhoneChangeRow.id == change_id)), None)


def _changes(session: Session, condition: ColumnElement[bool]) -> list[Change]:
    found = session.execute(
        select(PhoneChangeRow, MemberRow.number)
        .join(MemberRow, MemberRow.id == PhoneChangeRow.member_id)
        .where(condition)
        .order_by(PhoneChangeRow.requested_at, PhoneChangeRow.id)
        .limit(_CHANGES_MAX)
    )
    return [Change(row, number) for row, number in found]
