"""IDs that callers type: asking the civil registry about one, and what may be shown of its answer."""

from datetime import date, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from core import outbox
from core.clock import Clock
from core.database import advisory_lock
from core.ids import new_id
from core.phone import PhoneNumber
from members import elsewhere
from members.documents import Document, number_of, type_of
from members.indexes import MemberIndexes
from members.model import IdentityState, IdentityView, Policy, Status
from members.rows import has_document
from members.tables import IdentityCheckRow, MemberRow

TOPIC = "identity"
# In these states a caller is asked whether the name is theirs.
NAMED = frozenset({IdentityState.FOUND, IdentityState.LOOK_ALIKE})


class Identities:
    """Asks about IDs, at most so many different ones per phone and day."""

    def __init__(self, indexes: MemberIndexes, clock: Clock, policy: Policy) -> None:
        self._indexes = indexes
        self._clock = clock
        self._policy = policy

    def ask(self, session: Session, *, key: str, phone: PhoneNumber, document: Document) -> IdentityCheckRow:
        """Remember that this ID must be looked up. The same key again changes nothing."""
        phone_index = self._indexes.phone(phone)
        # One phone's questions go one at a time, else two at once would both fit under the limit.
        with advisory_lock(session, f"identity:{phone_index}"):
            known = session.scalar(select(IdentityCheckRow).where(IdentityCheckRow.key == key))
            if known is not None:
                return known
            identifier_index = self._indexes.identifier(document)
            check = IdentityCheckRow(
                id=new_id(),
                key=key,
                phone_index=phone_index,
                identifier_type=type_of(document),
                identifier=number_of(document),
                identifier_index=identifier_index,
                state=self._first_state(session, phone_index, document, identifier_index),
                failed_attempts=0,
                created_at=self._clock.now(),
            )
            session.add(check)
            session.flush()
        if check.state == IdentityState.WAITING:
            outbox.add(session, TOPIC, str(check.id), {"check_id": str(check.id)}, now=check.created_at)
            elsewhere.ask(session, check, self._policy)
        return check

    def view(self, session: Session, *, phone: PhoneNumber, document: Document) -> IdentityView:
        """What this phone was last told of this ID, in whichever session it asked.

        An answer that is overdue, or was never asked for, is `unavailable`.
        """
        check = session.scalar(self._newest(phone, document))
        if check is None:
            return IdentityView(IdentityState.UNAVAILABLE)
        state = IdentityState(check.state)
        if state is IdentityState.WAITING and self._is_overdue(check):
            state = IdentityState.UNAVAILABLE
        if state not in NAMED:
            return IdentityView(state)
        return IdentityView(state, check.masked_name or "", birth_year_of(check.birth_date))

    def for_join(
        self, session: Session, *, key: str, phone: PhoneNumber, document: Document
    ) -> IdentityCheckRow:
        """The newest check of this ID on this phone, locked until the transaction ends; asked now if none."""
        newest = self._newest(phone, document).with_for_update()
        check = session.scalar(newest.execution_options(populate_existing=True))
        if check is None or check.state == IdentityState.UNAVAILABLE:
            check = self.ask(session, key=f"join:{key}", phone=phone, document=document)
        if check.state == IdentityState.FOUND and has_look_alike(session, check):
            check.state = IdentityState.LOOK_ALIKE
        return check

    def _newest(self, phone: PhoneNumber, document: Document) -> Select[IdentityCheckRow]:
        return (
            select(IdentityCheckRow)
            .where(
                IdentityCheckRow.identifier_type == type_of(document),
                IdentityCheckRow.identifier_index == self._indexes.identifier(document),
                IdentityCheckRow.phone_index == self._indexes.phone(phone),
            )
            .order_by(IdentityCheckRow.created_at.desc(), IdentityCheckRow.id.desc())
            .limit(1)
        )

    def _first_state(
        self, session: Session, phone_index: str, document: Document, identifier_index: str
    ) -> IdentityState:
        taken = select(MemberRow.id).where(has_document(document, identifier_index))
        today, _ = self._policy.calendar.bounds(self._policy.calendar.day_of(self._clock.now()))
        others = session.scalar(
            select(func.count(IdentityCheckRow.identifier_index.distinct())).where(
                IdentityCheckRow.phone_index == phone_index,
                IdentityCheckRow.created_at >= today,
                IdentityCheckRow.identifier_index != identifier_index,
            )
        )
        # The limit comes first: who tries many IDs does not learn which of them are members.
        if (others or 0) >= self._policy.ids_per_phone_and_day_max:
            return IdentityState.TOO_MANY
        return IdentityState.TAKEN if session.scalar(taken) else IdentityState.WAITING

    def _is_overdue(self, check: IdentityCheckRow) -> bool:
        patience = timedelta(seconds=self._policy.identity_patience_seconds)
        return check.failed_attempts > 0 or self._clock.now() - check.created_at > patience


def birth_year_of(birth_date: str | None) -> int | None:
    return None if birth_date is None else date.fromisoformat(birth_date).year


def has_look_alike(session: Session, check: IdentityCheckRow) -> bool:
    """Whether a member with another ID has this person's name and birth date."""
    return (
        session.scalar(
            select(MemberRow.id)
            .where(
                MemberRow.name_birth_index == check.name_birth_index,
                MemberRow.identifier_index != check.identifier_index,
            )
            .limit(1)
        )
        is not None
    )


def apply_answer(member: MemberRow, check: IdentityCheckRow) -> None:
    """Take over what the registry said about a member who is not verified yet."""
    state = IdentityState(check.state)
    member.masked_name, member.birth_date = check.masked_name, check.birth_date
    member.name_birth_index = check.name_birth_index
    member.name_source, member.name_at = check.source, check.answered_at
    if state is IdentityState.FOUND:
        member.status = Status.ACTIVE
    elif state.is_doubtful:
        member.status = Status.NEEDS_REVIEW
