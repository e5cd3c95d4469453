"""What became of a message: asked by transaction, references, correlation id or subscription codes."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry import codes
from registry.codes import Status
from registry.envelope import written
from registry.server import memory
from registry.server.headers import is_id
from registry.server.model import Client, MessageRefused
from registry.tables import DciMessageRow, DciSubscriptionRow

TYPES = {
    "search": "search_response",
    "subscribe": "subscribe_response",
    "unsubscribe": "unsubscribe_response",
    # As an older text of the specification spells it.
    "subscibe": "subscribe_response",
}
_CODES_MAX = 1000


def status_of(session: Session, client: Client, message: Mapping[str, Any]) -> dict[str, Any]:
    """The `txnstatus_response`. Raises MessageRefused for what was never asked or cannot be asked."""
    asked = message.get("txnstatus_request")
    if not isinstance(asked, dict):
        raise MessageRefused(codes.BAD_REQUEST, "txnstatus_request is an object")
    txn_type = asked.get("txn_type")
    if not isinstance(txn_type, str) or txn_type not in TYPES:
        raise MessageRefused(codes.BAD_REQUEST, "txn_type is search, subscribe or unsubscribe")
    action = txn_type.replace("subscibe", "subscribe")
    kind, value = asked.get("attribute_type"), asked.get("attribute_value")
    match kind:
        case "transaction_id" if is_id(value):
            rows = memory.find(session, client.id, transaction_id=value, action=action)
        case "correlation_id" if is_id(value):
            rows = memory.find(session, client.id, id=_uuid(str(value)), action=action)
        case "reference_id_list" if isinstance(value, list) and _is_list(value):
            return _by_references(session, client, action, value, message)
        case "subscription_code_list" if isinstance(value, list) and _is_list(value):
            return {"txn_type": txn_type, "txn_status": _subscriptions(session, client, value)}
        case _:
            raise MessageRefused(codes.BAD_REQUEST, "attribute_type and attribute_value do not fit")
    if not rows:
        raise MessageRefused("err.request.not_found", "no such message is known")
    row = rows[0]
    return {"txn_type": txn_type, "txn_status": _one(row, TYPES[txn_type], row.results)}


def _by_references(
    session: Session, client: Client, action: str, references: Sequence[str], message: Mapping[str, Any]
) -> dict[str, Any]:
    transaction_id = message.get("transaction_id")
    rows = memory.find(session, client.id, transaction_id=transaction_id, action=action)
    if not rows:
        raise MessageRefused("err.request.not_found", "no such message is known")
    chosen = [item for item in rows[0].results if item.get("reference_id") in references]
    return {"txn_type": action, "txn_status": _one(rows[0], TYPES[action], chosen)}


def _one(row: DciMessageRow, name: str, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"transaction_id": row.transaction_id, "correlation_id": str(row.id), name: list(items)}


def _subscriptions(session: Session, client: Client, codes_asked: Sequence[str]) -> list[dict[str, Any]]:
    wanted = [code for code in map(_uuid, codes_asked) if code is not None]
    rows = {
        str(row.code): row
        for row in session.scalars(
            select(DciSubscriptionRow).where(
                DciSubscriptionRow.code.in_(wanted), DciSubscriptionRow.client_id == client.id
            )
        )
    }
    return [_subscription(code, rows.get(code)) for code in codes_asked]


def _subscription(code: str, row: DciSubscriptionRow | None) -> dict[str, Any]:
    if row is None:
        reason = {"status_reason_code": "rjct.subscription_code.invalid"}
        return {"code": code[:99], "status": Status.REJECTED} | reason
    ended = row.ended_at is not None
    return {
        "code": code,
        "status": "unsubscribe" if ended else "subscribe",
        "timestamp": written(row.ended_at or row.created_at),
    }


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= _CODES_MAX and all(map(is_id, value))


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
