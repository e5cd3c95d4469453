"""Moving a membership to another phone: facts, a waiting time, a word to the old phone, staff on doubt."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import audit, outbox
from core.clock import Clock
from core.database import Sessions, advisory_lock
from core.errors import InvalidValue
from core.ids import new_id
from core.outbox import Later, Task
from core.phone import PhoneNumber
from core.vault import Vault
from members.documents import Document
from members.identity import birth_year_of
from members.indexes import MemberIndexes
from members.model import (
    PhoneChangeOutcome,
    PhoneChangeRefused,
    PhoneChangeStarted,
    PhoneChangeState,
    PhoneChangeWithStaff,
    Policy,
    Status,
    Untold,
)
from members.new_pin import end_choice
from members.notices import seek_doubles, tell_phone
from members.rows import has_document
from members.tables import MemberRow, PhoneChangeRow

TOPIC = "phone_change"
# When the SMS of this key reached its phone, or left for it as far as that is known.
ToldAt = Callable[[Session, str], datetime | Untold]
_LOOK_AGAIN_SECONDS = 60.0
_TELLING_TIME_MAX = timedelta(days=1)
# So long is what a phone says that has lost its membership an objection, and no stranger's word.
_MOVED_LATELY = timedelta(days=30)
_OPEN = (PhoneChangeState.WAITING, PhoneChangeState.STAFF)
_DECIDABLE = (*_OPEN, PhoneChangeState.STOPPED)


class PhoneChanges:
    """Locks are taken in one order, the member before their changes; so nobody waits in a circle."""

    def __init__(self, vault: Vault, indexes: MemberIndexes, clock: Clock, policy: Policy) -> None:
        self._vault = vault
        self._indexes = indexes
        self._clock = clock
        self._policy = policy

    def start(
        self,
        session: Session,
        *,
        key: str,
        identifier: Document,
        new_phone: PhoneNumber,
        birth_year: int | None,
        language: str,
    ) -> PhoneChangeOutcome:
        """Ask to move the membership of `identifier` to `new_phone`. Idempotent by `key`.

        `language`: that of who asks; the member's would tell a stranger something.
        """
        new_index = self._indexes.phone(new_phone)
        with advisory_lock(session, f"phone change:{new_index}"):
            known = session.scalar(select(PhoneChangeRow).where(PhoneChangeRow.key == key))
            if known is not None:
                return _outcome(known)
            if self._requests_today(session, new_index) >= self._policy.phone_changes_per_phone_and_day_max:
                return PhoneChangeRefused("too_many")
            member = session.scalar(
                select(MemberRow)
                .where(has_document(identifier, self._indexes.identifier(identifier)))
                .with_for_update(key_share=True)
            )
            if member is None:
                return PhoneChangeRefused("not_a_member")
            if member.phone_index == new_index:
                return PhoneChangeRefused("same_phone")
            if _phone_in_use(session, new_index):
                return PhoneChangeRefused("phone_in_use")
            doubt = _doubt(session, member, birth_year)
            _hold_others(session, member)
            change = self._keep(session, key, member, new_phone, doubt, language)
        self._announce(session, change, member.language)
        return _outcome(change)

    def object(self, session: Session, old_phone: PhoneNumber) -> bool:
        """The owner of the old phone says no. True when there was an open request to stop."""
        changes = self._open_of(session, old_phone)
        for change in changes:
            self._close(session, change, PhoneChangeState.STOPPED, by="old phone", reason="objection")
        return bool(changes)

    def hold(self, session: Session, old_phone: PhoneNumber) -> bool:
        """The old phone answered, not by the word that stops: staff decide. True when a request is open."""
        changes = self._open_of(session, old_phone)
        for change in changes:
            if change.state == PhoneChangeState.WAITING:
                change.state, change.doubt = PhoneChangeState.STAFF, "answered"
        session.flush()
        return bool(changes)

    def moved_lately(self, session: Session, old_phone: PhoneNumber) -> bool:
        """Whether a membership has left this phone in the last thirty days."""
        moved = select(PhoneChangeRow.id).where(
            PhoneChangeRow.old_phone_index == self._indexes.phone(old_phone),
            PhoneChangeRow.state == PhoneChangeState.DONE,
            PhoneChangeRow.decided_at > self._clock.now() - _MOVED_LATELY,
        )
        return session.scalar(moved.limit(1)) is not None

    def complete(self, session: Session, change_id: uuid.UUID, told_at: ToldAt) -> Later | None:
        """Carry out a request whose waiting time is over, unless somebody objected or doubt has come up.

        Silence counts for consent only of who was told, and had all the hours of which they were told:
        without the word to the old phone staff decide, and so they do where that phone answered anything
        (`hold`).
        """
        change = _locked(session, change_id)
        if change is None or change.state != PhoneChangeState.WAITING:
            return None
        now = self._clock.now()
        if change.due_at > now:
            return Later((change.due_at - now).total_seconds(), "the waiting time is not over")
        told = told_at(session, f"phone_change_old:{change.id}")
        if told is Untold.NOT_YET and now < change.due_at + _TELLING_TIME_MAX:
            return Later(_LOOK_AGAIN_SECONDS, "the old phone is not told yet")
        if isinstance(told, Untold):
            doubt = "not_told"
        elif (left := (told + (change.due_at - change.requested_at) - now).total_seconds()) > 0:
            return Later(left, "the old phone was told later than it was asked")
        else:
            doubt = self._move(session, change)
        if doubt:
            change.state, change.doubt = PhoneChangeState.STAFF, doubt
        else:
            self._close(session, change, PhoneChangeState.DONE, by="system", reason="waiting time over")
        return None

    def decide(
        self, session: Session, change_id: uuid.UUID, *, staff: str, accept: bool, reason: str
    ) -> PhoneChangeState:
        """Staff decide a request that is open or was stopped.

        Raises InvalidValue when it is decided already, or cannot be carried out because the new phone
        belongs to somebody else by now, or the membership has left the old phone.
        """
        change = _locked(session, change_id)
        if change is None or change.state not in _DECIDABLE:
            raise InvalidValue("this change of phone is not open")
        doubt = self._move(session, change, forced=True) if accept else ""
        if doubt:
            raise InvalidValue(f"this change of phone cannot be carried out: {doubt}")
        state = PhoneChangeState.DONE if accept else PhoneChangeState.REFUSED
        self._close(session, change, state, by=staff, reason=reason)
        return state

    def _open_of(self, session: Session, old_phone: PhoneNumber) -> Sequence[PhoneChangeRow]:
        """The open requests to leave a phone, locked."""
        return session.scalars(
            select(PhoneChangeRow)
            .where(
                PhoneChangeRow.old_phone_index == self._indexes.phone(old_phone),
                PhoneChangeRow.state.in_(_OPEN),
            )
            .order_by(PhoneChangeRow.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()

    def _requests_today(self, session: Session, new_index: str) -> int:
        today, _ = self._policy.calendar.bounds(self._policy.calendar.day_of(self._clock.now()))
        return (
            session.scalar(
                select(func.count()).where(
                    PhoneChangeRow.new_phone_index == new_index, PhoneChangeRow.requested_at >= today
                )
            )
            or 0
        )

    def _keep(
        self,
        session: Session,
        key: str,
        member: MemberRow,
        new_phone: PhoneNumber,
        doubt: str,
        language: str,
    ) -> PhoneChangeRow:
        now = self._clock.now()
        change = PhoneChangeRow(
            id=new_id(),
            key=key,
            member_id=member.id,
            old_phone=member.phone,
            old_phone_index=member.phone_index,
            new_phone=new_phone.e164,
            new_phone_index=self._indexes.phone(new_phone),
            new_language=language,
            state=PhoneChangeState.STAFF if doubt else PhoneChangeState.WAITING,
            doubt=doubt,
            requested_at=now,
            due_at=now + timedelta(hours=self._policy.phone_change_wait_hours),
        )
        session.add(change)
        session.flush()
        if not doubt:
            payload = {"change_id": str(change.id)}
            outbox.add(session, TOPIC, str(change.id), payload, now=now, due_at=change.due_at)
        return change

    def _announce(self, session: Session, change: PhoneChangeRow, language: str) -> None:
        """The same words whatever the facts were, and nothing about the member to the new phone."""
        hours = {"hours": round(self._policy.phone_change_wait_hours)}
        now = self._clock.now()
        for template, phone, words in (
            ("phone_change_old", change.old_phone, language),
            ("phone_change_new", change.new_phone, change.new_language),
        ):
            tell_phone(
                session,
                self._vault,
                template,
                PhoneNumber(phone),
                str(change.id),
                language=words,
                now=now,
                values=hours,
            )

    def _move(self, session: Session, change: PhoneChangeRow, *, forced: bool = False) -> str:
        """Give the member (locked) the new phone; or the doubt that stands against it, and no change."""
        member = session.get_one(MemberRow, change.member_id)
        if member.phone_index != change.old_phone_index:
            # The phone that would lose the membership was never told, and its objection would find nothing.
            return "phone_changed_since"
        if not forced and member.status != Status.ACTIVE:
            return "member_changed"
        if _phone_in_use(session, change.new_phone_index):
            return "phone_in_use"
        phone = PhoneNumber(change.new_phone)
        try:
            with session.begin_nested():
                member.phone = phone.e164
                member.phone_index = change.new_phone_index
                member.wallet_hash_index = self._indexes.wallet_hash(phone.wallet_hash)
        except IntegrityError:
            return "phone_in_use"
        end_choice(session, member.id, self._clock.now())
        seek_doubles(session, member.id, str(change.id), now=self._clock.now())
        return ""

    def _close(
        self, session: Session, change: PhoneChangeRow, state: PhoneChangeState, *, by: str, reason: str
    ) -> None:
        now = self._clock.now()
        change.state = state
        change.decided_at, change.decided_by, change.reason = now, by, reason
        audit.record(
            session,
            at=now,
            actor=by,
            action=f"phone_change.{state}",
            subject=change.member_id,
            reason=reason,
            details={"change_id": str(change.id), "doubt": change.doubt},
        )
        self._tell_both(session, change, state, now)

    def _tell_both(
        self, session: Session, change: PhoneChangeRow, state: PhoneChangeState, now: datetime
    ) -> None:
        language = session.scalars(select(MemberRow.language).where(MemberRow.id == change.member_id)).one()
        template = "phone_change_done" if state is PhoneChangeState.DONE else "phone_change_stopped"
        for whose, phone, words in (
            ("old", change.old_phone, language),
            ("new", change.new_phone, change.new_language or language),
        ):
            occasion = f"{change.id}:{state}:{whose}"
            tell_phone(session, self._vault, template, PhoneNumber(phone), occasion, language=words, now=now)


class PhoneChangeCompletion:
    """Handles outbox topic `phone_change`, payload `change_id`, due when the waiting time is over."""

    def __init__(self, sessions: Sessions, changes: PhoneChanges, told_at: ToldAt) -> None:
        self._sessions = sessions
        self._changes = changes
        self._told_at = told_at

    def run(self, task: Task) -> Later | None:
        with self._sessions.begin() as session:
            return self._changes.complete(session, uuid.UUID(str(task.payload["change_id"])), self._told_at)


def _outcome(change: PhoneChangeRow) -> PhoneChangeOutcome:
    if change.doubt:
        return PhoneChangeWithStaff(change.id)
    return PhoneChangeStarted(change.id, change.due_at)


def _hold_others(session: Session, member: MemberRow) -> None:
    """A second claimant makes the first one doubtful too: staff decide about both."""
    session.execute(
        update(PhoneChangeRow)
        .where(PhoneChangeRow.member_id == member.id, PhoneChangeRow.state == PhoneChangeState.WAITING)
        .values(state=PhoneChangeState.STAFF, doubt="another_request")
    )


def _doubt(session: Session, member: MemberRow, birth_year: int | None) -> str:
    """Why staff must look, or nothing."""
    if member.status != Status.ACTIVE:
        return "status"
    known_year = birth_year_of(member.birth_date)
    if known_year is None or known_year != birth_year:
        return "facts"
    another = select(PhoneChangeRow.id).where(
        PhoneChangeRow.member_id == member.id, PhoneChangeRow.state.in_(_OPEN)
    )
    return "another_request" if session.scalar(another.limit(1)) is not None else ""


def _phone_in_use(session: Session, phone_index: str) -> bool:
    return session.scalar(select(MemberRow.id).where(MemberRow.phone_index == phone_index)) is not None


def _locked(session: Session, change_id: uuid.UUID) -> PhoneChangeRow | None:
    """The change, locked, and before it its member: somebody may be starting another change of theirs."""
    member_id = session.scalar(select(PhoneChangeRow.member_id).where(PhoneChangeRow.id == change_id))
    fresh = {"populate_existing": True}
    member = select(MemberRow).where(MemberRow.id == member_id).with_for_update(key_share=True)
    session.execute(member.execution_options(**fresh))
    change = select(PhoneChangeRow).where(PhoneChangeRow.id == change_id).with_for_update()
    return session.scalar(change.execution_options(**fresh))
