"""How an Airtel payment stands (`response_code`, `result_code`), as data: meaning, fate, what is told.

Sources: the collection pages of Airtel's developer portal as public clients quote them; which codes may still
be followed by money is our reading of their words.
"""

from dataclasses import dataclass
from enum import StrEnum

from payments.wallets.protocol import Fate

PAID_CODE = "DP00800001001"
NO_SUCH_CODE = "DP00800001025"
EXPIRED_CODE = "DP00800001029"


@dataclass(frozen=True, slots=True)
class ResponseCode:
    """One row. `fate` is None while the payment goes on. `told`: the member's message, empty for none.

    `may_still_pay`: the words do not exclude that money moves after it. `retry_seconds`: when a new prompt
    makes sense without the member changing anything. `alert`: staff must look, the member cannot help it.
    """

    code: str
    meaning: str
    fate: Fate | None
    told: str = ""
    may_still_pay: bool = False
    retry_seconds: int | None = None
    alert: bool = False


_TABLE = (
    ResponseCode("DP00800001000", "ambiguous: enquire", Fate.UNKNOWN),
    ResponseCode(PAID_CODE, "paid", Fate.PAID),
    ResponseCode("DP00800001002", "wrong PIN", Fate.FAILED, "prompt_wrong_pin"),
    ResponseCode("DP00800001003", "above the payer's limit", Fate.FAILED, "prompt_limits"),
    ResponseCode("DP00800001004", "below the smallest payment", Fate.FAILED, "prompt_limits"),
    ResponseCode("DP00800001005", "no PIN was entered", Fate.EXPIRED, "prompt_expired", may_still_pay=True),
    ResponseCode("DP00800001006", "the prompt is on the phone", None),
    ResponseCode("DP00800001007", "not enough money", Fate.FAILED, "prompt_insufficient"),
    ResponseCode("DP00800001008", "refused by the payer", Fate.CANCELLED, "prompt_cancelled"),
    ResponseCode("DP00800001010", "we may not be paid", Fate.FAILED, "prompt_failed", alert=True),
    ResponseCode("DP00800001024", "timed out", Fate.EXPIRED, "prompt_expired", may_still_pay=True),
    ResponseCode(NO_SUCH_CODE, "no such payment", Fate.FAILED, "prompt_failed", may_still_pay=True),
    ResponseCode("DP00800001026", "the signature does not fit", Fate.FAILED, "prompt_failed", alert=True),
    ResponseCode(EXPIRED_CODE, "expired", Fate.EXPIRED, "prompt_expired", may_still_pay=True),
)
RESPONSE_CODES = {row.code: row for row in _TABLE}


class Standing(StrEnum):
    """What a `result_code` of Airtel's gateway says about a request."""

    TAKEN = "taken"
    """Passed on; the response code says more."""
    SENT_BEFORE = "sent_before"
    """A payment with this id exists already."""
    NO_SUCH = "no_such"
    """No payment with this id exists."""
    OURS = "ours"
    """Wrong in itself: nothing was done, and the same again would be refused again."""
    UNCLEAR = "unclear"
    """Nobody can tell what was done."""


_OURS = {
    "ESB000008": "a field is wrong",
    "ESB000033": "the number has a wrong length",
    "ESB000034": "no such country",
    "ESB000035": "no such currency",
    "ESB000036": "the number has a wrong form",
    "ESB000039": "we are not set up for this country",
}
STANDINGS = {
    "ESB000010": Standing.TAKEN,
    "ESB000041": Standing.SENT_BEFORE,
    "ESB000045": Standing.NO_SUCH,
    **dict.fromkeys(_OURS, Standing.OURS),
}


def meaning_of(code: str) -> ResponseCode:
    """The row for a code. One we do not know says nothing about the money: ask once more, and tell staff."""
    unknown = ResponseCode(code, "unknown code", Fate.UNKNOWN, may_still_pay=True, alert=True)
    return RESPONSE_CODES.get(code, unknown)


def standing_of(result_code: str) -> Standing:
    """What the gateway's code promises; a code we do not know promises nothing."""
    return STANDINGS.get(result_code, Standing.UNCLEAR)
