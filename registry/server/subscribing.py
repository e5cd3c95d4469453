"""Subscriptions: who is told of which event of whom, and until when."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import InvalidValue
from core.ids import new_id
from registry.codes import Status
from registry.envelope import written
from registry.server.headers import VERSION, id_or_empty, is_id, is_locale, zoned
from registry.server.holdings import Holdings
from registry.server.model import Client, MessageRefused, Rejected
from registry.server.queries import identifier_of, reference_id_of
from registry.server.searching import rejection
from registry.tables import DciSubscriptionRow

CONTRIBUTION_RECEIVED = "ContributionReceived"
MEMBER_JOINED = "MemberJoined"
# The record type that each event carries.
EVENTS = {CONTRIBUTION_RECEIVED: "Contribution", MEMBER_JOINED: "Membership"}
_CODES_MAX = 1000
_DETAILS = "rjct.notify_details.invalid"
# Who writes an end as far off as this means that there is none.
_ENDLESS_YEAR = 9000
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Asked:
    reference_id: str
    event: str
    subject: str
    until: datetime | None


class Subscribing:
    """Adds and ends subscriptions."""

    def __init__(self, holdings: Holdings, clock: Clock) -> None:
        self._holdings = holdings
        self._clock = clock

    def subscribe(
        self, session: Session, client: Client, items: Sequence[Mapping[str, Any]], callback_url: str
    ) -> list[Item]:
        """One entry of `subscribe_response` for each item."""
        return [self._subscribe_one(session, client, item, callback_url) for item in items]

    def unsubscribe(self, session: Session, client: Client, message: Mapping[str, Any]) -> list[Item]:
        """One entry for each code. Raises Rejected when there is no list of codes."""
        return [self._end(session, client, code) for code in codes_of(message)]

    def _subscribe_one(
        self, session: Session, client: Client, item: Mapping[str, Any], callback_url: str
    ) -> Item:
        now = self._clock.now()
        head = {"reference_id": id_or_empty(item.get("reference_id")), "timestamp": written(now)}
        try:
            asked = self._read(session, item)
            _end_what_tells_nobody(session, client, asked, now)
            code = self._insert(session, client, asked, callback_url, now)
        except Rejected as error:
            return head | rejection(error)
        entry = {"code": str(code), "status": "subscribe", "timestamp": written(now)}
        return head | {"status": Status.SUCCEEDED, "subscriptions": [entry]}

    def _read(self, session: Session, item: Mapping[str, Any]) -> _Asked:
        reference_id = reference_id_of(item)
        if zoned(item.get("timestamp")) is None:
            raise Rejected("rjct.timestamp.invalid", "timestamp is an instant with its time zone")
        criteria = item.get("subscribe_criteria")
        if not isinstance(criteria, dict) or not is_locale(item.get("locale", "eng")):
            raise Rejected(_DETAILS, "subscribe_criteria is an object, locale three lower-case letters")
        if criteria.get("version", VERSION) != VERSION:
            raise Rejected(_DETAILS, f"version {VERSION} is spoken here")
        event = criteria.get("reg_event_type")
        if not isinstance(event, str) or event not in EVENTS:
            raise Rejected("rjct.notify_types.invalid", f"events are {', '.join(EVENTS)}")
        if criteria.get("notify_record_type") != EVENTS[event]:
            raise Rejected(_DETAILS, f"the record of {event} is {EVENTS[event]}")
        subject = self._subject(session, criteria.get("filter"))
        return _Asked(reference_id, event, subject, _until(criteria.get("frequency")))

    def _subject(self, session: Session, wanted: Any) -> str:
        if isinstance(wanted, dict) and wanted.get("type") == "programme":
            if wanted.get("value") != self._holdings.programme:
                raise Rejected(_DETAILS, f"the programme here is {self._holdings.programme}")
            return ""
        member = identifier_of(wanted, _DETAILS)
        try:
            subject = self._holdings.subject(session, member)
        except InvalidValue as error:
            raise Rejected("rjct.person_id.invalid", str(error)) from error
        if subject is None:
            raise Rejected("rjct.person_id.invalid", "nobody here has this identifier")
        return hashlib.sha256(subject.encode()).hexdigest()

    def _insert(
        self, session: Session, client: Client, asked: _Asked, callback_url: str, now: datetime
    ) -> uuid.UUID:
        statement = (
            insert(DciSubscriptionRow)
            .values(
                code=new_id(),
                client_id=client.id,
                event=asked.event,
                subject=asked.subject,
                callback_url=callback_url,
                until=asked.until,
                created_at=now,
            )
            .on_conflict_do_nothing()
            .returning(DciSubscriptionRow.code)
        )
        code = session.scalar(statement)
        if code is None:
            raise Rejected("rjct.event.already_subscribed", "there is such a subscription already")
        return code

    def _end(self, session: Session, client: Client, code: str) -> Item:
        now = self._clock.now()
        head = {"code": code, "timestamp": written(now)}
        row = session.get(DciSubscriptionRow, _uuid(code), with_for_update=True) if _uuid(code) else None
        if row is None:
            unknown = Rejected("rjct.subscription_code.invalid", "there is no such subscription")
            return head | rejection(unknown)
        if row.client_id != client.id:
            return head | rejection(Rejected("rjct.requester.invalid", "the subscription is another's"))
        if row.ended_at is not None:
            over = Rejected("rjct.event.already_unsubscribed", "the subscription has ended")
            return head | rejection(over)
        row.ended_at = now
        return head | {"status": Status.SUCCEEDED}


def subscribers(session: Session, event: str, subject: str, now: datetime) -> Sequence[DciSubscriptionRow]:
    """Live subscriptions to an event of the member with this subject, or of everybody."""
    names = ["", hashlib.sha256(subject.encode()).hexdigest()] if subject else [""]
    return session.scalars(
        select(DciSubscriptionRow)
        .where(
            DciSubscriptionRow.event == event,
            DciSubscriptionRow.subject.in_(names),
            DciSubscriptionRow.ended_at.is_(None),
            DciSubscriptionRow.until.is_(None) | (DciSubscriptionRow.until > now),
        )
        .order_by(DciSubscriptionRow.code)
    ).all()


def _end_what_tells_nobody(session: Session, client: Client, asked: _Asked, now: datetime) -> None:
    """End what the client has of this, if its end has come or it is at an address of before: it tells no
    more, and is in the way of the new.
    """
    live = select(DciSubscriptionRow).where(
        DciSubscriptionRow.client_id == client.id,
        DciSubscriptionRow.event == asked.event,
        DciSubscriptionRow.subject == asked.subject,
        DciSubscriptionRow.ended_at.is_(None),
    )
    row = session.scalar(live.with_for_update())
    if row is None:
        return
    is_over = row.until is not None and row.until <= now
    if is_over or not client.may_be_called_at(row.callback_url):
        row.ended_at = now
        # Before the new one: only one may live.
        session.flush()


def codes_of(message: Mapping[str, Any]) -> list[str]:
    """The subscription codes of a message, also under the name that the specification misspells."""
    given = message.get("subscription_codes", message.get("sunscription_codes"))
    if not isinstance(given, list) or not 0 < len(given) <= _CODES_MAX:
        raise MessageRefused("err.request.bad", "subscription_codes is a list")
    if not all(map(is_id, given)):
        raise MessageRefused("err.request.bad", "subscription_codes are texts of 1 to 99 characters")
    return given


def _until(frequency: Any) -> datetime | None:
    if frequency is None:
        return None
    if not isinstance(frequency, dict):
        raise Rejected(_DETAILS, "frequency is an object")
    if frequency.get("end_time") is None:
        return None
    read = zoned(frequency["end_time"])
    if read is None:
        raise Rejected(_DETAILS, "end_time is an instant with its time zone")
    return read if read.year < _ENDLESS_YEAR else None


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
