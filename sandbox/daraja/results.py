"""The `Result` body in which Daraja tells, some time later, how a payout or an enquiry ended."""

import secrets
from collections.abc import Mapping
from typing import Any

from sandbox.clock import compact, eat
from sandbox.daraja.outcomes import Result
from sandbox.faults import NO_FAULT, Fault
from sandbox.world import World

RESULT_SECONDS = 1.0


def conversation(world: World) -> str:
    """`AG_YYYYMMDD_` and twenty hex digits."""
    return f"AG_{eat(world.clock.now()):%Y%m%d}_{secrets.token_hex(10)}"


def dotted(instant: float) -> str:
    """`dd.mm.yyyy HH:MM:SS`, East Africa Time."""
    return eat(instant).strftime("%d.%m.%Y %H:%M:%S")


def compact_number(instant: float) -> int:
    return int(compact(instant))


def send(
    world: World,
    url: str,
    *,
    result: Result,
    originator_id: str,
    conversation_id: str,
    receipt: str,
    parameters: Mapping[str, Any],
    in_seconds: float = RESULT_SECONDS,
    fault: Fault = NO_FAULT,
) -> None:
    """Posts a result. Failures carry no parameters; the single reference item comes as an object."""
    body: dict[str, Any] = {
        "ResultType": 0,
        "ResultCode": result.code,
        "ResultDesc": result.text,
        "OriginatorConversationID": originator_id,
        "ConversationID": conversation_id,
        "TransactionID": receipt,
        "ReferenceData": {"ReferenceItem": {"Key": "QueueTimeoutURL"}},
    }
    if result.code == 0:
        pairs = [{"Key": key, "Value": value} for key, value in parameters.items()]
        body["ResultParameters"] = {"ResultParameter": pairs}
    world.post.send("b2c", conversation_id, url, {"Result": body}, in_seconds=in_seconds, fault=fault)
