"""Everything other rooms ask of members. Takes an open session and never commits."""

import uuid
from collections.abc import Mapping

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.errors import InvalidValue
from core.phone import PhoneNumber
from core.vault import Vault
from members.consents import current_consents, record_consent
from members.documents import Document
from members.enrolments import tell_standing
from members.identity import Identities, birth_year_of
from members.indexes import MemberIndexes
from members.joining import Application, Joining
from members.model import (
    IdentityView,
    JoinOutcome,
    Member,
    PhoneChangeOutcome,
    PhoneChangeState,
    Policy,
    Purpose,
    Status,
)
from members.new_pin import NewPins
from members.numbers import MemberNumber
from members.phone_change import PhoneChanges
from members.pins import Pins
from members.rows import has_document, member_of
from members.tables import MEMBER_LOCK, MemberRow


class Members:
    """The room's front door. Built once per process; holds no state of its own."""

    def __init__(self, vault: Vault, clock: Clock, pins: Pins, policy: Policy) -> None:
        self.pins = pins
        self.indexes = MemberIndexes(vault)
        self.new_pins = NewPins(pins, clock, policy)
        self.phone_changes = PhoneChanges(vault, self.indexes, clock, policy)
        self._clock = clock
        self._identities = Identities(self.indexes, clock, policy)
        self._joining = Joining(self.indexes, self._identities, pins, clock, policy.elsewhere)

    def by_id(self, session: Session, member_id: uuid.UUID) -> Member | None:
        return _one(session, MemberRow.id == member_id)

    def by_phone(self, session: Session, phone: PhoneNumber) -> Member | None:
        return _one(session, MemberRow.phone_index == self.indexes.phone(phone))

    def by_number(self, session: Session, number: MemberNumber) -> Member | None:
        return _one(session, MemberRow.number == number.digits)

    def by_identifier(self, session: Session, document: Document) -> Member | None:
        return _one(session, has_document(document, self.indexes.identifier(document)))

    def birth_year(self, session: Session, member_id: uuid.UUID) -> int | None:
        """The year that a register has said; it only serves to refuse it as a PIN."""
        return birth_year_of(session.scalar(select(MemberRow.birth_date).where(MemberRow.id == member_id)))

    def ask_identity(self, session: Session, *, key: str, phone: PhoneNumber, document: Document) -> None:
        """Have an ID looked up. At most so many different ones per phone and day; idempotent by `key`."""
        self._identities.ask(session, key=key, phone=phone, document=document)

    def identity(self, session: Session, *, phone: PhoneNumber, document: Document) -> IdentityView:
        """What is known by now of an ID that this phone asked about."""
        return self._identities.view(session, phone=phone, document=document)

    def join(
        self,
        session: Session,
        *,
        key: str,
        phone: PhoneNumber,
        document: Document,
        language: str,
        consents: Mapping[Purpose, bool],
        name_confirmed: bool,
        pin_hash: str,
        notice_version: str,
    ) -> JoinOutcome:
        """Make a membership. Idempotent by `key`; races are decided by the database's unique constraints.

        Verified at once when the registry found a living adult; pending while it has not answered; for
        staff to review when its answer raises a doubt. Raises InvalidValue without consent to saving.
        """
        application = Application(
            key, phone, document, language, consents, name_confirmed, pin_hash, notice_version
        )
        return self._joining.join(session, application)

    def give_consent(
        self,
        session: Session,
        *,
        member: Member,
        purpose: Purpose,
        given: bool,
        notice_version: str,
        channel: str,
    ) -> None:
        """Record a changed mind. Refusing reminders changes nothing else."""
        record_consent(
            session,
            self._clock,
            member_id=member.id,
            purpose=purpose,
            given=given,
            notice_version=notice_version,
            language=member.language,
            channel=channel,
        )

    def current_consents(self, session: Session, member_id: uuid.UUID) -> dict[Purpose, bool]:
        return current_consents(session, member_id)

    def change_language(self, session: Session, member_id: uuid.UUID, language: str) -> None:
        _locked(session, member_id).language = language
        session.flush()

    def start_phone_change(
        self,
        session: Session,
        *,
        key: str,
        identifier: Document,
        new_phone: PhoneNumber,
        birth_year: int | None,
        language: str,
    ) -> PhoneChangeOutcome:
        return self.phone_changes.start(
            session,
            key=key,
            identifier=identifier,
            new_phone=new_phone,
            birth_year=birth_year,
            language=language,
        )

    def object_to_phone_change(self, session: Session, old_phone: PhoneNumber) -> bool:
        """True when an open request to leave `old_phone` was stopped."""
        return self.phone_changes.object(session, old_phone)

    def hold_phone_change(self, session: Session, old_phone: PhoneNumber) -> bool:
        """True when there is an open request to leave `old_phone`: only staff carry it out from now on."""
        return self.phone_changes.hold(session, old_phone)

    def left_lately(self, session: Session, phone: PhoneNumber) -> bool:
        """Whether a membership was moved away from a phone in the last thirty days."""
        return self.phone_changes.moved_lately(session, phone)

    def decide_phone_change(
        self, session: Session, change_id: uuid.UUID, *, staff: str, accept: bool, reason: str
    ) -> PhoneChangeState:
        return self.phone_changes.decide(session, change_id, staff=staff, accept=accept, reason=reason)

    def decide_review(
        self,
        session: Session,
        member_id: uuid.UUID,
        *,
        staff: str,
        status: Status,
        reason: str,
        final: bool = True,
    ) -> None:
        """Staff end a doubt about a member, or record a death or a closing. Audited, with both statuses.

        Not `final`: what a registry says before staff have looked, which is not told to another one.
        """
        row = _locked(session, member_id)
        before, row.status = row.status, status
        if final:
            tell_standing(session, row, now=self._clock.now())
        audit.record(
            session,
            at=self._clock.now(),
            actor=staff,
            action="member.status",
            subject=member_id,
            reason=reason,
            details={"before": before, "after": status},
        )


def _one(session: Session, condition: ColumnElement[bool]) -> Member | None:
    row = session.scalar(select(MemberRow).where(condition))
    return None if row is None else member_of(row)


def _locked(session: Session, member_id: uuid.UUID) -> MemberRow:
    row = session.get(MemberRow, member_id, with_for_update=MEMBER_LOCK)
    if row is None:
        raise InvalidValue("there is no such member")
    return row
