"""The JSON Canonicalization Scheme, RFC 8785: one text for one value, whoever writes it."""

import json
import math
from typing import Any

# Beyond these ECMAScript's numbers, which the scheme is built on, no longer tell neighbours apart.
_WHOLE_MAX = 2**53 - 1
_PLAIN_DIGITS_MAX = 21
_ZEROS_MAX = 6


def written(value: Any) -> str:
    """Canonical text. Raises ValueError for NaN, infinities and whole numbers beyond every double."""
    match value:
        case None | True | False | str():
            return json.dumps(value, ensure_ascii=False)
        case int():
            return str(value) if abs(value) <= _WHOLE_MAX else _large(value)
        case float():
            return _number(value)
        case dict():
            # Section 3.2.3: names in the order of their UTF-16 code units, not of their code points.
            names = sorted(value, key=lambda name: name.encode("utf-16-be"))
            return "{" + ",".join(f"{written(name)}:{written(value[name])}" for name in names) + "}"
        case list() | tuple():
            return "[" + ",".join(written(item) for item in value) + "]"
    raise ValueError(f"{type(value).__name__} is not JSON")


def _large(value: int) -> str:
    # The scheme knows doubles only. Its own text of a large one need not be a whole number that a double
    # holds exactly, and must still read back to the same text.
    try:
        return _number(float(value))
    except OverflowError as error:
        raise ValueError("a whole number beyond every double has no canonical form") from error


def _number(value: float) -> str:
    """As ECMAScript's Number::toString writes it (section 3.2.2.3)."""
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    # `repr` gives the shortest digits that read back, as ECMAScript does; only their layout differs.
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.strip("0")
    return sign + _laid_out(digits, point)


def _laid_out(digits: str, point: int) -> str:
    """`digits` with the decimal point before index `point`, which may lie outside of them."""
    if len(digits) <= point <= _PLAIN_DIGITS_MAX:
        return digits.ljust(point, "0")
    if 0 < point <= _PLAIN_DIGITS_MAX:
        return f"{digits[:point]}.{digits[point:]}"
    if -_ZEROS_MAX < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"
