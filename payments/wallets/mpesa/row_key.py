"""What tells two lines with one receipt apart, in any export and however it spaces its words."""

import hashlib
import unicodedata

from core.money import Money
from payments.wallets.protocol import LineKind

_DIGEST_CHARACTERS = 16


def pulled_row_key(receipt: str, kind: LineKind, amount: Money, reason: str) -> str:
    """As `row_key`, but a payment to us has a key of its own: a pull tells no balance.

    Under the statement's key it would keep the statement's row away, and with that the balance. Whoever
    counts payments counts receipts.
    """
    key = row_key(receipt, kind, amount, reason)
    return f"{key}:pull" if kind is LineKind.CREDIT else key


def row_key(receipt: str, kind: LineKind, amount: Money, reason: str) -> str:
    """`<receipt>:<kind>` for a payment to us, which a receipt can be only once in any statement.

    Else with the sign and a digest of the reason, since a charge or a settlement may share the receipt.
    """
    if kind is LineKind.CREDIT:
        return f"{receipt}:{kind}"
    squashed = "".join(unicodedata.normalize("NFKC", reason).casefold().split())
    digest = hashlib.sha256(squashed.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    sign = "out" if amount.amount_cents < 0 else "in"
    return f"{receipt}:{kind}:{sign}:{digest}"
