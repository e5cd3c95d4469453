"""The words in which faults are written: which key and which value each part of the sandbox understands."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox import msisdn
from sandbox.airtel.outcomes import ENDINGS as AIRTEL_ENDINGS
from sandbox.daraja.outcomes import OUTCOMES
from sandbox.mtn.outcomes import ENDINGS as MTN_ENDINGS

HOLD_SECONDS = 30.0
LATE_SECONDS = 20.0
DELAY_SECONDS_MAX = 86_400


class FaultError(ValueError):
    """A fault nobody here would obey."""


EVERYWHERE = ("delay_s", "drop", "outage", "http_status", "error_code", "accept_then_timeout", "rate", "seed")
PROMPTED = frozenset({*EVERYWHERE, "phone", "auto", "outcome", "duplicate", "reorder", "late_success"})
REGISTRIES = (*EVERYWHERE, "outcome", "retry_after", "clock_skew_s")
KEYS: Mapping[str, frozenset[str]] = {
    "stk": PROMPTED,
    "airtel": PROMPTED,
    "mtn": PROMPTED,
    "c2b": frozenset({*EVERYWHERE, "phone", "duplicate", "reorder"}),
    "pull": frozenset({*EVERYWHERE, "phone", "duplicate"}),
    "b2c": frozenset({*EVERYWHERE, "phone", "outcome", "duplicate", "reorder", "late_success"}),
    "sms": frozenset({*EVERYWHERE, "phone", "outcome", "duplicate", "reorder"}),
    "civil": frozenset({*REGISTRIES, "duplicate", "reorder"}),
    "fund": frozenset({*REGISTRIES, "half_post"}),
}
SMS_OUTCOMES = ("success", "failed", "rejected", "buffered", "submitted", "sent")
OUTCOMES_OF: Mapping[str, frozenset[str]] = {
    "stk": frozenset(OUTCOMES),
    "airtel": frozenset(AIRTEL_ENDINGS),
    "mtn": frozenset(MTN_ENDINGS),
    "b2c": frozenset({*OUTCOMES, "queue_timeout"}),
    "sms": frozenset(SMS_OUTCOMES),
    "civil": frozenset({"unknown", "unsigned", "wrong_signature", "token_refused"}),
    "fund": frozenset(
        {"nack", "unsigned", "wrong_signature", "token_refused", "lies", "pending", "rejected"}
    ),
}


def check(part: str, spec: Any) -> dict[str, Any]:
    """The fault as it will be kept, every value in its own type; FaultError otherwise."""
    if part not in KEYS:
        raise FaultError(f"unknown part {part!r}; there are {', '.join(KEYS)}")
    if not isinstance(spec, dict):
        raise FaultError("a fault is a JSON object")
    for key in spec:
        if key not in CHECKS:
            raise FaultError(f"unknown key {key!r}; there are {', '.join(sorted(KEYS[part]))}")
        if key not in KEYS[part]:
            raise FaultError(f"{key} means nothing for {part}; it knows {', '.join(sorted(KEYS[part]))}")
    return {key: CHECKS[key](part, key, value) for key, value in spec.items() if value is not None}


def _boolean(_part: str, key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise FaultError(f"{key} must be true or false")
    return value


def _number(key: str, value: Any, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise FaultError(f"{key} must be a number from 0 to {most:g}")
    return float(value)


def _delay(_part: str, key: str, value: Any) -> float:
    return _number(key, value, DELAY_SECONDS_MAX)


def _skew(_part: str, key: str, value: Any) -> float:
    if isinstance(value, (int, float)) and value < 0:
        return -_number(key, -value, DELAY_SECONDS_MAX)
    return _number(key, value, DELAY_SECONDS_MAX)


def _rate(_part: str, key: str, value: Any) -> float:
    return _number(key, value, 1)


def _seconds_or_true(when_true: float) -> Callable[[str, str, Any], float]:
    def parse(_part: str, key: str, value: Any) -> float:
        if isinstance(value, bool):
            return when_true if value else 0.0
        return _number(key, value, DELAY_SECONDS_MAX)

    return parse


def _copies(_part: str, key: str, value: Any) -> int:
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, int) or not 0 <= value <= 20:  # noqa: PLR2004 - more proves nothing more.
        raise FaultError(f"{key} must be true, false or the number of extra copies, up to 20")
    return value


def _seed(_part: str, key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise FaultError(f"{key} must be a whole number")
    return value


def _status(_part: str, key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 400 <= value <= 599:  # noqa: PLR2004 - HTTP.
        raise FaultError(f"{key} must be an HTTP status from 400 to 599")
    return value


def _outcome(part: str, key: str, value: Any) -> str:
    if value not in OUTCOMES_OF[part]:
        raise FaultError(f"{key} of {part} is one of {', '.join(sorted(OUTCOMES_OF[part]))}")
    return str(value)


def _error_code(part: str, key: str, value: Any) -> str:
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not text:
        raise FaultError(f"{key} must be one of the provider's own codes")
    if part == "sms" and not text.isdigit():
        raise FaultError("error_code of sms is a recipient status code such as 406")
    if part in {"stk", "c2b", "pull", "b2c"} and text.split(".", maxsplit=1)[0] not in {
        "400",
        "401",
        "404",
        "405",
        "500",
    }:
        raise FaultError("error_code of Daraja begins with an HTTP status, such as 500.003.02")
    if part == "airtel" and not re.fullmatch(r"(DP008|ESB)\d{6,8}", text):
        raise FaultError("error_code of airtel is a code such as ESB000008 or DP00800001007")
    if part == "mtn" and not re.fullmatch(r"[A-Z_]{3,60}", text):
        raise FaultError("error_code of mtn is a code such as INVALID_CURRENCY")
    if part in {"civil", "fund"} and not text.startswith(("err.", "rjct.")):
        raise FaultError("error_code of a registry begins with err. or rjct.")
    return text


def _phone(_part: str, key: str, value: Any) -> str:
    parsed = msisdn.parse(str(value))
    if parsed is None:
        raise FaultError(f"{key} must be a mobile number such as +254712345678")
    return parsed


CHECKS: Mapping[str, Callable[[str, str, Any], Any]] = {
    "auto": _boolean,
    "outcome": _outcome,
    "drop": _boolean,
    "duplicate": _copies,
    "delay_s": _delay,
    "reorder": _boolean,
    "late_success": _seconds_or_true(LATE_SECONDS),
    "http_status": _status,
    "error_code": _error_code,
    "accept_then_timeout": _seconds_or_true(HOLD_SECONDS),
    "outage": _boolean,
    "half_post": _boolean,
    "retry_after": _delay,
    "clock_skew_s": _skew,
    "phone": _phone,
    "rate": _rate,
    "seed": _seed,
}
