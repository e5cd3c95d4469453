"""How an STK prompt ended (`ResultCode`), as data: meaning, fate, what the member hears, and what we do next.

Sources: Daraja 3.0 portal, "M-Pesa Express" result codes; 26, 1001, 1025 and 9999 from integrations.
"""

from dataclasses import dataclass

from payments.wallets.protocol import Fate

PAID_CODE = "0"


@dataclass(frozen=True, slots=True)
class ResultCode:
    """One row. `told`: the name of the member's message, empty for none.

    `may_still_pay`: a payment has been seen after this code. `retry_seconds`: when a new prompt makes sense
    without the member changing anything. `alert`: staff must look, since the member cannot help it.
    """

    code: str
    meaning: str
    fate: Fate
    told: str = ""
    may_still_pay: bool = False
    retry_seconds: int | None = None
    alert: bool = False


_TABLE = (
    ResultCode(PAID_CODE, "paid", Fate.PAID),
    ResultCode("1", "not enough money", Fate.FAILED, "prompt_insufficient"),
    ResultCode("2", "below the smallest payment", Fate.FAILED, "prompt_limits"),
    ResultCode("3", "above the largest payment", Fate.FAILED, "prompt_limits"),
    ResultCode("4", "daily limit reached", Fate.FAILED, "prompt_daily_limit"),
    ResultCode("8", "our account is at its limit", Fate.FAILED, "prompt_failed", alert=True),
    ResultCode("17", "same amount again too soon", Fate.FAILED, "prompt_wait", retry_seconds=120),
    ResultCode("26", "M-Pesa is busy", Fate.FAILED, "prompt_busy", retry_seconds=60),
    ResultCode(
        "1001", "another dialogue is open on the phone", Fate.FAILED, "prompt_locked", retry_seconds=60
    ),
    ResultCode("1019", "not worked on in time", Fate.EXPIRED, "prompt_expired", may_still_pay=True),
    ResultCode("1025", "the prompt could not be sent", Fate.FAILED, "prompt_failed", alert=True),
    ResultCode("1032", "cancelled by the payer", Fate.CANCELLED, "prompt_cancelled"),
    ResultCode("1037", "the phone did not answer", Fate.FAILED, "prompt_unreachable", may_still_pay=True),
    ResultCode("2001", "wrong M-Pesa PIN", Fate.FAILED, "prompt_wrong_pin"),
    ResultCode("2028", "type of payment not allowed for us", Fate.FAILED, "prompt_failed", alert=True),
    ResultCode("8006", "M-Pesa PIN locked", Fate.FAILED, "prompt_pin_locked"),
    ResultCode("9999", "the prompt could not be sent", Fate.FAILED, "prompt_failed", alert=True),
    ResultCode("SFC_IC0003", "receiver unknown", Fate.FAILED, "prompt_failed", alert=True),
)
RESULT_CODES = {row.code: row for row in _TABLE}


def meaning_of(code: str) -> ResultCode:
    """The row for a code. One we do not know says nothing about the money: ask once more, and tell staff."""
    unknown = ResultCode(code, "unknown result", Fate.UNKNOWN, may_still_pay=True, alert=True)
    return RESULT_CODES.get(code, unknown)
