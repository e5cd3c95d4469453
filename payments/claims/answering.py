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
from payments.claims.confirming import Named, asked_about_another, confirm, only_question
from payments.claims.model import AlreadyYours, ClaimOutcome, ForStaff, NotAClaim, NotKnownYet, Offered
from payments.claims.service import claim, look_again, take
from payments.claims.tables import Claim

# By then the hourly pull has read every page twice; later the payment can only be on a statement.
_LOOK_SECONDS = (60.0, 300.0, 1800.0, 3600.0, 3600.0)


class ClaimAnswering:
    """Handles `claim` tasks: `member_id`, `code`. Who writes from their own phone means what they claim.

    With `phone_sealed` and `language` for a member, the phone that paid says that its number is right; of
    which payment it says so is not known when `code` is empty.
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
            template, values = _heard(session, payer, code, now=now)
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


def _heard(session: Session, payer: str, code: str, *, now: datetime) -> tuple[str, dict[str, Any]]:
    """What a YES of this phone (a blind index) does, and the words that answer it."""
    if not code:
        asked = only_question(session, payer)
        return ("yes_code", {}) if asked is None else ("right_number", _values_of(asked))
    done = confirm(session, payer, code, now=now)
    return ("not_yours", {"receipt": code}) if done is None else ("paid_for", _values_of(done))


def _values_of(named: Named) -> dict[str, Any]:
    return {
        "amount_cents": named.amount.amount_cents,
        "currency": named.amount.currency,
        "receipt": named.receipt,
        "number": named.number,
    }


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
            asked = asked_about_another(session, outcome.claim_id)
            if asked is None:
                take(session, outcome.claim_id, now=now)
                return
            # Perhaps meant for that question's YES. On the phone's menu the money stays on offer.
            template, values = "right_number", _values_of(asked)
        case AlreadyYours():
            template = "claim_known"
            values |= {"amount_cents": outcome.amount.amount_cents, "currency": outcome.amount.currency}
        case NotKnownYet():
            template = "claim_waiting"
        case ForStaff():
            template = "claim_staff"
        case NotAClaim(why="too_many"):
            # No case was made of it: nobody would look.
            template = "claim_tomorrow"
        case NotAClaim():
            template, values = "claim_code", {}
    tell_member(session, template, member_id, question, now=now, values=values)
