"""What happens to members and postings when a registry tells us of something."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.errors import InvalidValue
from members import elsewhere
from members.model import ElsewhereRule, NoticeKind, Status
from members.notified import keep_notice
from members.service import Members
from members.tables import MEMBER_LOCK, MemberRow
from payments.registry_postings import batches
from registry.asking.watches import settle_watches
from registry.model import Identifier
from registry.server.headers import id_or_empty
from registry.server.holdings import ToldEnrolment
from ussd_app.dci.naming import person_named
from ussd_app.identifiers import DOCUMENTS, MEMBER_NUMBER

# A registry may be wrong about a death; who is closed stays closed, and the dead stay dead.
_LEFT_ALONE: Final = {Status.DECEASED, Status.CLOSED}


class RoomsListener:
    """`registry.server.holdings.Listener` over members and payments. Every change is audited."""

    identifier_types: Collection[str] = frozenset({MEMBER_NUMBER, *DOCUMENTS.values()})

    def __init__(self, members: Members, programme: str, rule: ElsewhereRule, clock: Clock) -> None:
        self._members = members
        self._programme = programme
        self._rule = rule
        self._clock = clock

    def died(self, session: Session, source: str, identifier: Identifier, record: dict[str, Any]) -> str:
        row = self._locked(session, identifier)
        if row is None or Status(row.status) in _LEFT_ALONE:
            return "nobody to tell of"
        on = record.get("death_date")
        event_on = id_or_empty(on) if len(str(on)) <= len("2026-01-01") else ""
        when = f" on {event_on}" if event_on else ""
        now = self._clock.now()
        keep_notice(session, row, NoticeKind.DEATH, source, event_on=event_on, now=now)
        self._decide(session, row, source, Status.DECEASED, f"the {source} registry reports a death{when}")
        return "deceased"

    def renamed(self, session: Session, source: str, identifier: Identifier, record: dict[str, Any]) -> str:
        del record  # The new name is not kept: staff look it up when they decide.
        row = self._locked(session, identifier)
        if row is None or Status(row.status) in _LEFT_ALONE:
            return "nobody to tell of"
        keep_notice(session, row, NoticeKind.NAME_CHANGE, source, now=self._clock.now())
        self._decide(session, row, source, Status.NEEDS_REVIEW, f"the {source} registry has a new name")
        return "needs review"

    def enrolled(self, session: Session, source: str, told: ToldEnrolment) -> str:
        if told.programme == self._programme:
            return "ours, of which we know ourselves"
        rows = (self._member(session, identifier) for identifier in told.identifiers)
        row = next((row for row in rows if row is not None), None)
        if row is None or Status(row.status) in _LEFT_ALONE:
            return "nobody to tell of"
        now = self._clock.now()
        is_in = told.is_enrolled
        if not elsewhere.hear(session, row.id, enrolled=is_in, source=source, rule=self._rule, now=now):
            return "nothing new"
        word = "is enrolled in" if is_in else "has left"
        audit.record(
            session,
            at=now,
            actor=f"registry:{source}",
            action="member.registry_event",
            subject=row.id,
            reason=f"the {source} registry says that the member {word} the programme {told.programme}",
        )
        return "kept"

    def posted(self, session: Session, source: str, reference_id: str) -> str:
        del source
        # Not believed, only heard: the batch is read back sooner.
        batches.read_sooner(session, reference_id, now=self._clock.now())
        return "read back sooner"

    def settled(
        self, session: Session, source: str, purpose: str, subject: str, message: dict[str, Any]
    ) -> str:
        if purpose == "watch":
            settle_watches(session, source, subject, message, self._clock.now())
            return "watch settled"
        return "kept"

    def _decide(self, session: Session, row: MemberRow, source: str, status: Status, reason: str) -> None:
        self._members.decide_review(
            session, row.id, staff=f"registry:{source}", status=status, reason=reason, final=False
        )
        audit.record(
            session,
            at=self._clock.now(),
            actor=f"registry:{source}",
            action="member.registry_event",
            subject=row.id,
            reason=reason,
        )

    def _locked(self, session: Session, identifier: Identifier) -> MemberRow | None:
        """As it is once nobody else changes it: staff may put back the status that is read here."""
        row = self._member(session, identifier)
        if row is None:
            return None
        return session.get_one(MemberRow, row.id, with_for_update=MEMBER_LOCK, populate_existing=True)

    def _member(self, session: Session, identifier: Identifier) -> MemberRow | None:
        try:
            return person_named(session, self._members.indexes, identifier)
        except InvalidValue:
            return None
