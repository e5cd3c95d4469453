"""The DCI client: asks and tells a registry, and turns whatever comes back into an outcome."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import ValidationError
from redis import Redis

from core.clock import Clock, SystemClock
from core.errors import InvalidValue
from core.ids import new_id
from core.shared_token import TokenCache
from registry import codes
from registry.breaker import Breaker, Pace
from registry.connection import Connection, ReplySignatures
from registry.envelope import Envelope, Envelopes, Sealed
from registry.http_answers import Outcome
from registry.keys import RemoteKeys, SigningKey
from registry.later_answers import read_enrolled, read_status
from registry.model import (
    Acknowledged,
    Enrolled,
    Enrollee,
    Event,
    Identifier,
    Records,
    Search,
    Subscription,
    TxnStatus,
)
from registry.outcomes import Refused, Unavailable, Unclear
from registry.questions import (
    enrolled_message,
    enrollment_message,
    notify_message,
    search_message,
    status_message,
    subscribe_message,
    unsubscribe_message,
)
from registry.signature import BadSignature
from registry.transport import Transport
from registry.wire import AckRead, SearchItemRead, SearchRead

# What may become of a message that is not answered at once.
Told = Acknowledged | Refused | Unavailable | Unclear

_log = logging.getLogger(__name__)


class DciClient:
    """A client of one registry. May be shared by threads; holds pooled connections until `close`."""

    def __init__(
        self,
        connection: Connection,
        transport: Transport,
        envelopes: Envelopes,
        clock: Clock,
        *,
        breaker: Breaker | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.connection = connection
        self.clock = clock
        self.breaker = breaker or Breaker(connection.name)
        self._pace = pace or Pace(connection.name, connection.calls_per_second)
        self._transport = transport
        self._envelopes = envelopes

    @classmethod
    def open(
        cls,
        connection: Connection,
        tokens: TokenCache,
        *,
        signing_key: SigningKey | None = None,
        clock: Clock | None = None,
        redis: Redis | None = None,
    ) -> Self:
        """A client with its own connection pool. Raises InvalidValue when it must sign and has no key.

        With `redis` all processes share what they know of the registry's health and how often it is called.
        """
        clock = clock or SystemClock()
        transport = Transport(connection, tokens, clock)
        checks = connection.reply_signatures is not ReplySignatures.IGNORED
        envelopes = Envelopes(
            connection,
            clock,
            signing_key=signing_key,
            remote_keys=RemoteKeys(transport.read_jwks) if checks else None,
        )
        breaker = Breaker(connection.name, redis)
        pace = Pace(connection.name, connection.calls_per_second, redis)
        return cls(connection, transport, envelopes, clock, breaker=breaker, pace=pace)

    def close(self) -> None:
        """Give the pooled connections back."""
        self._transport.close()

    def sync_search(self, search: Search) -> Records | Refused | Unavailable:
        """Ask one question and wait for its answer."""
        transaction_id, reference_id = str(new_id()), str(new_id())
        message = search_message(
            search,
            self.connection,
            transaction_id=transaction_id,
            reference_id=reference_id,
            now=self.clock.now(),
        )
        sealed = self._envelopes.seal("search", message, total_count=1)
        envelope = self._exchange(self.connection.paths.sync_search, sealed)
        outcome = (
            _records(envelope, search, transaction_id, reference_id)
            if isinstance(envelope, Envelope)
            else envelope
        )
        consent = search.consent.code if search.consent else ""
        self._note("search", sealed, transaction_id, consent, outcome)
        return outcome

    def notify(self, transaction_id: str, events: Sequence[Event]) -> Told:
        """Tell of events. The message id is new each time; transaction and reference ids are the caller's.

        `Unavailable` here means that nothing arrived; whenever something may have, the outcome is `Unclear`.
        """
        message = notify_message(events, self.connection, transaction_id=transaction_id, now=self.clock.now())
        return self._tell("notify", self.connection.paths.notify, message, transaction_id, len(events))

    def search(self, transaction_id: str, reference_id: str, search: Search) -> Told:
        """Ask a question that is answered later, at the connection's `callback_url`."""
        message = search_message(
            search,
            self.connection,
            transaction_id=transaction_id,
            reference_id=reference_id,
            now=self.clock.now(),
        )
        return self._tell("search", self.connection.paths.search, message, transaction_id, 1)

    def subscribe(self, transaction_id: str, wishes: Sequence[Subscription]) -> Told:
        """Ask to be told of events; the codes of the subscriptions come later, by a call to us."""
        message = subscribe_message(
            wishes, self.connection, transaction_id=transaction_id, now=self.clock.now()
        )
        return self._tell("subscribe", self.connection.paths.subscribe, message, transaction_id, len(wishes))

    def unsubscribe(self, transaction_id: str, subscription_codes: Sequence[str]) -> Told:
        """End subscriptions."""
        message = unsubscribe_message(
            subscription_codes, self.connection, transaction_id=transaction_id, now=self.clock.now()
        )
        count = len(subscription_codes)
        return self._tell("unsubscribe", self.connection.paths.unsubscribe, message, transaction_id, count)

    def txn_status(
        self, txn_type: str, attribute_type: str, value: str | Sequence[str]
    ) -> TxnStatus | Refused | Unavailable:
        """Ask, and wait for the answer, what became of a search, subscription or its end."""
        transaction_id = str(new_id())
        message = status_message(
            txn_type,
            attribute_type,
            value,
            self.connection,
            transaction_id=transaction_id,
            reference_id=str(new_id()),
        )
        answer = self._ask("txn-status", self.connection.paths.sync_txn_status, message, transaction_id, 1)
        if isinstance(answer, Refused | Unavailable):
            return answer
        return read_status(answer)

    def sync_enrolled(self, identifier: Identifier, programme: str = "") -> Enrolled | Refused | Unavailable:
        """Whether an integrated beneficiary registry knows this person as enrolled."""
        transaction_id = str(new_id())
        message = enrolled_message(identifier, programme, self.connection, transaction_id=transaction_id)
        answer = self._ask("search", self.connection.paths.sync_enrolled, message, transaction_id, 1)
        return answer if isinstance(answer, Refused | Unavailable) else read_enrolled(answer)

    def enrollment_updates(
        self, transaction_id: str, people: Sequence[Enrollee]
    ) -> Enrolled | Refused | Unavailable:
        """Tell an integrated beneficiary registry of members; it answers at once."""
        message = enrollment_message(people, self.connection, transaction_id=transaction_id)
        path = self.connection.paths.enrollment_updates
        answer = self._ask("notify", path, message, transaction_id, len(people))
        return answer if isinstance(answer, Refused | Unavailable) else read_enrolled(answer)

    def _ask(
        self, action: str, path: str, message: Mapping[str, Any], transaction_id: str, total_count: int
    ) -> Mapping[str, Any] | Refused | Unavailable:
        sealed = self._envelopes.seal(action, message, total_count=total_count)
        envelope = self._exchange(path, sealed)
        answer: Mapping[str, Any] | Refused | Unavailable
        answer = (_refused(envelope) or envelope.message) if isinstance(envelope, Envelope) else envelope
        self._note(action, sealed, transaction_id, "", answer)
        return answer

    def _tell(
        self, action: str, path: str, message: Mapping[str, Any], transaction_id: str, total_count: int
    ) -> Told:
        sealed = self._envelopes.seal(
            action, message, total_count=total_count, answered_later=action != "notify"
        )
        envelope = self._exchange(path, sealed)
        outcome: Acknowledged | Refused | Unavailable | Unclear
        if isinstance(envelope, Envelope):
            outcome = _acknowledged(envelope)
        elif isinstance(envelope, Unavailable) and envelope.may_have_arrived:
            outcome = Unclear(envelope.reason, envelope.retry_seconds)
        else:
            outcome = envelope
        if isinstance(outcome, Refused) and codes.code_named(outcome.code).seen_before:
            outcome = Unclear(outcome.code, outcome.retry_seconds)
        self._note(action, sealed, transaction_id, "", outcome)
        return outcome

    def _exchange(self, path: str, sealed: Sealed) -> Envelope | Refused | Unavailable:
        answer = self._posted(path, sealed)
        if isinstance(answer, Refused | Unavailable):
            return answer
        try:
            return self._envelopes.open(answer.body)
        except BadSignature as error:
            return Unavailable(error.code)
        except InvalidValue:
            return Unavailable("answer_unreadable")
        except OSError:
            return Unavailable("keys_unavailable")

    def _posted(self, path: str, sealed: Sealed) -> Outcome:
        wait_seconds = self.breaker.wait_seconds()
        if wait_seconds:
            return Unavailable("circuit_open", wait_seconds, may_have_arrived=False)
        self._pace.take()
        answer = self._transport.post(path, sealed.body)
        # A call that the registry does not know says nothing about its health.
        if isinstance(answer, Unavailable) and not answer.reason.startswith("http_4"):
            self.breaker.failed(answer.retry_seconds)
        else:
            self.breaker.succeeded()
        return answer

    def _note(self, action: str, sealed: Sealed, transaction_id: str, consent: str, outcome: object) -> None:
        _log.info(
            "registry=%s action=%s message_id=%s transaction_id=%s consent=%s outcome=%s",
            self.connection.name,
            action,
            sealed.message_id,
            transaction_id,
            consent,
            _in_a_word(outcome),
        )


def _records(
    envelope: Envelope, search: Search, transaction_id: str, reference_id: str
) -> Records | Refused | Unavailable:
    refused = _refused(envelope)
    if refused is not None:
        return refused
    try:
        answer = SearchRead.model_validate(envelope.message)
    except ValidationError:
        return Unavailable("answer_unreadable")
    if answer.transaction_id not in {"", transaction_id}:
        return Unavailable("answer_to_another_question")
    items = [item for item in answer.search_response if item.reference_id in {"", reference_id}]
    if len(items) != 1:
        return Unavailable("answer_to_another_question")
    return _page(items[0], search)


def _page(item: SearchItemRead, search: Search) -> Records | Refused | Unavailable:
    if item.status == codes.Status.REJECTED:
        return Refused.because(item.status_reason_code or codes.NO_CODE, item.status_reason_message)
    if item.status in {codes.Status.PENDING, codes.Status.RECEIVED}:
        return Unavailable("answer_pending")
    page = item.pagination
    return Records(
        records=item.data.reg_records if item.data else [],
        total_count=page.total_count if page else None,
        page_number=(page.page_number if page else None) or search.page_number,
    )


def _acknowledged(envelope: Envelope) -> Acknowledged | Refused | Unclear:
    refused = _refused(envelope)
    if refused is not None:
        return refused
    try:
        ack = AckRead.model_validate(envelope.message)
    except ValidationError:
        return Unclear("answer_unreadable")
    if ack.ack_status == "ack":
        return Acknowledged(ack.correlation_id)
    # NACK: valid, but no further word will come. Only reading back tells what became of it.
    return Unclear("nack" if ack.ack_status == "nack" else "answer_unreadable")


def _refused(envelope: Envelope) -> Refused | None:
    header = envelope.header
    if header.is_msg_encrypted:
        return Refused.because(codes.ENCRYPTION_INVALID, "the answer is encrypted")
    if header.status == codes.Status.REJECTED:
        return Refused.because(header.status_reason_code or codes.NO_CODE, header.status_reason_message)
    if "ack_status" not in envelope.message:
        return None
    try:
        ack = AckRead.model_validate(envelope.message)
    except ValidationError:
        return None
    if ack.ack_status != "err":
        return None
    code, words = (ack.error.code, ack.error.message) if ack.error else ("", "")
    return Refused.because(code or codes.NO_CODE, words)


def _in_a_word(outcome: Any) -> str:
    match outcome:
        case Refused(code):
            return f"refused {code}"
        case Unavailable(reason) | Unclear(reason):
            return f"{type(outcome).__name__.lower()} {reason}"
    return type(outcome).__name__.lower()
