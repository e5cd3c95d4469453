"""Why a MoMo payment failed (`reason`) or a request was refused (`code`), as data.

Sources: the developer portal's "Request to pay" errors and its sandbox test numbers; the message of each and
whether money may still follow are our reading of them.
"""

from dataclasses import dataclass
from enum import StrEnum

from payments.wallets.protocol import Fate

NOT_FOUND = "RESOURCE_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Reason:
    """One row. `told`: the name of the member's message.

    `may_still_pay`: the words do not exclude that money moves after it. `retry_seconds`: when a new prompt
    makes sense without the member changing anything. `alert`: staff must look, the member cannot help it.
    """

    code: str
    meaning: str
    fate: Fate
    told: str
    may_still_pay: bool = False
    retry_seconds: int | None = None
    alert: bool = False


_TABLE = (
    Reason("PAYER_NOT_FOUND", "the phone has no MoMo wallet", Fate.FAILED, "prompt_failed"),
    Reason("PAYER_FAILED", "the payer's wallet refused", Fate.FAILED, "prompt_failed"),
    Reason("NOT_ENOUGH_FUNDS", "not enough money", Fate.FAILED, "prompt_insufficient"),
    Reason(
        "LOW_BALANCE_OR_PAYEE_LIMIT_REACHED_OR_NOT_ALLOWED",
        "no money, or a limit",
        Fate.FAILED,
        "prompt_limits",
    ),
    Reason("PAYER_LIMIT_REACHED", "the payer's limit is reached", Fate.FAILED, "prompt_daily_limit"),
    Reason("APPROVAL_REJECTED", "refused by the payer", Fate.CANCELLED, "prompt_cancelled"),
    Reason("EXPIRED", "not approved in time", Fate.EXPIRED, "prompt_expired", may_still_pay=True),
    Reason(
        "COULD_NOT_PERFORM_TRANSACTION",
        "not approved in five minutes",
        Fate.EXPIRED,
        "prompt_expired",
        may_still_pay=True,
    ),
    Reason(
        "SERVICE_UNAVAILABLE",
        "MoMo is busy",
        Fate.FAILED,
        "prompt_busy",
        may_still_pay=True,
        retry_seconds=60,
    ),
    Reason("INTERNAL_PROCESSING_ERROR", "MoMo broke down", Fate.FAILED, "prompt_failed", may_still_pay=True),
    Reason("TRANSACTION_CANCELED", "called off", Fate.CANCELLED, "prompt_cancelled"),
    Reason("PAYEE_NOT_FOUND", "our account is unknown", Fate.FAILED, "prompt_failed", alert=True),
    Reason("PAYEE_NOT_ALLOWED_TO_RECEIVE", "we may not be paid", Fate.FAILED, "prompt_failed", alert=True),
    Reason("NOT_ALLOWED", "we may not ask", Fate.FAILED, "prompt_failed", alert=True),
    Reason(
        "NOT_ALLOWED_TARGET_ENVIRONMENT", "wrong target environment", Fate.FAILED, "prompt_failed", alert=True
    ),
    Reason(
        "INVALID_CALLBACK_URL_HOST",
        "our callback host is not registered",
        Fate.FAILED,
        "prompt_failed",
        alert=True,
    ),
    Reason("INVALID_CURRENCY", "wrong currency", Fate.FAILED, "prompt_failed", alert=True),
    # Asked about a request that never reached MoMo: there is nothing to pay, unless it is still under way.
    Reason(NOT_FOUND, "MoMo knows no such request", Fate.FAILED, "prompt_failed", may_still_pay=True),
)
REASONS = {row.code: row for row in _TABLE}


class Refusal(StrEnum):
    """What a refusal of a request says about it."""

    OURS = "ours"
    """Wrong in itself: nothing was done, and the same again would be refused again."""
    LATER = "later"
    """Not now: nothing was done."""
    SENT_BEFORE = "sent_before"
    """This reference was sent before; references are ours, so it was this very request."""
    UNCLEAR = "unclear"
    """Nobody can tell what was done."""


_CONFLICT, _TOO_MANY = 409, 429
_CLIENT_ERRORS = range(400, 500)
_UNCLEAR_STATUSES = frozenset({408, 425, 499})
# Refusals at the door that come with HTTP 500.
_OURS = frozenset(
    {
        *("PAYEE_NOT_FOUND", "NOT_ALLOWED", "NOT_ALLOWED_TARGET_ENVIRONMENT"),
        *("INVALID_CALLBACK_URL_HOST", "INVALID_CURRENCY"),
    }
)


def reason_of(code: str) -> Reason:
    """The row for a reason. An unknown one says nothing about the money: ask once more, tell staff."""
    unknown = Reason(code, "unknown reason", Fate.UNKNOWN, "", may_still_pay=True, alert=True)
    return REASONS.get(code, unknown)


def judge(http_status: int, code: str) -> Refusal:
    """What an answer to a request to pay that is not 202 can promise."""
    if http_status == _CONFLICT:
        return Refusal.SENT_BEFORE
    if http_status == _TOO_MANY:
        return Refusal.LATER
    if code in _OURS or (http_status in _CLIENT_ERRORS and http_status not in _UNCLEAR_STATUSES):
        return Refusal.OURS
    return Refusal.UNCLEAR
