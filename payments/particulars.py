"""Who paid and what they typed, as one sealed JSON text beside each receipt and wallet line."""

import json
from dataclasses import asdict, dataclass

from core.errors import InvalidValue
from core.phone import PhoneNumber

_UNMASKED_TAIL = 3


@dataclass(frozen=True, slots=True)
class Particulars:
    """Personal data of a payment: the payer's number if known (E.164), a mask, a name, the account typed."""

    account: str = ""
    payer: str = ""
    payer_mask: str = ""
    name: str = ""
    details: str = ""

    def to_json(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value})

    @classmethod
    def from_json(cls, text: str | None) -> "Particulars":
        """What was kept; nothing, of a line whose receipt knew all of it."""
        return cls(**json.loads(text)) if text else cls()

    @property
    def payer_phone(self) -> PhoneNumber | None:
        """The payer's phone; None while the wallet names nobody, or hides the number."""
        try:
            return PhoneNumber.parse(self.payer) if self.payer else None
        except InvalidValue:
            return None

    @property
    def payer_masked(self) -> str:
        """For staff's eyes: `+2547*****678`, or the wallet's own mask."""
        phone = self.payer_phone
        return self.payer_mask if phone is None else phone.masked

    @property
    def account_masked(self) -> str:
        """The last three characters of what was typed: it may be a national ID."""
        hidden = max(0, len(self.account) - _UNMASKED_TAIL)
        return "*" * hidden + self.account[hidden:]
