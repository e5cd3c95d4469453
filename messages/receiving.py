"""SMS to us: kept once, understood by their first word, answered through the outbox."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core import outbox
from core.clock import Clock, FundCalendar
from core.ids import new_id
from core.phone import PhoneNumber
from core.vault import Vault
from members.model import Member, Purpose
from members.notices import PHONE_PLACE, USUAL_LANGUAGE, tell_member, tell_phone
from members.service import Members
from messages.model import IncomingSms, Keyword, Word, is_bare, receipt_code_in, tells_more, word_in
from messages.tables import InboundMessageRow

# Two machines that answer each other would not stop by themselves.
ANSWERS_PER_DAY_MAX = 10
# A YES with a code answers what we asked. Who pays for a village says it for each of them, the same evening.
CONFIRMATIONS_PER_DAY_MAX = 200
_MONEY_TOPICS = {
    Keyword.BALANCE: "balance",
    Keyword.WAY: "where",
    Keyword.CLAIM: "claim",
    # The phone that paid need not be a member's to say whom it meant.
    Keyword.CONFIRM: "claim",
    Keyword.REFUND: "refund_wish",
}
_PLAIN_ANSWERS = {Keyword.UNKNOWN: "unknown_keyword"}
_WITH_CODE = frozenset({Keyword.CLAIM, Keyword.CONFIRM, Keyword.REFUND})
_ANSWERED_ALIKE = frozenset({Keyword.HELP, Keyword.STOP, Keyword.BALANCE, Keyword.WAY})
# These say that staff read the message, or look into what it says.
_READ_BY_STAFF = frozenset({"unknown_keyword", "claim_staff", "phone_change_held", "phone_change_late"})


@dataclass(frozen=True, slots=True)
class _Asked:
    """An SMS as it was understood. `code` is empty without one, `member` None when a stranger writes.

    `is_bare`: it is its keyword, with the code that belongs to it, and nothing else. `stayed`: the membership
    that the sender's was made one with.
    """

    keyword: Keyword
    is_bare: bool
    language: str
    code: str
    phone: PhoneNumber
    member: Member | None
    stayed: Member | None

    @property
    def is_vague(self) -> bool:
        """Whether it may answer anything: no keyword or one with other words, a call for help, or a word that
        lacks its code.
        """
        lacks_code = self.keyword in _WITH_CODE and not self.code
        return lacks_code or self.keyword is Keyword.HELP or not self.is_bare


class Receiving:
    def __init__(
        self, members: Members, vault: Vault, clock: Clock, calendar: FundCalendar, notice_version: str
    ) -> None:
        self._members = members
        self._vault = vault
        self._clock = clock
        self._calendar = calendar
        self._notice_version = notice_version

    def receive(self, session: Session, incoming: IncomingSms) -> Keyword | None:
        """Keep an SMS and do what it asks. None when the same one (by provider id) was received before."""
        word = word_in(incoming.text)
        keyword = word.keyword if word else Keyword.UNKNOWN
        row = self._keep(session, incoming, keyword)
        if row is None:
            return None
        if incoming.phone is None:
            return keyword
        asked = self._understood(session, word, incoming.phone, incoming.text)
        template = self._obey(session, asked)
        is_confirmation = bool(asked.code) and keyword is Keyword.CONFIRM
        most = CONFIRMATIONS_PER_DAY_MAX if is_confirmation else ANSWERS_PER_DAY_MAX
        is_too_many = self._received_today(session, row) > most
        # What is not worked waits for staff: money may hang on it. A STOP was obeyed all the same.
        is_left = is_too_many and keyword is not Keyword.STOP
        is_left |= bool(asked.code) and template == "merged_closed"
        # A word that is answered whatever follows it may begin what only a person understands.
        is_left |= word is not None and keyword in _ANSWERED_ALIKE and tells_more(incoming.text, word)
        row.answered = template not in _READ_BY_STAFF and not is_left
        if is_too_many:
            if keyword is not Keyword.CONFIRM:
                self._fall_silent(session, row, asked)
            return keyword
        if template is None:
            # Money is another room's: it finds the answer and has it sent.
            payload = self._question(asked)
            outbox.add(session, _MONEY_TOPICS[keyword], str(row.id), payload, now=row.received_at)
        elif template:
            self._answer(session, row.id, template, asked)
        return keyword

    def _keep(self, session: Session, incoming: IncomingSms, keyword: Keyword) -> InboundMessageRow | None:
        sender = incoming.phone.e164 if incoming.phone else incoming.sender
        statement = (
            insert(InboundMessageRow)
            .values(
                id=new_id(),
                provider_id=incoming.provider_id,
                sender=sender,
                sender_index=self._vault.index("inbound_messages.sender", sender),
                text=incoming.text,
                keyword=keyword,
                answered=keyword is not Keyword.UNKNOWN,
                received_at=self._clock.now(),
            )
            .on_conflict_do_nothing(index_elements=["provider_id"])
            .returning(InboundMessageRow)
        )
        return session.scalars(statement).one_or_none()

    def _understood(self, session: Session, word: Word | None, phone: PhoneNumber, text: str) -> _Asked:
        keyword, language = (word.keyword, word.language) if word else (Keyword.UNKNOWN, USUAL_LANGUAGE)
        code = receipt_code_in(text) if keyword in _WITH_CODE else None
        member = self._members.by_phone(session, phone)
        merged_into = member.merged_into if member is not None else None
        stayed = self._members.by_id(session, merged_into) if merged_into is not None else None
        return _Asked(keyword, is_bare(text, code), language, code or "", phone, member, stayed)

    def _obey(self, session: Session, asked: _Asked) -> str | None:
        """Do what is asked; the template that answers it, empty for none. None: the room of money answers."""
        is_late = asked.member is None and self._members.left_lately(session, asked.phone)
        if is_late and not (asked.code and asked.is_bare):
            # It may be an objection that came too late: who lost a membership is not told that all is well.
            return "phone_change_late"
        if asked.keyword is Keyword.STOP:
            return self._stop(session, asked)
        # Who was just asked whether they are moving may say so in any words.
        if asked.is_vague and self._members.hold_phone_change(session, asked.phone):
            return "phone_change_held"
        if asked.keyword is Keyword.HELP:
            return "help" if asked.member is not None else "help_stranger"
        return _PLAIN_ANSWERS.get(asked.keyword) or _short_answer(asked)

    def _stop(self, session: Session, asked: _Asked) -> str:
        if asked.member is None:
            return "stop_done"
        if self._members.object_to_phone_change(session, asked.phone):
            # It answers what we asked: both phones are told of that, and nothing was said about reminders.
            return ""
        # One person: it is the membership that stayed which is reminded, and the other if they part again.
        for member in filter(None, (asked.member, asked.stayed)):
            self._members.give_consent(
                session,
                member=member,
                purpose=Purpose.REMINDERS,
                given=False,
                notice_version=self._notice_version,
                channel="sms",
            )
        return "stop_done"

    def _question(self, asked: _Asked) -> dict[str, str]:
        """What the room of money is asked."""
        code = {"code": asked.code} if asked.keyword in _WITH_CODE else {}
        if asked.keyword is Keyword.CONFIRM:
            sealed = self._vault.seal(PHONE_PLACE, asked.phone.e164)
            return {"phone_sealed": sealed, "language": asked.language} | code
        assert asked.member is not None
        return {"member_id": str(asked.member.id)} | code

    def _received_today(self, session: Session, row: InboundMessageRow) -> int:
        """How many came from this sender: of YES those, of all else the others."""
        today, _ = self._calendar.bounds(self._calendar.day_of(row.received_at))
        return (
            session.scalar(
                select(func.count()).where(
                    InboundMessageRow.sender_index == row.sender_index,
                    InboundMessageRow.received_at >= today,
                    (InboundMessageRow.keyword == Keyword.CONFIRM) == (row.keyword == Keyword.CONFIRM),
                )
            )
            or 0
        )

    def _fall_silent(self, session: Session, row: InboundMessageRow, asked: _Asked) -> None:
        """Say so, once a day: otherwise nobody would know why no answer comes."""
        day = self._calendar.day_of(row.received_at)
        self._answer(session, f"{row.sender_index}:{day}", "enough_today", asked)

    def _answer(self, session: Session, occasion: object, template: str, asked: _Asked) -> None:
        now, values = self._clock.now(), {}
        if template == "claim_staff":
            values = {"receipt": asked.code}
        elif template == "merged_closed" and asked.stayed is not None:
            values = {"number": asked.stayed.number.digits}
        if asked.member is not None:
            tell_member(session, template, asked.member.id, occasion, now=now, values=values)
        else:
            tell_phone(
                session,
                self._vault,
                template,
                asked.phone,
                str(occasion),
                language=asked.language,
                now=now,
                values=values,
            )


def _short_answer(asked: _Asked) -> str | None:
    """The template that answers a question about money without the room of money; None when that must."""
    if asked.keyword is Keyword.CONFIRM:
        # The phone that paid need not be a member's to say whom it meant, nor know how to write it.
        return None
    if asked.member is None:
        # Nor to say of a receipt that it is theirs, or was paid twice: whose the money is, staff find out.
        return "claim_staff" if asked.keyword in _WITH_CODE and asked.code else "help_stranger"
    if asked.stayed is not None:
        # All that was there has moved: that there is nothing would frighten.
        return "merged_closed"
    return "claim_code" if asked.keyword in _WITH_CODE and not asked.code else None
