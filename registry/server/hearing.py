"""Being told: events of registries, and their answers to what we asked. Each counts once."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Clock
from registry import codes
from registry.canonical import JsonMode, compact
from registry.connection import Connection
from registry.model import Identifier
from registry.server.endpoints import Endpoint
from registry.server.headers import is_id, zoned
from registry.server.holdings import Listener, ToldEnrolment
from registry.server.memory import first_hearing
from registry.server.model import MessageRefused, Received, Rejected
from registry.tables import DciQuestionRow

DEATH, NAME_CHANGE, POSTED = "death", "name_change", "contribution_posted"
# Registries write one event in many ways; compared without case, dashes and underscores.
_EVENTS = {
    "death": DEATH,
    "died": DEATH,
    "persondied": DEATH,
    "deathregistration": DEATH,
    "deathregistered": DEATH,
    "namechange": NAME_CHANGE,
    "namechanged": NAME_CHANGE,
    "changeofname": NAME_CHANGE,
    "contributionposted": POSTED,
}
_SPOKEN_BY = {DEATH: "civil", NAME_CHANGE: "civil", POSTED: "fund"}
# The registry that gathers enrolments is the central one.
ENROLMENTS_SPOKEN_BY = "fund"
ENROLMENT_STATUSES = ("active", "inactive")
_ENROLMENT_STATUSES = {"active": True, "enrolled": True, "inactive": False, "exited": False}
_BAD_PERSON = "rjct.person_id.invalid"
_LISTS = ("member_identifier", "identifier", "identifiers", "person_identifier")


class Hearing:
    """Turns what we are told into calls to the `listener`, by our names for what registries name otherwise.

    `connections`: those of the registries that a client may speak for.
    """

    def __init__(self, listener: Listener, clock: Clock, connections: Sequence[Connection]) -> None:
        self._listener = listener
        self._clock = clock
        self._connections = {connection.name: connection for connection in connections}

    def events(self, session: Session, received: Received, items: Sequence[Mapping[str, Any]]) -> None:
        """Hear a batch of events, all or none. Raises MessageRefused when one cannot be understood."""
        for item in items:
            self._event(session, received, item)

    def answer(self, session: Session, endpoint: Endpoint, received: Received) -> None:
        """Hear the answer to a question of ours. Raises MessageRefused when we asked no such thing."""
        question = session.scalar(
            select(DciQuestionRow)
            .where(
                DciQuestionRow.transaction_id == received.transaction_id,
                DciQuestionRow.connection == received.client.speaks_for,
            )
            .with_for_update()
        )
        if question is None or f"on-{question.action}" != endpoint.action.replace("txn-on-", "on-txn-"):
            raise MessageRefused("err.request.not_found", "nothing was asked under this transaction_id")
        if question.answered_at is not None:
            return
        question.answered_at = self._clock.now()
        question.answer = compact(dict(received.message), JsonMode.ASCII).decode()
        self._listener.settled(
            session, question.connection, question.purpose, question.subject, dict(received.message)
        )

    def enrolments(self, session: Session, received: Received) -> list[dict[str, str]]:
        """Hear who is enrolled in which programme, all or none; the answer repeats each word.

        So it tells nobody who is a member here. Raises Rejected when an entry cannot be understood, and when
        it is not this client's to tell.
        """
        if received.client.speaks_for != ENROLMENTS_SPOKEN_BY:
            raise Rejected("rjct.action.not_supported", "enrolments are not this client's to tell")
        updates = received.message.get("enrolled_updates")
        listed = updates.get("beneficiaries") if isinstance(updates, dict) else None
        if not isinstance(listed, list) or not listed:
            raise Rejected(_BAD_PERSON, "enrolled_updates.beneficiaries is a list")
        if len(listed) != received.header["total_count"]:
            raise Rejected("rjct.total_count.invalid", "total_count is the number of beneficiaries")
        told = [self._enrolment(received.client.speaks_for, entry) for entry in listed]
        for one in told:
            self._listener.enrolled(session, received.client.speaks_for, one)
        return [{"enrolled_status": "yes" if one.is_enrolled else "no"} for one in told]

    def _event(self, session: Session, received: Received, item: Mapping[str, Any]) -> None:
        reference_id, data = item.get("reference_id"), item.get("data")
        if not is_id(reference_id) or zoned(item.get("timestamp")) is None or not isinstance(data, dict):
            raise MessageRefused(codes.BAD_REQUEST, "an event has reference_id, timestamp with zone, data")
        event = self._known_event(received.client.speaks_for, data.get("reg_event_type"))
        if event is None:
            raise MessageRefused(codes.BAD_REQUEST, "this event is not known here")
        if received.client.speaks_for != _SPOKEN_BY[event]:
            raise MessageRefused(codes.FORBIDDEN, "this event is not this client's to tell")
        record = data.get("reg_records")
        record = record[0] if isinstance(record, list) and record else record
        if not isinstance(record, dict):
            raise MessageRefused(codes.BAD_REQUEST, "reg_records is one object")
        is_new = first_hearing(
            session,
            client_id=received.client.id,
            transaction_id=received.transaction_id,
            reference_id=str(reference_id),
            event=event,
            outcome="heard",
            now=self._clock.now(),
        )
        if is_new:
            self._pass_on(session, received, event, str(reference_id), record)

    def _pass_on(
        self, session: Session, received: Received, event: str, reference_id: str, record: dict[str, Any]
    ) -> None:
        source = received.client.speaks_for
        if event == POSTED:
            named = record.get("reference_id", reference_id)
            self._listener.posted(session, source, str(named)[:99])
            return
        known_types = self._listener.identifier_types
        identifiers = [one for one in self._identifiers(source, record) if one.type in known_types]
        if not identifiers:
            # Refused rather than taken: what was taken is not told again, and would be lost.
            raise MessageRefused(_BAD_PERSON, f"an identifier is one of {', '.join(sorted(known_types))}")
        told = self._listener.died if event == DEATH else self._listener.renamed
        for identifier in identifiers:
            told(session, source, identifier, record)

    def _enrolment(self, source: str, entry: Any) -> ToldEnrolment:
        member = entry.get("member") if isinstance(entry, dict) else None
        named = self._identifiers(source, member) if isinstance(member, dict) else []
        about = entry.get("programme_identifier") if isinstance(entry, dict) else None
        programme = about.get("programme") if isinstance(about, dict) else None
        code = programme.get("programme_identifier") if isinstance(programme, dict) else None
        status = _plain(about.get("enrolment_status")) if isinstance(about, dict) else ""
        if not named or not is_id(code) or status not in _ENROLMENT_STATUSES:
            raise Rejected(_BAD_PERSON, "a beneficiary has member_identifier, programme and enrolment_status")
        return ToldEnrolment(named, str(code).strip(), _ENROLMENT_STATUSES[status])

    def _known_event(self, source: str, given: Any) -> str | None:
        connection = self._connections.get(source)
        if connection is not None and isinstance(given, str):
            given = connection.our_event(given)
        return _EVENTS.get(_plain(given))

    def _identifiers(self, source: str, record: Mapping[str, Any]) -> list[Identifier]:
        connection = self._connections.get(source)
        found = []
        for kind, value in _written_identifiers(record):
            ours = connection.our_name(kind) if connection is not None else kind
            known = (name for name in self._listener.identifier_types if name.casefold() == ours.casefold())
            found.append(Identifier(next(known, ours), value))
        return found


def _written_identifiers(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    for name in _LISTS:
        listed = record.get(name)
        entries = listed if isinstance(listed, list) else [listed]
        found = []
        for entry in entries:
            if isinstance(entry, dict):
                kind = entry.get("identifier_type", entry.get("type"))
                value = entry.get("identifier_value", entry.get("value"))
                if isinstance(kind, str) and isinstance(value, str | int):
                    found.append((kind.strip()[:40], str(value).strip()[:99]))
        if found:
            return found
    return []


def _plain(value: Any) -> str:
    return (
        value.casefold().replace("_", "").replace("-", "").replace(" ", "") if isinstance(value, str) else ""
    )
