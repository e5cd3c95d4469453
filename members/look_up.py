"""The job behind an ID that was typed: ask the civil registry, record its answer, tell the member."""

import uuid
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Sessions
from core.outbox import Later, Task
from members.civil import CivilAnswer, CivilRegistry, PersonFound, PersonUnknown, RegistryUnavailable
from members.documents import stored
from members.elsewhere import weigh
from members.enrolments import tell_standing
from members.identity import apply_answer, has_look_alike
from members.indexes import MemberIndexes
from members.model import IdentityState, Policy, Status
from members.names import age_on, masked_name
from members.notices import seek_doubles, tell_member
from members.tables import IdentityCheckRow, MemberRow

_FIRST_RETRY_SECONDS = 2.0
_RETRY_SECONDS_MAX = 900.0
_ERROR_CHARACTERS_MAX = 200
# Who typed an ID and never joined is not looked up for ever.
_KEPT_WITHOUT_MEMBER = timedelta(hours=24)


class IdentityLookUp:
    """Handles outbox topic `identity`, payload `check_id`."""

    def __init__(
        self, sessions: Sessions, civil: CivilRegistry, indexes: MemberIndexes, clock: Clock, policy: Policy
    ) -> None:
        self._sessions = sessions
        self._civil = civil
        self._indexes = indexes
        self._clock = clock
        self._policy = policy

    def run(self, task: Task) -> Later | None:
        """Ask once. `Later` while the registry does not answer: in 2, 4, 8 … seconds, at most 15 minutes."""
        check_id = uuid.UUID(str(task.payload["check_id"]))
        with self._sessions.begin() as session:
            check = session.get(IdentityCheckRow, check_id)
            if check is None or check.state != IdentityState.WAITING:
                return None
            document = stored(check.identifier_type, check.identifier)
        # No transaction is open here: a slow registry must not hold rows or connections.
        answer = self._civil.find(document)
        with self._sessions.begin() as session:
            check = session.get(IdentityCheckRow, check_id, with_for_update=True)
            if check is None or check.state != IdentityState.WAITING:
                return None
            if isinstance(answer, RegistryUnavailable):
                return self._not_yet(check, answer)
            self._record(session, check, answer)
            return None

    def _not_yet(self, check: IdentityCheckRow, answer: RegistryUnavailable) -> Later | None:
        check.failed_attempts += 1
        check.last_error = answer.reason[:_ERROR_CHARACTERS_MAX]
        if check.member_id is None and self._clock.now() - check.created_at > _KEPT_WITHOUT_MEMBER:
            check.state = IdentityState.UNAVAILABLE
            return None
        doubled = _FIRST_RETRY_SECONDS * 2 ** min(check.failed_attempts - 1, 10)
        seconds = max(min(doubled, _RETRY_SECONDS_MAX), answer.retry_seconds or 0.0)
        return Later(seconds, check.last_error)

    def _record(self, session: Session, check: IdentityCheckRow, answer: CivilAnswer) -> None:
        assert not isinstance(answer, RegistryUnavailable)
        check.source, check.answered_at = answer.source, answer.at
        check.last_error = None
        if isinstance(answer, PersonFound):
            check.masked_name = masked_name(answer.given_names, answer.surname)
            check.birth_date = answer.birth_date.isoformat()
            check.name_birth_index = self._indexes.name_birth(
                answer.given_names, answer.surname, answer.birth_date
            )
            check.state = self._state_of(session, check, answer)
        else:
            unknown = isinstance(answer, PersonUnknown)
            check.state = IdentityState.UNKNOWN if unknown else IdentityState.SEVERAL
        if check.member_id is not None:
            self._settle(session, check, check.member_id)

    def _state_of(self, session: Session, check: IdentityCheckRow, person: PersonFound) -> IdentityState:
        today = self._policy.calendar.day_of(self._clock.now())
        if not person.alive:
            return IdentityState.DEAD
        if age_on(today, person.birth_date) < self._policy.adult_years:
            return IdentityState.MINOR
        return IdentityState.LOOK_ALIKE if has_look_alike(session, check) else IdentityState.FOUND

    def _settle(self, session: Session, check: IdentityCheckRow, member_id: uuid.UUID) -> None:
        member = session.scalars(
            select(MemberRow).where(MemberRow.id == member_id).with_for_update(key_share=True)
        ).one_or_none()
        if member is None or member.status != Status.PENDING_VERIFICATION:
            return
        apply_answer(member, check)
        weigh(session, member, check, self._policy.elsewhere)
        tell_standing(session, member, now=self._clock.now())
        seek_doubles(session, member.id, str(check.id), now=self._clock.now())
        template = "verified" if member.status == Status.ACTIVE else "needs_review"
        tell_member(session, template, member.id, check.id, now=self._clock.now())
