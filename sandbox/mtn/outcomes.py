"""How a request to pay can end, with the status and reason MoMo gives for it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ending:
    """`reason` is empty for what did not fail."""

    status: str
    reason: str = ""


PENDING = Ending("PENDING")
ENDINGS: Mapping[str, Ending] = {
    "paid": Ending("SUCCESSFUL"),
    "cancelled": Ending("FAILED", "APPROVAL_REJECTED"),
    "insufficient": Ending("FAILED", "NOT_ENOUGH_FUNDS"),
    # MoMo does not say that a PIN was wrong; the payer's wallet refuses.
    "wrong_pin": Ending("FAILED", "PAYER_FAILED"),
    "daily_limit": Ending("FAILED", "PAYER_LIMIT_REACHED"),
    "no_wallet": Ending("FAILED", "PAYER_NOT_FOUND"),
    "not_permitted": Ending("FAILED", "PAYEE_NOT_ALLOWED_TO_RECEIVE"),
    "system_busy": Ending("FAILED", "SERVICE_UNAVAILABLE"),
    "push_error": Ending("FAILED", "INTERNAL_PROCESSING_ERROR"),
    "timeout": Ending("FAILED", "COULD_NOT_PERFORM_TRANSACTION"),
    "expired": Ending("FAILED", "EXPIRED"),
}
