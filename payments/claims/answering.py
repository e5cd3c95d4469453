"""Claims by SMS: answered in words, and looked at again while the wallet's list is awaited."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Sessions, vault_of
from core.outbox import Later, Task
from core.phone import PhoneNumber
from members.indexes import MemberIndexes
from members.notices import PHONE_PLACE, tell_member, tell_phone
from payments.claims.confirming import confirm
from payments.claims.model import AlreadyYours, ClaimOutcome, NotAClaim, NotKnownYet, Offered
from payments.claims.service import claim, look_again, take
from payments.claims.tables import Claim

# By then the hourly pull has read every page twice; later the payment can only be on a statement.
_LOOK_SECONDS = (60.0, 300.0, 1800.0, 3600.0, 3600.0)


class ClaimAnswering:
    """Handles `claim` tasks: `member_id`, `code`. Who writes from their own phone means what they claim.

    With `phone_sealed` and `language` for a member, the phone that paid says that its number is right.
    """

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def run(self, task: Task) -> None:
        """Claim, take what is offered, and answer. Money that is credited answers by its receipt."""
        code, now = str(task.payload["code"]), self._clock.now()
        if "phone_sealed" in task.payload:
            self._confirm(task, code, now=now)
            return
        member_id = uuid.UUID(task.payload["member_id"])
        with self._sessions.begin() as session:
            outcome = claim(session, member_id, code, now=now)
            _answer(session, member_id, code, outcome, task.id, now=now)

    def _confirm(self, task: Task, code: str, *, now: datetime) -> None:
        with self._sessions.begin() as session:
            vault = vault_of(session)
            phone = PhoneNumber(vault.open(PHONE_PLACE, task.payload["phone_sealed"]))
            payer = MemberIndexes(vault).wallet_hash(phone.wallet_hash)
            done = confirm(session, payer, code, now=now)
            template = "not_yours"
            values: dict[str, Any] = {"receipt": code}
            if done is not None:
                template = "paid_for"
                values |= {"amount_cents": done.amount.amount_cents, "currency": done.amount.currency}
                values["number"] = done.number
            tell_phone(
                session,
                vault,
                template,
                phone,
                str(task.id),
                language=task.payload["language"],
                now=now,
                values=values,
            )


class ClaimLooking:
    """Handles `claim_again` tasks: is the receipt known by now?"""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def run(self, task: Task) -> Later | None:
        """Look; after some hours the claim is a case for staff."""
        claim_id, now = uuid.UUID(task.payload["claim_id"]), self._clock.now()
        last = task.attempt > len(_LOOK_SECONDS)
        with self._sessions.begin() as session:
            outcome = look_again(session, claim_id, now=now, last=last)
            if outcome is None:
                return None
            if isinstance(outcome, NotKnownYet):
                return Later(_LOOK_SECONDS[task.attempt - 1], "not on the wallet's list yet")
            row = session.get_one(Claim, claim_id)
            if not isinstance(outcome, AlreadyYours):
                # Credited meanwhile means that its receipt was told.
                _answer(session, row.member_id, row.receipt, outcome, task.id, now=now)
        return None


def _answer(
    session: Session,
    member_id: uuid.UUID,
    code: str,
    outcome: ClaimOutcome,
    question: uuid.UUID,
    *,
    now: datetime,
) -> None:
    values: dict[str, Any] = {"receipt": code}
    match outcome:
        case Offered():
            take(session, outcome.claim_id, now=now)
            return
        case AlreadyYours():
            template = "claim_known"
            values |= {"amount_cents": outcome.amount.amount_cents, "currency": outcome.amount.currency}
        case NotKnownYet():
            template = "claim_waiting"
        case NotAClaim(why="not_a_code"):
            template, values = "claim_code", {}
        case NotAClaim(why="too_many"):
            # No case was made of it: nobody would look.
            template = "claim_tomorrow"
        case _:
            template = "claim_staff"
    tell_member(session, template, member_id, question, now=now, values=values)
