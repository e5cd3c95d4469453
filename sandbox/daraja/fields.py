"""What Daraja accepts in each field, and the error it names when a field is wrong."""

import base64
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import request

from sandbox import msisdn
from sandbox.clock import EAST_AFRICA
from sandbox.daraja.errors import DarajaError, invalid
from sandbox.settings import is_loopback
from sandbox.world import World

Body = Mapping[str, Any]

AMOUNT_MAX_SHILLINGS = 250_000
# Less than the three hours between UTC and Nairobi, so that a client on UTC is found out.
TIMESTAMP_TOLERANCE_SECONDS = 3600
URL_LENGTH_MAX = 512
FORBIDDEN_WORDS = ("mpesa", "m-pesa", "safaricom", "exe", "exec", "cmd", "sql", "query")


def json_body() -> Body:
    """The request's JSON object. A wrong content type shows as an invalid BusinessShortCode, as there."""
    if request.mimetype != "application/json":
        raise invalid("BusinessShortCode")
    found = request.get_json(silent=True)
    if not isinstance(found, dict):
        raise DarajaError("400.002.05", "Invalid Request Payload")
    return found


def text(body: Body, field: str, *, most: int, least: int = 1) -> str:
    """A text, or a number written as one, of `least` to `most` characters."""
    value = body.get(field)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise invalid(field)
    written = str(value)
    if not least <= len(written) <= most or (least and not written.strip()):
        raise invalid(field)
    return written


def one_of(body: Body, field: str, allowed: tuple[str, ...]) -> str:
    value = body.get(field)
    if value not in allowed:
        raise invalid(field)
    return str(value)


def digits(body: Body, field: str, pattern: str = r"\d{5,7}") -> str:
    value = text(body, field, most=20)
    if not re.fullmatch(pattern, value):
        raise invalid(field)
    return value


def phone(body: Body, field: str) -> str:
    """`2547XXXXXXXX` or `2541XXXXXXXX`, nothing else: Daraja takes no `+` and no leading 0."""
    value = text(body, field, most=12)
    if not msisdn.PLAIN.fullmatch(value):
        raise invalid(field)
    return value


def amount_cents(body: Body, field: str = "Amount") -> int:
    """Whole shillings 1 to 250,000, as a number or in digits; returned in cents."""
    value = body.get(field)
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, str))
        or not re.fullmatch(r"\d{1,6}", str(value))
    ):
        raise invalid(field)
    shillings = int(value)
    if not 1 <= shillings <= AMOUNT_MAX_SHILLINGS:
        raise invalid(field)
    return shillings * 100


def timestamp(world: World, body: Body) -> str:
    """`YYYYMMDDHHmmss` in East Africa Time, within an hour of now."""
    value = digits(body, "Timestamp", r"\d{14}")
    try:
        instant = datetime.strptime(value, "%Y%m%d%H%M%S").replace(tzinfo=EAST_AFRICA).timestamp()
    except ValueError:
        raise invalid("Timestamp") from None
    now = world.clock.now()
    offsets = (abs(instant - now), abs(instant - (now - world.clock.offset_seconds)))
    if min(offsets) > TIMESTAMP_TOLERANCE_SECONDS:
        raise invalid("Timestamp")
    return value


def callback_url(body: Body, field: str, *, words: bool = False) -> str:
    """An https address, or http on loopback (this is a sandbox); `words` refuses the forbidden words."""
    value = text(body, field, most=URL_LENGTH_MAX)
    try:
        parts = urlsplit(value)
        well_formed = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        raise invalid(field) from None
    allowed = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(value))
    if not well_formed or not allowed or re.search(r"\s", value) or parts.fragment:
        raise invalid(field)
    if words and any(word in value.lower() for word in FORBIDDEN_WORDS):
        raise invalid(field)
    return value


def merchant(world: World, body: Body) -> str:
    """The shortcode, once shortcode, Password and Timestamp agree."""
    shortcode = digits(body, "BusinessShortCode")
    given = text(body, "Password", most=512)
    stamp = timestamp(world, body)
    if shortcode != world.settings.shortcode:
        raise DarajaError("500.001.1001", "Merchant does not exist")
    expected = base64.b64encode(f"{shortcode}{world.settings.passkey}{stamp}".encode())
    if not hmac.compare_digest(given.encode(), expected):
        raise DarajaError("500.001.1001", "[MerchantValidate] - Wrong credentials")
    return shortcode
