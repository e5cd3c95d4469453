"""Replacing a PIN: staff let a member choose anew, the member's own phone chooses; or the old PIN opens it.

What a call has shown (the right number of the member's paper, or the old PIN) is kept beside the PIN under
that call's name, so that it counts for that call only.
"""

import hmac
import uuid
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.errors import InvalidValue
from core.ids import new_id
from members.documents import plain_number
from members.model import Member, Policy, Status
from members.notices import tell_member
from members.pins import WRONG_MAX, Pins, minutes_locked
from members.tables import MEMBER_LOCK, MemberRow, PinRow

_MEMBER = "member"
_WRONG_NUMBERS = "wrong numbers of the paper"


class PinStanding(StrEnum):
    """Whether a member has a PIN, may choose one now, or has none until staff let them choose."""

    SET = "set"
    TO_CHOOSE = "to_choose"
    LAPSED = "lapsed"


class Shown(StrEnum):
    """What became of showing whose phone it is. `OVER`: there is nothing to choose (any more)."""

    RIGHT = "right"
    WRONG = "wrong"
    OVER = "over"


class Chosen(StrEnum):
    """What became of a new PIN. `NOT_SHOWN`: this call has not shown whose phone it is."""

    DONE = "done"
    NOT_SHOWN = "not_shown"
    OVER = "over"


class NewPins:
    """Locks are taken in one order, the member before their PIN; so nobody waits in a circle."""

    def __init__(self, pins: Pins, clock: Clock, policy: Policy) -> None:
        self._pins = pins
        self._clock = clock
        self.hours = round(policy.new_pin_hours)

    def standing(self, session: Session, member_id: uuid.UUID) -> PinStanding:
        return self._standing(session.get(PinRow, member_id))

    def locked_minutes(self, session: Session, member_id: uuid.UUID) -> int:
        """For how many minutes more no PIN of theirs is looked at; 0 when it is, or when there is none."""
        row = session.get(PinRow, member_id)
        return minutes_locked(row, self._clock.now()) if row and row.hash is not None else 0

    def locked_until(self, session: Session, member_id: uuid.UUID) -> datetime | None:
        """Until when no PIN of theirs is looked at; None when it is, or when there is none."""
        row = session.get(PinRow, member_id)
        return row.locked_until if row and self.locked_minutes(session, member_id) else None

    def choose_until(self, session: Session, member_id: uuid.UUID) -> datetime | None:
        """Until when the member may choose; None when they have a PIN or may not choose now."""
        row = session.get(PinRow, member_id)
        return row.choose_until if row and self._standing(row) is PinStanding.TO_CHOOSE else None

    def allow(self, session: Session, member_id: uuid.UUID, *, staff: str, reason: str) -> datetime:
        """Take the PIN away and let the member choose another until the instant given back; they are told.

        Raises InvalidValue when they may choose already, and for a membership that is over.
        """
        _locked_member(session, member_id)
        row = _locked(session, member_id) or PinRow(member_id=member_id)
        if self._standing(row) is PinStanding.TO_CHOOSE:
            raise InvalidValue("this member may choose a new PIN already")
        now = self._clock.now()
        until = now + timedelta(hours=self.hours)
        row.hash, row.choose_until = None, until
        row.failed_count, row.locked_until, row.last_key = 0, None, ""
        row.changed_at = now
        session.add(row)
        self._note(session, "pin.allowed", member_id, by=staff, reason=reason)
        tell_member(session, "pin_allowed", member_id, new_id(), now=now, values={"hours": self.hours})
        session.flush()
        return until

    def withdraw(self, session: Session, member_id: uuid.UUID, *, staff: str, reason: str) -> None:
        """The member may no longer choose. Raises InvalidValue when they may not anyway."""
        row = _locked(session, member_id)
        if row is None or self._standing(row) is not PinStanding.TO_CHOOSE:
            raise InvalidValue("this member may not choose a new PIN now")
        row.choose_until = self._clock.now()
        self._note(session, "pin.withdrawn", member_id, by=staff, reason=reason)
        session.flush()

    def show(self, session: Session, member: Member, typed: str, *, call: str) -> Shown:
        """Compare a number with that of the member's paper. The third wrong one ends the permission.

        The caller must commit whatever comes of it.
        """
        row = _locked(session, member.id)
        if row is None or self._standing(row) is not PinStanding.TO_CHOOSE:
            return Shown.OVER
        known = session.scalars(select(MemberRow.identifier).where(MemberRow.id == member.id)).one()
        if hmac.compare_digest(plain_number(known).encode(), plain_number(typed).encode()):
            row.last_key, row.failed_count = call, 0
            return Shown.RIGHT
        row.last_key, row.failed_count = "", row.failed_count + 1
        if row.failed_count < WRONG_MAX:
            return Shown.WRONG
        row.choose_until = self._clock.now()
        self._note(session, "pin.withdrawn", member.id, by="system", reason=_WRONG_NUMBERS)
        return Shown.OVER

    def choose(self, session: Session, member: Member, sealed: str, *, call: str) -> Chosen:
        """Give the member the PIN that `Pins.hash_new` sealed, if they may choose and this call has shown
        the right number.
        """
        row = _locked(session, member.id)
        if row is None or self._standing(row) is not PinStanding.TO_CHOOSE:
            return Chosen.OVER
        if row.last_key != call:
            return Chosen.NOT_SHOWN
        self._replace(session, member, sealed, "pin.chosen")
        return Chosen.DONE

    def change(self, session: Session, member: Member, sealed: str, *, call: str) -> Chosen:
        """Give the member another PIN, if the last PIN that was judged was the right one, in this call."""
        row = _locked(session, member.id)
        if row is None or row.hash is None:
            return Chosen.OVER
        if row.failed_count or not row.last_key.startswith(f"{call}:"):
            return Chosen.NOT_SHOWN
        self._replace(session, member, sealed, "pin.changed")
        return Chosen.DONE

    def _standing(self, row: PinRow | None) -> PinStanding:
        if row is not None and row.hash is not None:
            return PinStanding.SET
        may_choose = row is not None and row.choose_until is not None and row.choose_until > self._clock.now()
        return PinStanding.TO_CHOOSE if may_choose else PinStanding.LAPSED

    def _replace(self, session: Session, member: Member, sealed: str, act: str) -> None:
        self._pins.set(session, member.id, sealed)
        self._note(session, act, member.id, by=_MEMBER)
        tell_member(session, "pin_changed", member.id, new_id(), now=self._clock.now())

    def _note(
        self, session: Session, action: str, member_id: uuid.UUID, *, by: str, reason: str = ""
    ) -> None:
        audit.record(session, at=self._clock.now(), actor=by, action=action, subject=member_id, reason=reason)


def end_choice(session: Session, member_id: uuid.UUID, now: datetime) -> None:
    """Whatever staff let this member choose, they let the phone choose that they had then."""
    still = PinRow.hash.is_(None) & (PinRow.choose_until > now)
    session.execute(update(PinRow).where(PinRow.member_id == member_id, still).values(choose_until=now))


def _locked_member(session: Session, member_id: uuid.UUID) -> None:
    member = session.get(MemberRow, member_id, with_for_update=MEMBER_LOCK)
    if member is None or not Status(member.status).is_open:
        raise InvalidValue("there is no such membership, or it is over")


def _locked(session: Session, member_id: uuid.UUID) -> PinRow | None:
    pin = select(PinRow).where(PinRow.member_id == member_id).with_for_update()
    return session.scalar(pin.execution_options(populate_existing=True))
