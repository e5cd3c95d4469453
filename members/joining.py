"""Joining: one person, one membership, whatever is sent twice or at once."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import InvalidValue
from core.ids import new_id
from core.phone import PhoneNumber
from members.consents import record_consent
from members.documents import Document, number_of, type_of
from members.elsewhere import weigh
from members.enrolments import tell_standing
from members.identity import NAMED, Identities, apply_answer
from members.indexes import MemberIndexes
from members.model import (
    AlreadyMember,
    ElsewhereRule,
    Joined,
    JoinOutcome,
    PhoneInUse,
    Purpose,
    Status,
)
from members.notices import announce, tell_member
from members.numbers import MemberNumber
from members.pins import Pins
from members.rows import has_document, member_of
from members.tables import IdentityCheckRow, MemberRow, member_number_seq


@dataclass(frozen=True, slots=True)
class Application:
    """What a caller gave. `name_confirmed`: they said yes to the masked name; False when it was not shown.

    `pin_hash` is what `Pins.hash_new` made. `key` is the hop that completes the join.
    """

    key: str
    phone: PhoneNumber
    document: Document
    language: str
    consents: Mapping[Purpose, bool]
    name_confirmed: bool
    pin_hash: str
    notice_version: str
    channel: str = "ussd"


class Joining:
    def __init__(
        self,
        indexes: MemberIndexes,
        identities: Identities,
        pins: Pins,
        clock: Clock,
        elsewhere: ElsewhereRule,
    ) -> None:
        self._indexes = indexes
        self._identities = identities
        self._pins = pins
        self._clock = clock
        self._elsewhere = elsewhere

    def join(self, session: Session, application: Application) -> JoinOutcome:
        """Make a membership, or say which one stands in its way. Never a second one for an ID or a phone."""
        if not application.consents.get(Purpose.SAVING, False):
            raise InvalidValue("nobody joins without consent to saving")
        obstacle = self._existing(session, application)
        if obstacle is not None:
            return obstacle
        check = self._identities.for_join(
            session, key=application.key, phone=application.phone, document=application.document
        )
        member = self._insert(session, application)
        if member is None:
            # Somebody else's join has just been committed; the unique constraints decided between us.
            obstacle = self._existing(session, application)
            assert obstacle is not None
            return obstacle
        check.member_id = member.id
        member.name_confirmed = application.name_confirmed and check.state in NAMED
        apply_answer(member, check)
        weigh(session, member, check, self._elsewhere)
        tell_standing(session, member, now=self._clock.now())
        self._pins.set(session, member.id, application.pin_hash)
        self._record_consents(session, member, application)
        self._tell(session, member, check)
        announce(session, member.id, now=self._clock.now())
        session.flush()
        return Joined(member_of(member), created=True)

    def _existing(self, session: Session, application: Application) -> JoinOutcome | None:
        phone_index = self._indexes.phone(application.phone)
        same_join = select(MemberRow).where(MemberRow.join_key == application.key)
        if (row := session.scalar(same_join)) is not None:
            return Joined(member_of(row), created=False)
        same_person = select(MemberRow).where(
            has_document(application.document, self._indexes.identifier(application.document))
        )
        if (row := session.scalar(same_person)) is not None:
            return AlreadyMember(row.id, Status(row.status), same_phone=row.phone_index == phone_index)
        same_phone = select(MemberRow.id).where(MemberRow.phone_index == phone_index)
        return PhoneInUse() if session.scalar(same_phone) is not None else None

    def _insert(self, session: Session, application: Application) -> MemberRow | None:
        serial = session.scalars(select(member_number_seq.next_value())).one()
        statement = (
            insert(MemberRow)
            .values(
                id=new_id(),
                number=MemberNumber.of_serial(serial).digits,
                status=Status.PENDING_VERIFICATION,
                language=application.language,
                phone=application.phone.e164,
                phone_index=self._indexes.phone(application.phone),
                wallet_hash_index=self._indexes.wallet_hash(application.phone.wallet_hash),
                identifier_type=type_of(application.document),
                identifier=number_of(application.document),
                identifier_index=self._indexes.identifier(application.document),
                join_key=application.key,
                joined_at=self._clock.now(),
            )
            .on_conflict_do_nothing()
            .returning(MemberRow)
        )
        return session.scalars(statement).one_or_none()

    def _record_consents(self, session: Session, member: MemberRow, application: Application) -> None:
        for purpose, given in application.consents.items():
            record_consent(
                session,
                self._clock,
                member_id=member.id,
                purpose=purpose,
                given=given,
                notice_version=application.notice_version,
                language=application.language,
                channel=application.channel,
            )

    def _tell(self, session: Session, member: MemberRow, check: IdentityCheckRow) -> None:
        now = self._clock.now()
        active = member.status == Status.ACTIVE
        welcome = "welcome" if active else "welcome_pending"
        tell_member(session, welcome, member.id, member.id, now=now, values={"number": member.number})
        if active and not member.name_confirmed:
            # The answer came after the question would have been asked: they hear whose name was found.
            tell_member(session, "verified", member.id, check.id, now=now)
        elif member.status == Status.NEEDS_REVIEW:
            tell_member(session, "needs_review", member.id, check.id, now=now)
