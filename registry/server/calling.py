"""Calling others: answers to what they asked, and the events they subscribed to, from the outbox."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from core import outbox
from core.clock import Clock
from core.database import Sessions
from core.errors import KibabaError
from core.ids import new_id
from core.outbox import Later, Task
from registry.envelope import written
from registry.http_answers import Outcome
from registry.model import Identifier
from registry.outcomes import Answered
from registry.server import memory
from registry.server.clients import find_client
from registry.server.endpoints import ANSWER_PATHS, ANSWERS
from registry.server.holdings import Holdings
from registry.server.model import Client, Scope
from registry.server.replies import Replies
from registry.server.searching import REG_TYPES, contribution_record, membership_record
from registry.server.server import CALLBACK_TOPIC, DciServer
from registry.server.subscribing import CONTRIBUTION_RECEIVED, EVENTS, MEMBER_JOINED, subscribers
from registry.tables import DciMessageRow, DciSubscriptionRow

_GIVEN_UP_AFTER = timedelta(days=3)
_PAUSE_SECONDS_MAX = 900.0
# An answer's message id follows from what it answers: every attempt carries the same.
_NAMES = uuid.UUID("6f1f0f4e-6b0c-4a53-9a1e-1d0c5d3f7a10")

Post = Callable[[str, bytes], Outcome]


class NeverDelivered(KibabaError):  # noqa: N818 -- it names what happened to the call
    """A client could not be reached for three days, or may not be told any more."""

    code = "dci_callback_given_up"


@dataclass(frozen=True, slots=True)
class _Letter:
    url: str
    body: bytes


class CallingBack:
    """Handles topic `dci_callback`. `post` sends bytes to an address and never raises."""

    def __init__(
        self,
        sessions: Sessions,
        server: DciServer,
        holdings: Holdings,
        replies: Replies,
        post: Post,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._server = server
        self._holdings = holdings
        self._replies = replies
        self._post = post
        self._clock = clock

    def run(self, task: Task) -> Later | None:
        """Deliver one letter. Raises NeverDelivered when it is time to give up."""
        with self._sessions.begin() as session:
            letter = (
                self._answer(session, uuid.UUID(task.payload["message"]))
                if "message" in task.payload
                else self._event(session, task.payload)
            )
        if letter is None:
            return None
        # No transaction is open during the call.
        outcome = self._post(letter.url, letter.body)
        if isinstance(outcome, Answered):
            if "message" in task.payload:
                with self._sessions.begin() as session:
                    memory.delivered(session, uuid.UUID(task.payload["message"]), self._clock.now())
            return None
        if self._clock.now() - task.created_at > _GIVEN_UP_AFTER:
            raise NeverDelivered
        reason = getattr(outcome, "reason", None) or getattr(outcome, "code", "")
        pause = outcome.retry_seconds or min(_PAUSE_SECONDS_MAX, 2.0 ** min(task.attempt, 10))
        return Later(pause, str(reason))

    def _answer(self, session: Session, correlation_id: uuid.UUID) -> _Letter | None:
        row = session.get(DciMessageRow, correlation_id)
        if row is None or row.body is None:
            return None
        _check_callable(find_client(session, row.client_id), row.callback_url)
        message: dict[str, Any] = json.loads(row.body)
        if row.action == "search":
            body = row.body
            message = self._server.search_message(session, row.id, message, None)
            # Kept until it is delivered; an attempt that fails asks our books again.
            row.body = body
        return _Letter(
            f"{row.callback_url}/registry/{ANSWER_PATHS[row.action]}",
            self._replies.sealed(
                ANSWERS[row.action],
                message,
                message_id=uuid.uuid5(_NAMES, str(row.id)),
                receiver_id=row.client_id,
                total_count=max(1, len(row.results)),
            ),
        )

    def _event(self, session: Session, payload: Mapping[str, Any]) -> _Letter | None:
        subscription = session.get(DciSubscriptionRow, uuid.UUID(payload["subscription"]))
        if subscription is None or subscription.ended_at is not None:
            return None
        client = find_client(session, subscription.client_id)
        _check_callable(client, subscription.callback_url, Scope.SUBSCRIBE)
        events = list(self._records(session, payload))
        if not events:
            return None
        now = written(self._clock.now())
        record_type = EVENTS[subscription.event]
        message = {
            "transaction_id": payload["transaction_id"],
            "notify_event": [
                {
                    "reference_id": reference_id,
                    "timestamp": now,
                    "data": {
                        "version": "1.0.0",
                        "reg_type": REG_TYPES[record_type],
                        "reg_event_type": subscription.event,
                        "reg_record_type": record_type,
                        "response_entity": "Member",
                        "reg_records": record,
                    },
                    "locale": "eng",
                }
                for reference_id, record in events
            ],
        }
        body = self._replies.sealed(
            "notify",
            message,
            message_id=uuid.UUID(payload["message_id"]),
            receiver_id=subscription.client_id,
            total_count=len(events),
        )
        return _Letter(f"{subscription.callback_url}/registry/notify", body)

    def _records(self, session: Session, payload: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        if "member_id" in payload:
            membership = self._holdings.membership_of(session, uuid.UUID(payload["member_id"]))
            return [(payload["member_id"], membership_record(membership))] if membership else []
        wanted = set(payload["references"])
        return [
            (record.reference_id, contribution_record(record, _number(record.member_identifier)))
            for _, record in self._holdings.posted_in(session, uuid.UUID(payload["batch"]))
            if record.reference_id in wanted
        ]


class Announcing:
    """Handles topic `dci_event`: finds who subscribed, and puts a letter for each into the outbox."""

    def __init__(self, sessions: Sessions, holdings: Holdings, clock: Clock) -> None:
        self._sessions = sessions
        self._holdings = holdings
        self._clock = clock

    def run(self, task: Task) -> Later | None:
        with self._sessions.begin() as session:
            if "member_id" in task.payload:
                self._joined(session, task.payload["member_id"])
            else:
                self._received(session, task.payload["transaction_id"])
        return None

    def _joined(self, session: Session, member_id: str) -> None:
        subject = self._holdings.subject_of(session, uuid.UUID(member_id))
        if subject is None:
            return
        for subscription in subscribers(session, MEMBER_JOINED, subject, self._clock.now()):
            self._put(session, subscription, f"joined:{member_id}", {"member_id": member_id})

    def _received(self, session: Session, batch: str) -> None:
        now = self._clock.now()
        chosen: dict[uuid.UUID, tuple[DciSubscriptionRow, list[str]]] = {}
        known: dict[str, list[DciSubscriptionRow]] = {}
        for subject, record in self._holdings.posted_in(session, uuid.UUID(batch)):
            if subject not in known:
                known[subject] = list(subscribers(session, CONTRIBUTION_RECEIVED, subject, now))
            for subscription in known[subject]:
                chosen.setdefault(subscription.code, (subscription, []))[1].append(record.reference_id)
        for subscription, references in chosen.values():
            self._put(
                session, subscription, f"contributions:{batch}", {"batch": batch, "references": references}
            )

    def _put(
        self, session: Session, subscription: DciSubscriptionRow, occasion: str, what: Mapping[str, Any]
    ) -> None:
        payload = {
            "subscription": str(subscription.code),
            "transaction_id": str(new_id()),
            "message_id": str(new_id()),
            **what,
        }
        outbox.add(
            session,
            CALLBACK_TOPIC,
            f"{subscription.code}:{occasion}",
            payload,
            now=self._clock.now(),
            order_key=f"dci:{subscription.code}",
        )


def _check_callable(client: Client | None, address: str, *needed: Scope) -> None:
    """Raises NeverDelivered for what was agreed when the call was promised and is withdrawn by now."""
    if client is None or not client.scopes.issuperset(needed) or not client.may_be_called_at(address):
        raise NeverDelivered


def _number(member: Identifier) -> Identifier:
    return Identifier("NSSF_NO", member.value)
