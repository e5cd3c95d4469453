"""The gate: bearer and scope, rate, shape, signature, parties. Whoever passes all of them is heard."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from core.clock import Clock
from core.database import Sessions
from core.errors import InvalidValue
from core.ids import new_id
from registry import codes
from registry.canonical import read_object
from registry.connection import ReplySignatures
from registry.keys import RemoteKeys
from registry.server.bearer import Tokens
from registry.server.clients import find_client
from registry.server.endpoints import Endpoint
from registry.server.headers import is_id, message_id_of
from registry.server.model import (
    Client,
    MessageRefused,
    Received,
    Scope,
    TransportRefused,
    bad_request,
    unauthorized,
)
from registry.server.rates import Rates
from registry.signature import BadSignature, verify

BODY_BYTES_MAX = 1_000_000

FetchKeys = Callable[[str], Mapping[str, Any]]


class Gate:
    """Judges requests.

    `fetch_keys` reads a client's key set from its address; it may raise OSError, InvalidValue.
    """

    def __init__(
        self,
        sessions: Sessions,
        tokens: Tokens,
        rates: Rates,
        clock: Clock,
        fetch_keys: FetchKeys,
        *,
        our_id: str,
    ) -> None:
        self._sessions = sessions
        self._tokens = tokens
        self._rates = rates
        self._clock = clock
        self._fetch_keys = fetch_keys
        self._our_id = our_id
        self._remote_keys: dict[tuple[str, str], RemoteKeys] = {}
        self._lock = threading.Lock()

    def admit(self, endpoint: Endpoint, raw: bytes, authorization: str) -> Received:
        """The message, once it counts; replay and header are still to be judged.

        Raises TransportRefused, MessageRefused.
        """
        now = self._clock.now()
        client = self._client(endpoint, authorization, now)
        header, message = _parts(raw)
        self._check_signature(client, raw, header, message, now)
        message_id = message_id_of(header)
        _check_parties(header, client, self._our_id, is_answer=endpoint.scope is Scope.NOTIFY)
        transaction_id = _transaction_id(message, needed=endpoint.needs_transaction)
        return Received(client, header, message_id, transaction_id, new_id(), message)

    def _client(self, endpoint: Endpoint, authorization: str, now: datetime) -> Client:
        kind, _, token = authorization.partition(" ")
        bearer = self._tokens.read(token.strip(), now) if kind.lower() == "bearer" else None
        if bearer is None:
            raise unauthorized("a valid bearer token is needed")
        with self._sessions.begin() as session:
            client = find_client(session, bearer.client_id)
        if client is None:
            raise unauthorized("the client of this token is not known any more")
        if endpoint.scope not in bearer.scopes & client.scopes:
            raise TransportRefused(
                HTTPStatus.FORBIDDEN, codes.FORBIDDEN, f"the scope {endpoint.scope} is needed"
            )
        wait_seconds = self._rates.wait_seconds(f"dci:{client.id}", client.requests_per_minute)
        if wait_seconds:
            raise TransportRefused(
                HTTPStatus.TOO_MANY_REQUESTS,
                codes.TOO_MANY_REQUESTS,
                f"at most {client.requests_per_minute} requests a minute",
                retry_seconds=wait_seconds,
            )
        return client

    def _check_signature(
        self,
        client: Client,
        raw: bytes,
        header: Mapping[str, Any],
        message: Mapping[str, Any],
        now: datetime,
    ) -> None:
        signature = read_object(raw, BODY_BYTES_MAX).get("signature")
        if client.signatures is ReplySignatures.IGNORED:
            return
        if not signature:
            if client.signatures is ReplySignatures.REQUIRED:
                raise MessageRefused(codes.SIGNATURE_MISSING, "messages of this client are signed")
            return
        if not isinstance(signature, str):
            raise MessageRefused(codes.SIGNATURE_INVALID, "a signature is a text")
        try:
            verify(signature, header, message, find_key=self._keys_of(client).find, now=now)
        except BadSignature as error:
            raise MessageRefused(error.code, str(error)) from error
        except OSError as error:
            raise MessageRefused(codes.UNAVAILABLE, "the sender's keys cannot be read now") from error

    def _keys_of(self, client: Client) -> RemoteKeys:
        # One per client and address, so that each client's keys are fetched once an hour and not per request.
        with self._lock:
            known = self._remote_keys.get((client.id, client.keys_url))
            if known is not None and client.keys is None:
                return known
            keys, url = client.keys, client.keys_url
            if keys is not None:
                return RemoteKeys(lambda: keys)
            if not url:
                return RemoteKeys(dict)
            fetched = self._remote_keys[client.id, url] = RemoteKeys(lambda: self._fetch_keys(url))
            return fetched


def _parts(raw: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        value = read_object(raw, BODY_BYTES_MAX)
    except InvalidValue as error:
        raise bad_request(str(error)) from error
    header, message = value.get("header"), value.get("message")
    if not isinstance(header, dict):
        raise bad_request("header is an object")
    if header.get("is_msg_encrypted") is True:
        raise MessageRefused(codes.ENCRYPTION_INVALID, "encrypted messages are not understood here")
    if not isinstance(message, dict):
        raise bad_request("message is an object")
    return header, message


def _check_parties(header: Mapping[str, Any], client: Client, our_id: str, *, is_answer: bool) -> None:
    # The standard leaves the sender out of answers if it likes; the token has said who it is.
    allowed = {client.id, None, ""} if is_answer else {client.id}
    sender_id = header.get("sender_id")
    if not isinstance(sender_id, str | None) or sender_id not in allowed:
        raise MessageRefused("err.sender_id.invalid", "sender_id is the client id of the token")
    receiver_id = header.get("receiver_id")
    if not isinstance(receiver_id, str | None) or receiver_id not in {None, "", our_id}:
        raise MessageRefused("err.receiver_id.invalid", f"the receiver here is {our_id}")
    sender_uri = header.get("sender_uri")
    if sender_uri is None or sender_uri == "":
        return
    if not isinstance(sender_uri, str) or not client.may_be_called_at(sender_uri):
        # We call only addresses that an operator has entered: a message must not send us anywhere else.
        raise MessageRefused("err.sender_uri.invalid", "sender_uri is not below the agreed callback address")


def _transaction_id(message: Mapping[str, Any], *, needed: bool) -> str:
    given = message.get("transaction_id")
    if given is None and not needed:
        return ""
    if not is_id(given):
        raise MessageRefused(codes.BAD_REQUEST, "transaction_id is a text of 1 to 99 characters")
    return str(given)
