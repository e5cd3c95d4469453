"""How a payment can end, with the code and text M-Pesa gives for it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """`code` as Daraja sends it: an int, or a text such as `SFC_IC0003`."""

    code: int | str
    text: str


PAID = Result(0, "The service request is processed successfully.")
INSUFFICIENT = Result(1, "The balance is insufficient for the transaction.")
RULE_LIMITED = Result(17, "Rule limited.")
DAILY_LIMIT = Result(4, "Declined due to limit rule: would exceed daily transfer limit.")
LOCKED = Result(
    1001, "Unable to lock subscriber, a transaction is already in process for the current subscriber"
)
CANCELLED = Result(1032, "Request cancelled by user.")
TIMEOUT = Result(1037, "DS timeout user cannot be reached")
EXPIRED = Result(1019, "Transaction has expired")
WRONG_PIN = Result(2001, "The initiator information is invalid.")
NOT_PERMITTED = Result(2028, "The request is not permitted according to product assignment.")

OUTCOMES: Mapping[str, Result] = {
    "paid": PAID,
    "insufficient": INSUFFICIENT,
    "below_minimum": Result(2, "Declined due to limit rule: less than the minimum transaction amount."),
    "above_maximum": Result(3, "Declined due to limit rule: greater than the maximum transaction amount."),
    "daily_limit": DAILY_LIMIT,
    "payee_limit": Result(8, "Declined due to limit rule: would exceed the maximum balance."),
    "rule_limited": RULE_LIMITED,
    "system_busy": Result(26, "System internal error. Traffic blocking condition is in place."),
    "locked": LOCKED,
    "expired": EXPIRED,
    "push_error": Result(1025, "An error occurred while sending a push request."),
    "push_failed": Result(9999, "An error occurred while sending a push request."),
    "cancelled": CANCELLED,
    "timeout": TIMEOUT,
    "wrong_pin": WRONG_PIN,
    "not_permitted": NOT_PERMITTED,
    "pin_locked": Result(8006, "The security credential is locked."),
    "no_operator": Result("SFC_IC0003", "The operator does not exist."),
}
BY_CODE: Mapping[str, Result] = {str(result.code): result for result in OUTCOMES.values()}
