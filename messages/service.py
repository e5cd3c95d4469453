"""Everything other rooms ask of messages. Takes an open session and never commits.

Nobody asks it to send: an SMS is an outbox row with topic `message`, handled by `messages.sending`.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Clock, FundCalendar
from core.vault import Vault
from members.model import Untold
from members.service import Members
from messages.delivery import record_delivery
from messages.model import DeliveryReport, IncomingSms, Keyword, MessageState
from messages.receiving import Receiving
from messages.tables import MessageRow

_ON_ITS_WAY = frozenset({MessageState.SENT, MessageState.DELIVERED})
# docs.africastalking.com/sms/deliveryreports: it lies with the network, as for a phone that is off.
_NOT_THERE_YET = frozenset({"submitted", "buffered"})
_NOT_KNOWN_YET = frozenset({MessageState.QUEUED, MessageState.SENDING, MessageState.UNKNOWN})


def told_at(session: Session, key: str) -> datetime | Untold:
    """When the SMS of this outbox key reached its phone, or left for it where no report tells more."""
    message = session.scalar(select(MessageRow).where(MessageRow.key == key))
    if message is None or message.state in _NOT_KNOWN_YET:
        return Untold.NOT_YET
    if message.state not in _ON_ITS_WAY:
        return Untold.NEVER
    if message.state == MessageState.SENT and message.provider_status.casefold() in _NOT_THERE_YET:
        return Untold.NOT_YET
    return message.final_at or message.sent_at or Untold.NOT_YET


class Messages:
    """The room's front door for what the provider posts to us."""

    def __init__(
        self, members: Members, vault: Vault, clock: Clock, calendar: FundCalendar, notice_version: str
    ) -> None:
        self._clock = clock
        self._receiving = Receiving(members, vault, clock, calendar, notice_version)

    def record_delivery(self, session: Session, report: DeliveryReport) -> bool:
        """Keep a delivery report and apply what is new in it. False when no SMS of ours has its id yet."""
        return record_delivery(session, report, now=self._clock.now())

    def receive(self, session: Session, incoming: IncomingSms) -> Keyword | None:
        """Keep an SMS to us and do what it asks. None when it was received before."""
        return self._receiving.receive(session, incoming)
