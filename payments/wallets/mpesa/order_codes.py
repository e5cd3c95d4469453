"""How a payout or reversal ended (`ResultCode`), as data; the same code says other things of a prompt.

Source: Daraja 3.0 portal, result codes of Business to Customer, Reversals and Transaction Status.
"""

from dataclasses import dataclass

from payments.wallets.payouts import OrderFate, OrderKind

NO_SUCH_TRANSACTION = "SFC_IC0003"


@dataclass(frozen=True, slots=True)
class OrderCode:
    """One row. `alert`: the fault is ours or the wallet's, and staff must look."""

    code: str
    meaning: str
    fate: OrderFate
    alert: bool = False


_TABLE = (
    OrderCode("0", "done", OrderFate.DONE),
    OrderCode("1", "our account holds too little", OrderFate.FAILED, alert=True),
    OrderCode("2", "below the smallest payout", OrderFate.FAILED),
    OrderCode("3", "above the largest payout", OrderFate.FAILED),
    OrderCode("4", "daily limit reached", OrderFate.FAILED),
    OrderCode("8", "the receiver's wallet is full", OrderFate.FAILED),
    OrderCode("11", "our account is in an invalid state", OrderFate.FAILED, alert=True),
    OrderCode("21", "our API user lacks the role", OrderFate.FAILED, alert=True),
    OrderCode("2001", "our API user or its password is wrong", OrderFate.FAILED, alert=True),
    OrderCode("2006", "our account is not active", OrderFate.FAILED, alert=True),
    OrderCode("2028", "type of payout not allowed for us", OrderFate.FAILED, alert=True),
    OrderCode("2040", "the receiver has no M-Pesa", OrderFate.FAILED),
    OrderCode("8006", "our API user is locked", OrderFate.FAILED, alert=True),
    OrderCode(NO_SUCH_TRANSACTION, "the receiver's number is unknown", OrderFate.FAILED),
    OrderCode("R000001", "reversed before", OrderFate.DONE),
    OrderCode("R000002", "no such payment to reverse", OrderFate.FAILED),
)
ORDER_CODES = {row.code: row for row in _TABLE}
# Of a payout, which is all that is asked about.
_STATUSES = {
    "completed": OrderFate.DONE,
    # Paid and taken back: the fund has its money, and staff decide anew whether the payer is to have it.
    "reversed": OrderFate.FAILED,
    "cancelled": OrderFate.FAILED,
    "declined": OrderFate.FAILED,
    "expired": OrderFate.FAILED,
    "failed": OrderFate.FAILED,
}


def meaning_of_order(kind: OrderKind, code: str, status: str = "") -> OrderCode:
    """The row for a result. `status`: the `TransactionStatus` of an enquiry.

    The failure of an enquiry says nothing about what was asked about, but that it does not exist.
    """
    if kind is OrderKind.STATUS:
        if code == "0":
            return OrderCode(code, status or "no status", _STATUSES.get(status.lower(), OrderFate.UNKNOWN))
        if code == NO_SUCH_TRANSACTION:
            return OrderCode(code, "no such transaction", OrderFate.NOT_FOUND)
        return OrderCode(code, "the question was refused", OrderFate.UNKNOWN, alert=True)
    unknown = OrderCode(code, "unknown result", OrderFate.UNKNOWN, alert=True)
    return ORDER_CODES.get(code, unknown)
