"""Phone numbers: parsed once at the edge, kept as E.164, shown masked."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache

import phonenumbers

from core.errors import InvalidValue

_TYPED_MAX = 24


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A valid phone number in E.164 (`+254712345678`). Its `repr` is masked."""

    e164: str

    @classmethod
    def parse(cls, text: str, region: str = "KE") -> "PhoneNumber":
        """Read a number as people and providers write it: `07…`, `7…`, `2547…`, `+2547…`, spaces, dashes.

        Raises InvalidValue when it is not a possible number of the region or of the world.
        """
        cleaned = text.strip()
        if not cleaned or len(cleaned) > _TYPED_MAX:
            raise InvalidValue("not a phone number")
        if not cleaned.startswith("+"):
            country_code = str(phonenumbers.country_code_for_region(region))
            digits = cleaned.replace(" ", "").replace("-", "")
            if digits.startswith(country_code) and digits.isdigit():
                cleaned = f"+{digits}"
        if cleaned.startswith("+") and _mobiles(_country_code(cleaned)).fullmatch(cleaned):
            # As aggregators and wallets write it, and some hundred times cheaper than to take it to pieces.
            return cls(cleaned)
        try:
            number = phonenumbers.parse(cleaned, region)
        except phonenumbers.NumberParseException as error:
            raise InvalidValue("not a phone number") from error
        if not phonenumbers.is_valid_number(number):
            raise InvalidValue("not a phone number")
        return cls(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    def is_of(self, region: str) -> bool:
        """Whether this is a number of the country (ISO 3166, two letters)."""
        return phonenumbers.region_code_for_number(phonenumbers.parse(self.e164)) == region.upper()

    @property
    def national(self) -> str:
        """The digits after the country code, without a leading 0 (`712345678`)."""
        return self.e164[1 + len(_country_code(self.e164)) :]

    @property
    def wire(self) -> str:
        """As wallets want it: digits only, country code first (`254712345678`)."""
        return self.e164[1:]

    @property
    def wallet_hash(self) -> str:
        """What M-Pesa C2B v1 sends in place of the number: lower-case hex SHA-256 of the wire form."""
        return hashlib.sha256(self.wire.encode()).hexdigest()

    @property
    def masked(self) -> str:
        """For people who need to recognise, not to know: `+2547*****678`."""
        return f"{self.e164[:5]}*****{self.e164[-3:]}"

    @property
    def national_masked(self) -> str:
        """As its owner writes it, masked: `0712***678`."""
        national = f"0{self.national}"
        return f"{national[:4]}***{national[-3:]}"

    def __str__(self) -> str:
        return self.e164

    def __repr__(self) -> str:
        return f"PhoneNumber({self.masked})"


def _country_code(e164: str) -> str:
    """The country code that an international number begins with, "" when there is none. No code begins with
    another one.
    """
    for end in (2, 3, 4):
        if e164[1:end] in _country_codes():
            return e164[1:end]
    return ""


@cache
def _country_codes() -> frozenset[str]:
    return frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


@cache
def _mobiles(country_code: str) -> re.Pattern[str]:
    """Mobile numbers of a country as they are written in full, `+2547…`; nothing where the code is shared by
    several countries, or not known.
    """
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(country_code or 0), ())
    data = phonenumbers.PhoneMetadata.metadata_for_region(regions[0]) if len(regions) == 1 else None
    mobile = data.mobile.national_number_pattern if data and data.mobile else None
    general = data.general_desc.national_number_pattern if data and data.general_desc else None
    if mobile is None or general is None:
        return re.compile(r"(?!)")
    return re.compile(rf"\+{country_code}(?=(?:{general})\Z)(?:{mobile})", re.ASCII)
