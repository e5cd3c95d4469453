"""The DCI server, free of any web framework: bytes and a bearer in, a reply out."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from sqlalchemy.orm import Session

from core import outbox
from core.clock import Clock
from core.database import Sessions
from registry import codes
from registry.canonical import JsonMode, compact
from registry.codes import Status
from registry.envelope import written
from registry.server import bearer, memory
from registry.server.clients import prove_client
from registry.server.endpoints import BY_PATH, Endpoint
from registry.server.enrolling import Enrolling
from registry.server.headers import check_header, id_or_empty
from registry.server.hearing import Hearing
from registry.server.model import (
    MessageRefused,
    Received,
    Rejected,
    Reply,
    Scope,
    TransportRefused,
)
from registry.server.rates import Rates
from registry.server.receiving import Gate
from registry.server.replies import Replies
from registry.server.searching import Searching
from registry.server.status import status_of
from registry.server.subscribing import Subscribing

CALLBACK_TOPIC = "dci_callback"
TOKENS_PER_MINUTE = 60


class DciServer:
    """One method for tokens and one for messages. Threads may share it."""

    def __init__(
        self,
        sessions: Sessions,
        *,
        gate: Gate,
        replies: Replies,
        searching: Searching,
        enrolling: Enrolling,
        subscribing: Subscribing,
        hearing: Hearing,
        tokens: bearer.Tokens,
        rates: Rates,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._gate = gate
        self._replies = replies
        self._searching = searching
        self._enrolling = enrolling
        self._subscribing = subscribing
        self._hearing = hearing
        self._tokens = tokens
        self._rates = rates
        self._clock = clock

    def token(self, form: Mapping[str, str]) -> Reply:
        """OAuth 2 client credentials (RFC 6749 section 4.4), errors in that standard's words."""
        client_id = form.get("client_id", "")[:99]
        if form.get("grant_type") != "client_credentials":
            return _oauth(HTTPStatus.BAD_REQUEST, {"error": "unsupported_grant_type"})
        if "\x00" in client_id:
            return _oauth(HTTPStatus.UNAUTHORIZED, {"error": "invalid_client"})
        with self._sessions.begin() as session:
            client = prove_client(session, client_id, form.get("client_secret", ""))
        if client is None:
            return _oauth(HTTPStatus.UNAUTHORIZED, {"error": "invalid_client"})
        # Counted once it is proven who asks: who only knows a client's id cannot use up its tokens.
        wait_seconds = self._rates.wait_seconds(f"dci-token:{client.id}", TOKENS_PER_MINUTE)
        if wait_seconds:
            return _oauth(HTTPStatus.TOO_MANY_REQUESTS, {"error": "temporarily_unavailable"}, wait_seconds)
        wanted = set(form.get("scope", "").split()) or set(client.scopes)
        if not wanted <= set(client.scopes):
            return _oauth(HTTPStatus.BAD_REQUEST, {"error": "invalid_scope"})
        scopes = frozenset(Scope(scope) for scope in wanted)
        answer = {
            "access_token": self._tokens.issue(client.id, scopes, self._clock.now()),
            "token_type": "Bearer",
            "expires_in": bearer.LIFE_SECONDS,
            "scope": " ".join(sorted(scopes)),
        }
        return _oauth(HTTPStatus.OK, answer)

    def handle(self, path: str, raw: bytes, authorization: str) -> Reply:
        """Answer one message posted to `path`, one of `endpoints.ENDPOINTS`."""
        endpoint = BY_PATH[path]
        try:
            received = self._gate.admit(endpoint, raw, authorization)
            return self._obeyed(endpoint, received)
        except TransportRefused as refused:
            return self._replies.transport_error(refused)
        except MessageRefused as refused:
            return self._replies.err(refused)

    def _obeyed(self, endpoint: Endpoint, received: Received) -> Reply:
        now = self._clock.now()
        reason: Rejected | MessageRefused
        with self._sessions.begin() as session:
            try:
                memory.remember(
                    session,
                    received.correlation_id,
                    client_id=received.client.id,
                    message_id=received.message_id,
                    action=endpoint.action,
                    transaction_id=received.transaction_id,
                    now=now,
                )
            except Rejected as error:
                return self._rejected(endpoint, received, error)
            try:
                check_header(received.header, endpoint.action, now)
                # What was done is undone when the message is refused; that it came stays remembered.
                with session.begin_nested():
                    return self._done(session, endpoint, received)
            except (Rejected, MessageRefused) as error:
                reason = error
            memory.answered(session, received.correlation_id, Status.REJECTED, [], now)
        if isinstance(reason, Rejected):
            return self._rejected(endpoint, received, reason)
        return self._replies.err(reason)

    def _rejected(self, endpoint: Endpoint, received: Received, reason: Rejected) -> Reply:
        if not endpoint.is_sync:
            return self._replies.err(reason)
        message: dict[str, Any] = {
            "transaction_id": received.transaction_id,
            "correlation_id": str(received.correlation_id),
        }
        if endpoint.answers:
            message[endpoint.answers] = []
        return self._replies.envelope(received, message, reason=reason)

    def _done(self, session: Session, endpoint: Endpoint, received: Received) -> Reply:
        match endpoint.path:
            case "sync/search":
                message = self.search_message(session, received.correlation_id, received.message, received)
                return self._replies.envelope(received, message)
            case "sync/enrolled":
                return self._replies.envelope(received, self._enrolled_message(session, received))
            case "sync/enrollment/updates":
                return self._replies.envelope(received, self._enrolments_message(session, received))
            case "sync/txn/status":
                return self._replies.envelope(received, self._status_message(session, received))
            case "search":
                self._later(session, endpoint, received, dict(received.message), items_of(endpoint, received))
            case "subscribe":
                self._subscribe(session, endpoint, received)
            case "unsubscribe":
                self._unsubscribe(session, endpoint, received)
            case "txn/status":
                self._later(session, endpoint, received, self._status_message(session, received), [])
            case "notify":
                self._hearing.events(session, received, items_of(endpoint, received))
                self._settled(session, received)
            case _:
                self._hearing.answer(session, endpoint, received)
                self._settled(session, received)
        return self._replies.ack(received.correlation_id)

    def search_message(
        self, session: Session, correlation_id: Any, asked: Mapping[str, Any], received: Received | None
    ) -> dict[str, Any]:
        """The answer to a search, its outcome remembered. Raises Rejected when the batch does not add up."""
        endpoint = BY_PATH["search"]
        items = items_of(endpoint, received) if received else asked[endpoint.batch]
        answers = self._searching.answer(session, items)
        results = [{key: value for key, value in item.items() if key != "data"} for item in answers]
        memory.answered(session, correlation_id, Status.SUCCEEDED, results, self._clock.now())
        return {
            "transaction_id": asked["transaction_id"],
            "correlation_id": str(correlation_id),
            "search_response": answers,
        }

    def _enrolled_message(self, session: Session, received: Received) -> dict[str, Any]:
        if received.header["total_count"] != 1:
            raise Rejected("rjct.total_count.invalid", "one person is asked about at a time")
        return self._enrolled_response(session, received, [self._enrolling.answer(session, received.message)])

    def _enrolments_message(self, session: Session, received: Received) -> dict[str, Any]:
        return self._enrolled_response(session, received, self._hearing.enrolments(session, received))

    def _enrolled_response(
        self, session: Session, received: Received, entries: list[dict[str, str]]
    ) -> dict[str, Any]:
        now = self._clock.now()
        # What was answered is not kept: only that something was, for who asks for the status of the message.
        outcome = {"status": Status.SUCCEEDED, "timestamp": written(now)}
        memory.answered(session, received.correlation_id, Status.SUCCEEDED, [outcome], now)
        return self._about(received) | {"enrolled_response": entries}

    def _subscribe(self, session: Session, endpoint: Endpoint, received: Received) -> None:
        items = items_of(endpoint, received)
        address = callback_address(received)
        entries = self._subscribing.subscribe(session, received.client, items, address)
        message = self._about(received) | {"subscribe_response": entries}
        self._later(session, endpoint, received, message, entries)

    def _unsubscribe(self, session: Session, endpoint: Endpoint, received: Received) -> None:
        entries = self._subscribing.unsubscribe(session, received.client, received.message)
        refused = [entry for entry in entries if entry["status"] == Status.REJECTED]
        message = self._about(received) | {
            "timestamp": written(self._clock.now()),
            "status": Status.REJECTED if len(refused) == len(entries) else Status.SUCCEEDED,
            "subscriptions": entries,
        }
        self._later(session, endpoint, received, message, entries)

    def _status_message(self, session: Session, received: Received) -> dict[str, Any]:
        answer = status_of(session, received.client, received.message)
        return self._about(received) | {"txnstatus_response": answer}

    def _about(self, received: Received) -> dict[str, Any]:
        return {
            "transaction_id": received.transaction_id,
            "correlation_id": str(received.correlation_id),
        }

    def _later(
        self,
        session: Session,
        endpoint: Endpoint,
        received: Received,
        body: Mapping[str, Any],
        items: list[dict[str, Any]],
    ) -> None:
        """Answer by a call: the search itself, or the answer that is ready, waits in the outbox."""
        row = memory.keep_for_later(
            session,
            received.correlation_id,
            compact(dict(body), JsonMode.ASCII).decode(),
            callback_address(received),
        )
        waiting = endpoint.action == "search"
        row.results = [_outline(item, waiting=waiting) for item in items]
        outbox.add(
            session,
            CALLBACK_TOPIC,
            str(received.correlation_id),
            {"message": str(received.correlation_id)},
            now=self._clock.now(),
        )

    def _settled(self, session: Session, received: Received) -> None:
        memory.answered(session, received.correlation_id, Status.SUCCEEDED, [], self._clock.now())


def items_of(endpoint: Endpoint, received: Received) -> list[dict[str, Any]]:
    """The batch in a message, as many as its header counts. Raises MessageRefused, Rejected."""
    items = received.message.get(endpoint.batch)
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise MessageRefused(codes.BAD_REQUEST, f"message.{endpoint.batch} is a list of objects")
    if len(items) != received.header["total_count"]:
        raise Rejected("rjct.total_count.invalid", f"total_count is not the number of items, {len(items)}")
    return items


def callback_address(received: Received) -> str:
    """Where the caller wants its answer. Raises MessageRefused when it never told."""
    address = str(received.header.get("sender_uri") or received.client.callback_base)
    if not address:
        raise MessageRefused("err.sender_uri.invalid", "no address is known to which to answer")
    return address.rstrip("/")


def _outline(item: Mapping[str, Any], *, waiting: bool) -> dict[str, Any]:
    """An item without what was in it."""
    if waiting:
        return {"reference_id": id_or_empty(item.get("reference_id")), "status": Status.PENDING}
    return dict(item)


def _oauth(status: HTTPStatus, body: Mapping[str, Any], retry_seconds: int | None = None) -> Reply:
    return Reply(status, json.dumps(body).encode(), retry_seconds)
