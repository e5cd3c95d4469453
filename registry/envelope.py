"""Envelopes: strict and signed when we write them, checked and leniently read when we receive them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from core.clock import Clock
from core.errors import InvalidValue
from core.ids import new_id
from registry import codes
from registry.canonical import JsonMode, compact, read_object
from registry.connection import Connection, ReplySignatures, SignatureMode
from registry.jws import sign_detached
from registry.keys import RemoteKeys, SigningKey
from registry.signature import LIFE_SECONDS, BadSignature, sign, verify
from registry.wire import HeaderRead


@dataclass(frozen=True, slots=True)
class Envelope:
    """A received envelope whose signature was checked as the connection demands."""

    header: HeaderRead
    message: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope as it goes out: its id for the log, and its bytes."""

    message_id: str
    body: bytes = field(repr=False)


class Envelopes:
    """Writes and reads the envelopes of one connection."""

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        *,
        signing_key: SigningKey | None = None,
        remote_keys: RemoteKeys | None = None,
    ) -> None:
        if connection.signature_mode is not SignatureMode.NONE and signing_key is None:
            raise InvalidValue(f"the {connection.name} connection signs but has no signing key")
        if connection.reply_signatures is ReplySignatures.REQUIRED and remote_keys is None:
            raise InvalidValue(
                f"the {connection.name} connection checks signatures but has no keys to check by"
            )
        self._connection = connection
        self._clock = clock
        self._signing_key = signing_key
        self._remote_keys = remote_keys

    def seal(
        self, action: str, message: Mapping[str, Any], total_count: int, *, answered_later: bool = False
    ) -> Sealed:
        """Put a message into a fresh envelope and sign it. `answered_later`: the header says where."""
        connection, now = self._connection, self._clock.now()
        header = {
            "version": connection.version,
            "message_id": str(new_id()),
            "message_ts": written(now),
            "action": action,
            "sender_id": connection.sender_id,
            "total_count": total_count,
            "is_msg_encrypted": False,
        }
        if connection.receiver_id:
            header["receiver_id"] = connection.receiver_id
        if connection.callback_url and answered_later:
            header["sender_uri"] = connection.callback_url
        body = sealed_body(
            header,
            message,
            json_mode=connection.json_mode,
            signature_mode=connection.signature_mode,
            key=self._signing_key,
            now=now,
        )
        return Sealed(str(header["message_id"]), body)

    def open(self, raw: bytes) -> Envelope:
        """Read a reply. Raises InvalidValue (unreadable), BadSignature, OSError (its keys are away)."""
        value = read_object(raw, self._connection.answer_bytes_max)
        # An acknowledgement is also met without the wrapper the standard gives it.
        header, message = (
            value.get("header", {}),
            value.get("message", value if "ack_status" in value else {}),
        )
        if not isinstance(header, dict) or not isinstance(message, dict):
            raise InvalidValue("header and message are objects")
        self._check_signature(value.get("signature"), header, message)
        try:
            read = HeaderRead.model_validate(header)
        except ValidationError:
            raise InvalidValue("the header cannot be read") from None
        return Envelope(read, message)

    def _check_signature(self, signature: Any, header: dict[str, Any], message: dict[str, Any]) -> None:
        demand = self._connection.reply_signatures
        if demand is ReplySignatures.IGNORED or (demand is ReplySignatures.CHECKED and not signature):
            return
        if not isinstance(signature, str) or self._remote_keys is None:
            raise BadSignature(codes.SIGNATURE_MISSING, "no signature that can be checked")
        verify(signature, header, message, find_key=self._remote_keys.find, now=self._clock.now())


def sealed_body(
    header: Mapping[str, Any],
    message: Mapping[str, Any],
    *,
    json_mode: JsonMode,
    signature_mode: SignatureMode,
    key: SigningKey | None,
    now: datetime,
) -> bytes:
    """An envelope's bytes, signed in the given mode by `key`, which no mode but `none` can do without."""
    payload = compact({"header": header, "message": message}, json_mode)
    signature = ""
    if signature_mode is not SignatureMode.NONE:
        assert key is not None
        if signature_mode is SignatureMode.JWS:
            signature = sign_detached(payload, key=key, now=now, life_seconds=LIFE_SECONDS)
        else:
            signature = sign(payload, key=key, sender_id=str(header["sender_id"]), now=now)
    # The signed bytes themselves go out, with the signature put in before their closing brace.
    return payload[:-1] + b',"signature":' + json.dumps(signature).encode() + b"}"


def written(instant: datetime) -> str:
    """A time stamp as the standard wants it: with its zone, to the second."""
    if instant.tzinfo is None:
        raise InvalidValue("a time stamp has a time zone")
    return instant.isoformat(timespec="seconds")
