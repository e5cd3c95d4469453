"""The job behind every SMS: render it, send it once, keep what the provider said."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Sessions, fitting
from core.errors import InvalidValue
from core.ids import new_id
from core.logging import log
from core.outbox import Later, Task
from core.phone import PhoneNumber
from core.vault import Vault
from members.model import Member, Purpose
from members.notices import PHONE_PLACE
from members.service import Members
from messages.delivery import apply_early_reports
from messages.gsm7 import parts, septets
from messages.model import MessageState
from messages.provider import SmsAccepted, SmsOutcome, SmsProvider, SmsRefused, SmsUnknown
from messages.tables import MessageRow
from messages.templates import TEMPLATES, Texts, template_named

_FIRST_RETRY_SECONDS = 15.0
_RETRY_SECONDS_MAX = 1800.0
_ATTEMPTS_MAX = 30
# What an SMS tells that is about money.
_OF_MONEY = frozenset({"amount", "receipt"})
# Long enough that most bad moments of a provider are over.
_REPEAT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class _Outgoing:
    message_id: uuid.UUID
    phone: PhoneNumber
    body: str


class Sending:
    """Handles outbox topics `message` and `reminder`.

    Payload: `template`, `values`, and either `member_id` or `phone_sealed` (sealed for `outbox.phone`) with
    `language`. The row in `messages` is unique by the task's key, so one task is one SMS.
    """

    def __init__(
        self,
        sessions: Sessions,
        sms: SmsProvider,
        members: Members,
        vault: Vault,
        texts: Texts,
        clock: Clock,
        *,
        may_remind_at: Callable[[datetime], bool] = lambda _: True,
        lacks_money: Callable[[Session, uuid.UUID], bool] = lambda _session, _member_id: True,
        refused: Callable[[Session, str], None] = lambda _session, _why: None,
        lost: Callable[[Session, str], None] = lambda _session, _why: None,
    ) -> None:
        """`may_remind_at`: whether a reminder may reach phones at an instant; other SMS go at any time.
        `lacks_money`: whether what a member is reminded of is still missing.

        `refused` hears the provider's code when it refuses all SMS, or one was given up; `lost`, why nobody
        knows whether news of money went out: staff must know.
        """
        self._sessions = sessions
        self._sms = sms
        self._members = members
        self._vault = vault
        self._texts = texts
        self._clock = clock
        self._may_remind_at = may_remind_at
        self._lacks_money = lacks_money
        self._refused_by_provider = refused
        self._lost = lost

    def run(self, task: Task) -> Later | None:
        """Send. `Later` while the provider refuses for a reason that passes.

        Raises InvalidValue for a payload that cannot be made into an SMS.
        """
        with self._sessions.begin() as session:
            outgoing = self._prepare(session, task)
        if outgoing is None:
            return None
        # No transaction is open here, and the row says `sending`: a crash from here on is seen afterwards.
        outcome = self._sms.send(outgoing.phone, outgoing.body, task.key)
        with self._sessions.begin() as session:
            return self._record(session, outgoing.message_id, outcome, task.attempt)

    def _prepare(self, session: Session, task: Task) -> _Outgoing | None:
        message = session.scalar(select(MessageRow).where(MessageRow.key == task.key).with_for_update())
        if message is None:
            message = self._new(session, task)
        elif message.state == MessageState.SENDING:
            self._found_sending(session, message)
        if message.state == MessageState.QUEUED and TEMPLATES[message.template].reminder:
            self._withhold_if_unfit(session, message)
        if message.state not in {MessageState.QUEUED, MessageState.SENDING}:
            return None
        self._follow(session, message)
        message.state = MessageState.SENDING
        return _Outgoing(message.id, PhoneNumber(message.phone), message.body)

    def _new(self, session: Session, task: Task) -> MessageRow:
        payload = task.payload
        template = template_named(str(payload.get("template")))
        member, phone = self._receiver(session, payload)
        language = self._texts.language(member.language if member else payload.get("language"))
        body = self._texts.render(
            template.name,
            language,
            # Balances were read when the task was written, hence that is their time unless said otherwise.
            {"as_of": task.created_at.isoformat(), **(payload.get("values") or {})},
            member_name=member.masked_name if member else "",
        )
        message = MessageRow(
            id=new_id(),
            key=task.key,
            member_id=member.id if member else None,
            phone=phone.e164,
            phone_index=self._index(phone),
            template=template.name,
            language=language,
            body=body,
            septets=septets(body),
            parts=parts(body),
            state=MessageState.QUEUED,
            resent=False,
            created_at=self._clock.now(),
        )
        session.add(message)
        session.flush()
        return message

    def _receiver(self, session: Session, payload: Any) -> tuple[Member | None, PhoneNumber]:
        if "phone_sealed" in payload:
            return None, PhoneNumber.parse(self._vault.open(PHONE_PLACE, payload["phone_sealed"]))
        member = self._members.by_id(session, uuid.UUID(str(payload.get("member_id"))))
        if member is None:
            raise InvalidValue("an SMS for a member who does not exist")
        return member, member.phone

    def _follow(self, session: Session, message: MessageRow) -> None:
        """It may have waited for days: it goes to the phone that the member has now."""
        member = self._members.by_id(session, message.member_id) if message.member_id else None
        if member is not None and member.phone.e164 != message.phone:
            message.phone, message.phone_index = member.phone.e164, self._index(member.phone)

    def _index(self, phone: PhoneNumber) -> str:
        return self._vault.index("messages.phone", phone.e164)

    def _withhold_if_unfit(self, session: Session, message: MessageRow) -> None:
        """A reminder goes out in its hours to who agrees to them, or not at all: later it may be wrong."""
        # Asked when it is sent, not when it was planned: a STOP counts at once.
        member = self._members.by_id(session, message.member_id) if message.member_id else None
        agreed = (
            member is not None
            and member.status.is_open
            and self._members.current_consents(session, member.id)[Purpose.REMINDERS]
            and self._lacks_money(session, member.id)
        )
        if not agreed or not self._may_remind_at(self._clock.now()):
            message.state = MessageState.WITHHELD

    def _found_sending(self, session: Session, message: MessageRow) -> None:
        """A process died between the call and its answer: news of money goes out again, once."""
        if TEMPLATES[message.template].better_twice and not message.resent:
            message.resent = True
        else:
            message.failure_reason = "no answer was recorded"
            self._given_up(session, message)

    def _given_up(self, session: Session, message: MessageRow) -> None:
        """Whether it went out, nobody knows."""
        message.state = MessageState.UNKNOWN
        template = TEMPLATES[message.template]
        if template.better_twice and not template.values.isdisjoint(_OF_MONEY):
            log.error("an SMS about money may be lost", why=message.failure_reason, message=str(message.id))
            self._lost(session, message.failure_reason)

    def _record(
        self, session: Session, message_id: uuid.UUID, outcome: SmsOutcome, attempt: int
    ) -> Later | None:
        message = session.scalars(
            select(MessageRow).where(MessageRow.id == message_id).with_for_update()
        ).one()
        match outcome:
            case SmsAccepted():
                self._accepted(session, message, outcome)
                return None
            case SmsRefused():
                return self._refused(session, message, outcome, attempt)
            case SmsUnknown():
                return self._unknown(session, message, outcome)

    def _accepted(self, session: Session, message: MessageRow, outcome: SmsAccepted) -> None:
        message.state = MessageState.SENT
        message.sent_at = self._clock.now()
        # The SMS is out: whatever words came with it must not fail this, or it would be sent again.
        message.provider_status = fitting(MessageRow.provider_status, outcome.status)
        message.cost = fitting(MessageRow.cost, outcome.cost)
        message.failure_reason = ""
        apply_early_reports(session, message, outcome.provider_id)

    def _refused(
        self, session: Session, message: MessageRow, outcome: SmsRefused, attempt: int
    ) -> Later | None:
        # What staff can mend is tried until they have, also after a weekend. An answer is stale by then.
        lasts = outcome.alert and TEMPLATES[message.template].better_twice
        is_given_up = attempt >= _ATTEMPTS_MAX and not lasts
        if outcome.alert or is_given_up:
            log.error("the SMS provider needs attention", code=outcome.code, message=str(message.id))
            self._refused_by_provider(session, outcome.code)
        message.failure_reason = fitting(MessageRow.failure_reason, outcome.code)
        if outcome.permanent or is_given_up:
            message.state, message.final_at = MessageState.FAILED, self._clock.now()
            return None
        message.state = MessageState.QUEUED
        doubled = _FIRST_RETRY_SECONDS * 2 ** min(attempt - 1, 10)
        return Later(min(doubled, _RETRY_SECONDS_MAX), outcome.code)

    def _unknown(self, session: Session, message: MessageRow, outcome: SmsUnknown) -> Later | None:
        message.failure_reason = fitting(MessageRow.failure_reason, outcome.reason)
        if outcome.may_repeat and TEMPLATES[message.template].better_twice and not message.resent:
            message.resent, message.state = True, MessageState.QUEUED
            return Later(_REPEAT_SECONDS, outcome.reason)
        if outcome.provider_id:
            # Reports will tell.
            message.state = MessageState.UNKNOWN
            apply_early_reports(session, message, outcome.provider_id)
        else:
            self._given_up(session, message)
        return None
