"""What tells two lines with one receipt apart, in any export and however it spaces its words."""

import hashlib
import unicodedata

from core.money import Money
from payments.wallets.protocol import LineKind

_DIGEST_CHARACTERS = 16


def row_key(receipt: str, kind: LineKind, amount: Money, reason: str) -> str:
    """`<receipt>:<kind>` for a payment to us, which a receipt can be only once, whoever lists it.

    Else with the sign and a digest of the reason, since a charge or a settlement may share the receipt.
    """
    if kind is LineKind.CREDIT:
        return f"{receipt}:{kind}"
    squashed = "".join(unicodedata.normalize("NFKC", reason).casefold().split())
    digest = hashlib.sha256(squashed.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    sign = "out" if amount.amount_cents < 0 else "in"
    return f"{receipt}:{kind}:{sign}:{digest}"
