"""How a payment can end, with the status, code and words Airtel gives for it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ending:
    """`status` as an enquiry gives it: TS paid, TF failed, TE expired, TIP going on, TA ambiguous."""

    status: str
    response_code: str
    message: str


IN_PROCESS = Ending("TIP", "DP00800001006", "Transaction in progress")
PAID = Ending("TS", "DP00800001001", "Transaction is successful")
ENDINGS: Mapping[str, Ending] = {
    "paid": PAID,
    "cancelled": Ending("TF", "DP00800001008", "The transaction was refused"),
    "insufficient": Ending("TF", "DP00800001007", "User wallet does not have enough money"),
    "wrong_pin": Ending("TF", "DP00800001002", "Incorrect pin has been entered"),
    "above_maximum": Ending("TF", "DP00800001003", "Exceeds withdrawal amount limit"),
    "below_minimum": Ending("TF", "DP00800001004", "Invalid amount"),
    "no_pin": Ending("TF", "DP00800001005", "User didn't enter the pin"),
    "not_permitted": Ending("TF", "DP00800001010", "Transaction not permitted to Payee"),
    "timeout": Ending("TF", "DP00800001024", "The transaction was timed out"),
    "expired": Ending("TE", "DP00800001029", "Transaction Expired"),
    "ambiguous": Ending("TA", "DP00800001000", "The transaction is in ambiguous state"),
}
