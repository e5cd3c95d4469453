"""What we answer: acknowledgements, full envelopes, transport errors. Signed like everything we send."""

import json
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from core.clock import Clock
from core.ids import new_id
from registry.canonical import JsonMode
from registry.codes import AckStatus, Status
from registry.connection import SignatureMode
from registry.envelope import sealed_body, written
from registry.keys import SigningKey
from registry.server.endpoints import ANSWERS
from registry.server.model import MessageRefused, Received, Rejected, Reply, TransportRefused

_VERSION = "1.0.0"


class Replies:
    """Writes answers in our name."""

    def __init__(self, our_id: str, key: SigningKey, clock: Clock) -> None:
        self._our_id = our_id
        self._key = key
        self._clock = clock

    def ack(self, correlation_id: uuid.UUID) -> Reply:
        """Accepted."""
        return self._acknowledgement(AckStatus.ACK, str(correlation_id))

    def err(self, refused: MessageRefused | Rejected) -> Reply:
        """Refused as a message."""
        error = {"code": refused.code, "message": str(refused)[:999]}
        return self._acknowledgement(AckStatus.ERR, str(new_id()), error)

    def transport_error(self, refused: TransportRefused) -> Reply:
        """Refused before it counted as a message."""
        body = {"errors": [{"code": refused.code, "message": str(refused)[:999]}]}
        return Reply(refused.status, json.dumps(body).encode(), refused.retry_seconds)

    def envelope(
        self, received: Received, message: Mapping[str, Any], *, reason: Rejected | None = None
    ) -> Reply:
        """The synchronous answer to a message; `reason` rejects it as a whole."""
        total = received.header.get("total_count")
        action = str(ANSWERS[_action_of(received)])
        return Reply(
            HTTPStatus.OK,
            self.sealed(
                action,
                message,
                message_id=new_id(),
                receiver_id=received.client.id,
                total_count=total if type(total) is int and total >= 0 else 0,
                reason=reason,
            ),
        )

    def sealed(
        self,
        action: str,
        message: Mapping[str, Any],
        *,
        message_id: uuid.UUID,
        receiver_id: str,
        total_count: int,
        reason: Rejected | None = None,
    ) -> bytes:
        """A signed envelope in our name."""
        now = self._clock.now()
        header: dict[str, Any] = {
            "version": _VERSION,
            "message_id": str(message_id),
            "message_ts": written(now),
            "action": action,
            "sender_id": self._our_id,
            "receiver_id": receiver_id,
            "total_count": total_count,
            "is_msg_encrypted": False,
        }
        if action != "notify":
            header["status"] = Status.REJECTED if reason else Status.SUCCEEDED
            header["completed_count"] = 0 if reason else total_count
        if reason:
            header |= {"status_reason_code": reason.code, "status_reason_message": str(reason)[:999]}
        return sealed_body(
            header,
            message,
            json_mode=JsonMode.ASCII,
            signature_mode=SignatureMode.SPDCI,
            key=self._key,
            now=now,
        )

    def _acknowledgement(
        self, status: AckStatus, correlation_id: str, error: Mapping[str, str] | None = None
    ) -> Reply:
        message: dict[str, Any] = {
            "ack_status": status,
            "timestamp": written(self._clock.now()),
            "correlation_id": correlation_id,
        }
        if error is not None:
            message["error"] = dict(error)
        return Reply(HTTPStatus.OK, json.dumps({"message": message}).encode())


def _action_of(received: Received) -> str:
    action = received.header.get("action")
    return action if isinstance(action, str) and action in ANSWERS else "search"
