"""The DCI envelope as a registry sees it: who may speak, what a header holds, how ACK and replies look."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Response, jsonify, request

from sandbox.clock import iso_utc
from sandbox.faults import Fault
from sandbox.recorder import note
from sandbox.registries import bearer, keys, signature
from sandbox.world import World, here

ID_LENGTH_MAX = 99
BATCH_MAX = 1000
HEADER_FIELDS = ("message_id", "message_ts", "action", "sender_id", "total_count")


class TransportError(Exception):
    """Refused before the message counts: `{"errors":[{code, message}]}` with 401, 403 or 5xx."""

    def __init__(self, http_status: int, code: str, message: str, retry_after: int = 0) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.code = code
        self.retry_after = retry_after

    def response(self) -> Response:
        response = jsonify(errors=[{"code": self.code, "message": str(self)}])
        response.status_code = self.http_status
        if self.retry_after:
            response.headers["Retry-After"] = str(self.retry_after)
        return response


class AckError(Exception):
    """Refused as a message: HTTP 200, `ack_status` ERR."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def response(self) -> Response:
        return ack("ERR", error={"code": self.code, "message": str(self)})


class RejectedError(Exception):
    """The header or one search is refused with one of the `rjct.` codes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Envelope:
    header: Mapping[str, Any]
    message: Mapping[str, Any]

    @property
    def sender_id(self) -> str:
        return str(self.header["sender_id"])

    @property
    def transaction_id(self) -> str:
        return str(self.message["transaction_id"])


def ack(status: str, error: Mapping[str, str] | None = None) -> Response:
    body: dict[str, Any] = {
        "ack_status": status,
        "timestamp": iso_utc(here().clock.now()),
        "correlation_id": secrets.token_hex(16),
    }
    if error:
        body["error"] = dict(error)
    return jsonify(message=body)


def receive(service: str, fault: Fault) -> Envelope:
    """The request's envelope, once its bearer, shape and signature have been judged in this order."""
    world = here()
    _disturb(fault)
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not bearer.is_good(world, service, token.strip()):
        raise TransportError(401, "err.request.unauthorized", "a valid bearer token is needed")
    if fault.error_code.startswith("err."):
        raise AckError(fault.error_code, "refused by fault")
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise AckError("err.request.bad", "the body is not a JSON object")
    header, message = body.get("header"), body.get("message")
    if not isinstance(header, dict) or not isinstance(message, dict):
        raise AckError("err.request.bad", "header and message must be objects")
    if header.get("is_msg_encrypted"):
        raise AckError("err.encryption.invalid", "encrypted messages are not understood here")
    _check_shape(header)
    transaction_id = message.get("transaction_id")
    if not isinstance(transaction_id, str) or not 0 < len(transaction_id) <= ID_LENGTH_MAX:
        raise AckError("err.request.bad", "transaction_id must be a text of 1 to 99 characters")
    _check_signature(world, body)
    return Envelope(header, message)


def _disturb(fault: Fault) -> None:
    if fault.delay_s:
        time.sleep(fault.delay_s)
    if fault.outage or fault.http_status:
        raise TransportError(
            fault.http_status or 503,
            "err.request.too_many_requests" if fault.http_status == 429 else "err.service.unavailable",  # noqa: PLR2004 - HTTP.
            "the registry is not available",
            int(fault.retry_after),
        )


def reject_by_fault(fault: Fault) -> None:
    if fault.error_code:
        raise RejectedError(fault.error_code, "refused by fault")


def lose_answer(fault: Fault) -> None:
    """The work is done and the answer is lost on the way, at once (`drop`) or after a long silence."""
    if fault.accept_then_timeout:
        time.sleep(fault.accept_then_timeout)
    if fault.drop or fault.accept_then_timeout:
        raise TransportError(504, "err.request.timeout", "no answer in time")


def _check_shape(header: Mapping[str, Any]) -> None:
    for field in HEADER_FIELDS:
        if field not in header:
            raise AckError("err.request.bad", f"header.{field} is required")
    if not isinstance(header["message_id"], str) or not header["message_id"]:
        raise AckError("err.request.bad", "header.message_id must be a text")
    if not isinstance(header["sender_id"], str) or not header["sender_id"]:
        raise AckError("err.sender_id.invalid", "header.sender_id must be a text")


def check_header(header: Mapping[str, Any], action: str) -> None:
    """RejectedError with the standard's own `rjct.` code for what the header says wrongly."""
    if header.get("version", "1.0.0") != "1.0.0":
        raise RejectedError("rjct.version.invalid", "version 1.0.0 is spoken here")
    if header["action"] != action:
        raise RejectedError("rjct.action.not_supported", f"the action here is {action}")
    if not has_zone(header["message_ts"]):
        raise RejectedError("rjct.message_ts.invalid", "message_ts needs a time zone")
    count = header["total_count"]
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise RejectedError("rjct.total_count.invalid", "total_count must be an integer")
    if count > BATCH_MAX:
        raise RejectedError("rjct.total_count.limit_exceeded", f"at most {BATCH_MAX} items")


def has_zone(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _check_signature(world: World, body: Mapping[str, Any]) -> None:
    """Unsigned is accepted unless a sender key is configured; signed must verify when the key can be had."""
    given = body.get("signature")
    if not given:
        if world.settings.sender_key:
            raise AckError("err.signature.missing", "messages to this registry must be signed")
        return
    known = keys.of_sender(world)
    if known is None:
        note("signed; the sender's keys could not be fetched, so the signature was not checked")
        return
    if world.settings.sender_key:
        # The configured key stands for whatever key id the sender writes.
        named = str(given).partition('kidId="')[2].partition('"')[0]
        known = {named: known[""]}
    problem = _problem(str(given), known, body)
    if problem and not world.settings.sender_key:
        problem = _problem(str(given), keys.of_sender(world, fresh=True) or known, body)
    if problem:
        raise AckError("err.signature.invalid", problem)
    note("signed and verified")


def _problem(given: str, known: Mapping[str, Ed25519PublicKey], body: Mapping[str, Any]) -> str:
    """What is wrong with the signature; empty when nothing is."""
    try:
        signature.verify(given, known, body["header"], body["message"], time.time())
    except signature.SignatureError as error:
        return str(error)
    return ""


def reply(
    role: str,
    envelope: Envelope,
    message: dict[str, Any],
    fault: Fault,
    *,
    reason: RejectedError | None = None,
) -> Response:
    """The full envelope of a synchronous answer, signed like any other message."""
    world = here()
    header = {
        "version": "1.0.0",
        "message_id": secrets.token_hex(16),
        "message_ts": iso_utc(world.clock.now()),
        "action": "on-search",
        "status": "rjct" if reason else "succ",
        "sender_id": role,
        "receiver_id": envelope.sender_id,
        "total_count": envelope.header["total_count"],
        "completed_count": envelope.header["total_count"],
        "is_msg_encrypted": False,
    }
    if reason:
        header |= {"status_reason_code": reason.code, "status_reason_message": str(reason)[:999]}
    body: dict[str, Any] = {"header": header, "message": message}
    if world.switches.sign_replies and fault.outcome != "unsigned":
        signed = header | {"message_id": "forged"} if fault.outcome == "wrong_signature" else header
        named = f"{role}|{keys.key_id(role)}|ed25519"
        body = {
            "signature": signature.sign(
                keys.own_key(world, role), named, signed, message, time.time() + fault.clock_skew_s
            )
        } | body
    return Response(json.dumps(body), mimetype="application/json")
