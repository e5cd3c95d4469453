"""How Daraja refuses a request (`errorCode`), as data: what it means and what may be done about it.

Source: Daraja 3.0 portal, error pages of each API, and what integrations report where the portal is silent.
"""

from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """What a refusal says about the request."""

    TOKEN = "token"  # noqa: S105 -- the name of a kind of refusal
    """Turned away at the door for its token: nothing was done."""
    OURS = "ours"
    """Wrong in itself: nothing was done, and the same again would be refused again."""
    LATER = "later"
    """Not now: nothing was done."""
    BEING_PROCESSED = "being_processed"
    """The thing asked about is still going on."""
    ALREADY = "already"
    """Done before."""
    UNCLEAR = "unclear"
    """Nobody can tell what was done."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One row. `phrase`: what the message must hold, in small letters, since one code has many meanings."""

    code: str
    refusal: Refusal
    meaning: str
    phrase: str = ""
    retry_seconds: int | None = None


_TABLE = (
    ErrorCode("400.002.02", Refusal.OURS, "a field is wrong"),
    ErrorCode("400.002.05", Refusal.OURS, "the payload is wrong"),
    ErrorCode("400.008.01", Refusal.OURS, "consumer key or secret is wrong"),
    ErrorCode("400.008.02", Refusal.OURS, "the grant type is wrong"),
    ErrorCode("404.001.03", Refusal.TOKEN, "the token is not valid"),
    ErrorCode("400.003.01", Refusal.TOKEN, "the token is not valid"),
    ErrorCode("401.003.01", Refusal.TOKEN, "the token is not valid"),
    ErrorCode("404.001.01", Refusal.OURS, "no such resource"),
    ErrorCode("404.001.04", Refusal.OURS, "the authentication header is wrong"),
    ErrorCode("405.001", Refusal.OURS, "the method is not allowed"),
    ErrorCode("500.001.1001", Refusal.OURS, "the shortcode is unknown", "merchant does not exist"),
    ErrorCode("500.001.1001", Refusal.OURS, "shortcode, passkey and time do not fit", "wrong credentials"),
    ErrorCode("500.001.1001", Refusal.LATER, "another prompt is open", "unable to lock subscriber", 60),
    ErrorCode("500.001.1001", Refusal.BEING_PROCESSED, "the prompt is open", "being processed"),
    ErrorCode("500.003.02", Refusal.LATER, "too many requests at once", retry_seconds=30),
    ErrorCode("500.003.03", Refusal.LATER, "the quota is used up", retry_seconds=60),
    ErrorCode("500.003.1001", Refusal.ALREADY, "the addresses are known", "already registered"),
    ErrorCode("500.003.1001", Refusal.ALREADY, "the addresses are known", "duplicate notification info"),
    ErrorCode("500.002.1001", Refusal.ALREADY, "this request was sent before"),
    # The gateway in front of Daraja speaks for itself, in a form of its own.
    ErrorCode("policies.ratelimit.SpikeArrestViolation", Refusal.LATER, "too many at once", retry_seconds=30),
    ErrorCode("policies.ratelimit.QuotaViolation", Refusal.LATER, "the quota is used up", retry_seconds=60),
)
_UNCLEAR_STATUSES = frozenset({408, 409, 425, 499})
_CLIENT_ERRORS = range(400, 500)
_UNAUTHORISED, _TOO_MANY = 401, 429
# Said by something in front of the service that waited for it: the request may well have been worked on.
_WAITED_IN_VAIN = frozenset({502, 504})


def judge(http_status: int, code: str, message: str) -> ErrorCode:
    """The row for an answer that is not 200; without one, what its HTTP status alone can promise."""
    if http_status == _UNAUTHORISED:
        return ErrorCode(code or "http_401", Refusal.TOKEN, "the token is not valid")
    if http_status in _WAITED_IN_VAIN:
        return ErrorCode(code or f"http_{http_status}", Refusal.UNCLEAR, "no answer from the service itself")
    text = " ".join(message.lower().split())
    for row in _TABLE:
        if row.code == code and row.phrase in text:
            return row
    name = code or f"http_{http_status}"
    if http_status == _TOO_MANY:
        return ErrorCode(name, Refusal.LATER, "too many requests at once", retry_seconds=30)
    if http_status in _CLIENT_ERRORS and http_status not in _UNCLEAR_STATUSES:
        return ErrorCode(name, Refusal.OURS, "refused before it was worked on")
    return ErrorCode(name, Refusal.UNCLEAR, "no clear answer")
