"""SMS to us: kept once, understood by their first word, answered through the outbox."""

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core import outbox
from core.clock import Clock, FundCalendar
from core.ids import new_id
from core.phone import PhoneNumber
from core.vault import Vault
from members.model import Member, Purpose
from members.notices import PHONE_PLACE, tell_member, tell_phone
from members.service import Members
from messages.model import IncomingSms, Keyword, receipt_code_in, word_in
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
_WITH_CODE = frozenset({Keyword.CLAIM, Keyword.CONFIRM, Keyword.REFUND})


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
        member = self._members.by_phone(session, incoming.phone)
        template = self._obey(session, keyword, incoming.phone, member)
        has_code = keyword in _WITH_CODE and receipt_code_in(incoming.text) is not None
        is_confirmation = has_code and keyword is Keyword.CONFIRM
        most = CONFIRMATIONS_PER_DAY_MAX if is_confirmation else ANSWERS_PER_DAY_MAX
        if self._received_today(session, row) > most:
            # Money hangs on a code: what is not worked waits for staff.
            row.answered = row.answered and not has_code
            return keyword
        topic = _MONEY_TOPICS.get(keyword)
        payload = _question(keyword, member, incoming.text)
        if keyword is Keyword.CONFIRM and word is not None:
            payload = self._confirmation(incoming.phone, word.language, incoming.text)
        if topic is not None and payload is not None:
            # Money is another room's: it finds the answer and has it sent.
            outbox.add(session, topic, str(row.id), payload, now=row.received_at)
        else:
            language = word.language if word else "en"
            code = receipt_code_in(incoming.text) if keyword is Keyword.CLAIM and member is None else None
            if code is not None:
                # The phone that paid need not be a member's: whose the money is, staff find out.
                row.answered, template = False, "claim_staff"
            values = {} if code is None else {"receipt": code}
            self._answer(session, row, template, incoming.phone, member, language, values)
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

    def _obey(self, session: Session, keyword: Keyword, phone: PhoneNumber, member: Member | None) -> str:
        """Do what is asked; the template that answers it."""
        if keyword in _WITH_CODE and member is not None:
            # Only reached without a code: with one, the answer is another room's.
            return "claim_code"
        if keyword is Keyword.HELP or keyword in _MONEY_TOPICS:
            return "help"
        if keyword is Keyword.UNKNOWN:
            return "unknown_keyword"
        if member is None:
            return "stop_done"
        self._members.give_consent(
            session,
            member=member,
            purpose=Purpose.REMINDERS,
            given=False,
            notice_version=self._notice_version,
            channel="sms",
        )
        stopped = self._members.object_to_phone_change(session, phone)
        # Stopping a change of phone already tells both phones.
        return "" if stopped else "stop_done"

    def _confirmation(self, phone: PhoneNumber, language: str, text: str) -> dict[str, str] | None:
        code = receipt_code_in(text)
        if code is None:
            return None
        sealed = self._vault.seal(PHONE_PLACE, phone.e164)
        return {"phone_sealed": sealed, "language": language, "code": code}

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

    def _answer(
        self,
        session: Session,
        row: InboundMessageRow,
        template: str,
        phone: PhoneNumber,
        member: Member | None,
        language: str,
        values: Mapping[str, str],
    ) -> None:
        now = self._clock.now()
        if not template:
            return
        if member is not None:
            tell_member(session, template, member.id, row.id, now=now)
        else:
            occasion = str(row.id)
            tell_phone(
                session, self._vault, template, phone, occasion, language=language, now=now, values=values
            )


def _question(keyword: Keyword, member: Member | None, text: str) -> dict[str, str] | None:
    """What the room of money is asked; None when a stranger asks or the code is missing."""
    if member is None:
        return None
    if keyword not in _WITH_CODE:
        return {"member_id": str(member.id)}
    code = receipt_code_in(text)
    return None if code is None else {"member_id": str(member.id), "code": code}
