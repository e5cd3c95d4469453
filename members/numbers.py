"""Member numbers and national IDs: what people type to say who they are."""

import re
from dataclasses import dataclass

from core.errors import InvalidValue
from members.id_forms import id_forms

_TYPED_MAX = 30
_PREFIX = "4"
_SERIAL_DIGITS = 7
SERIAL_MAX = 10**_SERIAL_DIGITS - 1

# The quasigroup of order 10 in H. Michael Damm, "Total anti-symmetrische Quasigruppen" (2004), page 106.
_DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)


def damm_digit(digits: str) -> str:
    """The check digit of `digits`. It catches every single wrong digit and every swap of neighbours."""
    interim = "0"
    for digit in digits:
        interim = _DAMM[int(interim)][int(digit)]
    return interim


def _plain(text: str) -> str:
    """Typed digits without the spaces, dashes and full stops that people put between them."""
    return re.sub(r"[\s.\-]", "", text) if len(text) <= _TYPED_MAX else ""


@dataclass(frozen=True, slots=True)
class MemberNumber:
    """Nine digits: `4`, seven of a sequence, a Damm check digit. Also the account at the paybill."""

    digits: str

    @classmethod
    def of_serial(cls, serial: int) -> "MemberNumber":
        """The number of the nth member. Raises InvalidValue outside 1..SERIAL_MAX."""
        if not 1 <= serial <= SERIAL_MAX:
            raise InvalidValue(f"no member number has the serial {serial}")
        body = f"{_PREFIX}{serial:0{_SERIAL_DIGITS}}"
        return cls(body + damm_digit(body))

    @classmethod
    def parse(cls, text: str) -> "MemberNumber":
        """Read a number as people type it. Raises InvalidValue unless shape and check digit are right."""
        digits = _plain(text)
        if not re.fullmatch(r"4[0-9]{8}", digits) or damm_digit(digits) != "0":
            raise InvalidValue("not a member number")
        return cls(digits)

    @property
    def spaced(self) -> str:
        """In groups, as it is read aloud: `412 345 678`."""
        return " ".join(self.digits[n : n + 3] for n in range(0, len(self.digits), 3))

    def __str__(self) -> str:
        return self.digits


@dataclass(frozen=True, slots=True)
class NationalId:
    """A national identity number in one of the forms of `members/id_forms.yaml`. Its `repr` is masked."""

    digits: str

    @classmethod
    def parse(cls, text: str) -> "NationalId":
        """Read an ID as people type it. Raises InvalidValue for anything but a known country's form.

        Leading zeros are dropped where they mean nothing, so that one card never makes two members.
        """
        plain = _plain(text).upper()
        number = next((found for form in id_forms().values() if (found := form.read(plain))), None)
        if number is None:
            raise InvalidValue("not a national ID number")
        return cls(number)

    @property
    def masked(self) -> str:
        return "*" * (len(self.digits) - 3) + self.digits[-3:]

    def __str__(self) -> str:
        return self.digits

    def __repr__(self) -> str:
        return f"NationalId({self.masked})"
