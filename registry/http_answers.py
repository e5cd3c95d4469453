"""What an HTTP answer of a registry means before its content is read."""

import email.utils
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus

from registry import codes
from registry.outcomes import Answered, Refused, Unavailable
from registry.wire import first_error

RETRY_SECONDS_MAX = 3600

Outcome = Answered | Refused | Unavailable

_REFUSALS = {
    HTTPStatus.UNAUTHORIZED: codes.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN: codes.FORBIDDEN,
}


def judge(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Outcome:
    """What an HTTP answer means by its status, the standard's `errors` in it, and `Retry-After`."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Answered(body)
    retry_seconds = retry_after(headers.get("Retry-After", ""), now)
    code, message = first_error(body) or ("", "")
    if status == HTTPStatus.TOO_MANY_REQUESTS or code == codes.TOO_MANY_REQUESTS:
        return Unavailable("too_many_requests", retry_seconds, may_have_arrived=False)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and (code or status in _REFUSALS):
        return Refused.because(code or _REFUSALS[HTTPStatus(status)], message, retry_seconds=retry_seconds)
    # What is left is the server's trouble, a wrong address, or a proxy between that speaks no DCI: none says
    # anything about what was sent.
    reason = code if code in codes.CODES else f"http_{status}"
    turned_away = status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.REQUEST_TIMEOUT
    return Unavailable(reason, retry_seconds, may_have_arrived=not turned_away)


def retry_after(text: str, now: datetime) -> int | None:
    """`Retry-After` in seconds or as an HTTP date; None when absent or senseless; at most an hour."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), RETRY_SECONDS_MAX)
    try:
        at = email.utils.parsedate_to_datetime(text)
        seconds = (at - now).total_seconds()
    except (TypeError, ValueError):
        return None
    return max(0, min(round(seconds), RETRY_SECONDS_MAX))
