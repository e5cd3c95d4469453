"""Money: whole minor units and a currency, never a float."""

import re
from dataclasses import dataclass

from core.errors import InvalidValue

_AMOUNT = re.compile(r"[0-9]+\.[0-9]{2}")


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in minor units (cents) of one currency (ISO 4217)."""

    amount_cents: int
    currency: str = "KES"

    def __post_init__(self) -> None:
        if type(self.amount_cents) is not int:
            raise InvalidValue(f"money is counted in whole cents, not {type(self.amount_cents).__name__}")
        if len(self.currency) != 3 or not self.currency.isupper():  # noqa: PLR2004 -- ISO 4217 has three letters
            raise InvalidValue(f"not a currency: {self.currency!r}")

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount_cents + other.amount_cents, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount_cents - other.amount_cents, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount_cents, self.currency)

    def __str__(self) -> str:
        """As people read it: `KES 1,250`, `KES 50.50`, `-KES 20`."""
        sign = "-" if self.amount_cents < 0 else ""
        units, cents = divmod(abs(self.amount_cents), 100)
        fraction = f".{cents:02d}" if cents else ""
        return f"{sign}{self.currency} {units:,}{fraction}"

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise InvalidValue(f"{self.currency} and {other.currency} do not add up")


def cents_from_text(text: str) -> int:
    """Parse a decimal amount as providers write it (`5`, `5.0`, `"1,168.00"`, `-20.50`) into cents.

    Raises InvalidValue for anything else, more than two decimals that are not zero included.
    """
    cleaned = text.strip().replace(",", "")
    sign = -1 if cleaned.startswith("-") else 1
    units, _, fraction = cleaned.removeprefix("-").partition(".")
    fraction = fraction.rstrip("0").ljust(2, "0")
    if not _AMOUNT.fullmatch(f"{units}.{fraction}"):
        raise InvalidValue(f"not an amount of money: {text[:40]!r}")
    return sign * (int(units) * 100 + int(fraction))
