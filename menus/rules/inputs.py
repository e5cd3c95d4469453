"""What callers may type, and how it is read: each rule accepts a clean form or says why not."""

from __future__ import annotations

import re
from typing import Final

from menus.engine.vocabulary import Accepted, InputRule, Refused, View

_KENYAN = "national_id"
# Kenyan national IDs have been issued with six to eight digits; leading zeros are not part of them.
_ID_DIGITS_MIN, _ID_DIGITS_MAX = 6, 8
# The shortest and the longest number of each other document; a passport's has nine characters at most.
_DOCUMENT_LENGTHS: Final = {"refugee_id": (6, 14), "passport": (6, 9)}
NO_NATIONAL_ID: Final = "none"
_PAPER_CHARACTERS_MAX = 20
_BIRTH_YEARS = range(1900, 2101)
_CENTS_PER_SHILLING = 100
_UNITS = ("kes", "ksh", "ugx", "ush", "rwf", "frw")
_AMOUNT_DIGITS_MAX = 9
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
_MEMBER_DIGITS = 9
# M-Pesa's codes have ten letters and digits; Airtel's have full stops in them, MTN's digits only.
_CODE = re.compile(r"[A-Z0-9][A-Z0-9.-]{4,22}[A-Z0-9]")


def national_id(typed: str, view: View) -> Accepted | Refused:
    """The country's identity number; spaces, dots and dashes in it are forgiven. Kenya's is also the one of a
    host that names no other.
    """
    scheme = view.facts["scheme"]
    kind = scheme.get("id_kind", _KENYAN)
    if kind == _KENYAN:
        return _kenyan_id(_without(typed, " .-"))
    number = _without(typed, " .-").upper()
    matches = number.isascii() and re.fullmatch(scheme["id_pattern"], number)
    return Accepted(number) if matches else Refused("nin_form" if kind == "nin" else "nid_form")


def _kenyan_id(digits: str) -> Accepted | Refused:
    if not _is_digits(digits):
        return Refused("id_digits")
    if not _ID_DIGITS_MIN <= len(digits.lstrip("0")) <= _ID_DIGITS_MAX:
        return Refused("id_length")
    return Accepted(digits.lstrip("0"))


def national_id_or_none(typed: str, view: View) -> Accepted | Refused:
    """A national ID, or `9` from somebody who has none: no ID is as short."""
    return Accepted(NO_NATIONAL_ID) if typed.strip() == "9" else national_id(typed, view)


def refugee_id(typed: str, _view: View) -> Accepted | Refused:
    return _document("refugee_id", typed)


def passport(typed: str, _view: View) -> Accepted | Refused:
    return _document("passport", typed)


def paper_number(typed: str, _view: View) -> Accepted | Refused:
    """The number of whichever paper: only whether it is the caller's counts, which the host knows."""
    number = _without(typed, " .-/").upper()
    fits = number.isascii() and number.isalnum() and len(number) <= _PAPER_CHARACTERS_MAX
    return Accepted(number) if fits else Refused("document_form")


def _document(document: str, typed: str) -> Accepted | Refused:
    """Figures and letters within the lengths of this document, kept as `document:NUMBER`."""
    number = _without(typed, " .-/").upper()
    shortest, longest = _DOCUMENT_LENGTHS[document]
    fits = number.isascii() and number.isalnum() and shortest <= len(number) <= longest
    if not (fits and any(character.isdigit() for character in number)):
        return Refused("document_form")
    return Accepted(f"{document}:{number}")


def save_amount(typed: str, view: View) -> Accepted | Refused:
    """Whole units within the scheme's limits, kept as cents. Forgives `KES`, `/=`, spaces, and commas between
    thousands; any other comma may have meant cents.
    """
    plain = typed.casefold().removesuffix("/=").removesuffix("/-")
    unit = next((unit for unit in _UNITS if plain.startswith(unit)), "")
    digits = _without(plain.removeprefix(unit), " ")
    if _THOUSANDS.fullmatch(digits):
        digits = _without(digits, ",")
    if not _is_digits(digits) or len(digits) > _AMOUNT_DIGITS_MAX:
        return Refused("amount_figures")
    cents = int(digits) * _CENTS_PER_SHILLING
    scheme = view.facts["scheme"]
    if cents < scheme["minimum_cents"]:
        return Refused("amount_low")
    if cents > scheme["maximum_cents"]:
        return Refused("amount_high")
    return Accepted(str(cents))


def birth_year(typed: str, _view: View) -> Accepted | Refused:
    """A year with four figures."""
    if not (_is_digits(typed) and len(typed) == 4 and int(typed) in _BIRTH_YEARS):  # noqa: PLR2004 - a year has four
        return Refused("year_figures")
    return Accepted(typed)


def receipt_code(typed: str, _view: View) -> Accepted | Refused:
    """The code of a wallet's SMS in capitals; spaces and a full stop after it are forgiven."""
    code = _without(typed, " ").rstrip(".,").upper()
    return Accepted(code) if _CODE.fullmatch(code) else Refused("code_form")


def member_number(typed: str, _view: View) -> Accepted | Refused:
    """Nine digits that begin with 4; spaces, dots and dashes between them are forgiven. The host checks the
    check digit.
    """
    digits = _without(typed, " .-")
    if not (_is_digits(digits) and len(digits) == _MEMBER_DIGITS and digits.startswith("4")):
        return Refused("number_form")
    return Accepted(digits)


def _without(typed: str, characters: str) -> str:
    return "".join(character for character in typed if character not in characters)


def _is_digits(typed: str) -> bool:
    return typed.isascii() and typed.isdigit()


INPUTS: Final = (
    InputRule(
        "national_id", ("id_digits", "id_length", "nin_form", "nid_form"), national_id_or_none, ("scheme",)
    ),
    InputRule("refugee_id", ("document_form",), refugee_id),
    InputRule("paper_number", ("document_form",), paper_number),
    InputRule("passport", ("document_form",), passport),
    InputRule("save_amount", ("amount_figures", "amount_low", "amount_high"), save_amount, ("scheme",)),
    InputRule("birth_year", ("year_figures",), birth_year),
    InputRule("member_number", ("number_form",), member_number),
    InputRule("receipt_code", ("code_form",), receipt_code),
)
