"""What Africa's Talking posts to us about SMS: hostile until parsed here."""

import json
from collections.abc import Mapping

from core.errors import InvalidValue
from core.phone import PhoneNumber
from messages.model import DeliveryReport, IncomingSms

_ID_MAX = 120
_STATUS_MAX = 60
_REASON_MAX = 200
_NETWORK_MAX = 20
_SENDER_MAX = 40
# Ten parts of an SMS in any alphabet.
_TEXT_MAX = 1600
_REPORT_FIELDS = ("id", "status", "phoneNumber", "networkCode", "failureReason", "retryCount")


def parse_delivery_report(form: Mapping[str, str]) -> DeliveryReport:
    """Read a delivery report. Raises InvalidValue without `id` and `status`; takes any words in the rest."""
    known = {name: _clean(form.get(name, ""), _REASON_MAX) for name in _REPORT_FIELDS}
    return DeliveryReport(
        provider_id=_required(form, "id", _ID_MAX),
        status=_required(form, "status", _STATUS_MAX),
        failure_reason=known["failureReason"],
        network_code=_clean(form.get("networkCode", ""), _NETWORK_MAX),
        raw=json.dumps(known, sort_keys=True),
    )


def parse_incoming(form: Mapping[str, str], region: str = "KE") -> IncomingSms:
    """Read an incoming SMS. Raises InvalidValue without `id` and `from`; an empty text is a text."""
    sender = _required(form, "from", _SENDER_MAX)
    return IncomingSms(
        provider_id=_required(form, "id", _ID_MAX),
        sender=sender,
        phone=_phone(sender, region),
        text=_clean(form.get("text", ""), _TEXT_MAX),
    )


def _required(form: Mapping[str, str], name: str, characters_max: int) -> str:
    value = form.get(name, "").strip()
    if not value or len(value) > characters_max or not value.isprintable():
        raise InvalidValue(f"the field {name} is missing or malformed")
    return value


def _clean(text: str, characters_max: int) -> str:
    # PostgreSQL refuses the character NUL in any text.
    return text.replace("\x00", "").strip()[:characters_max]


def _phone(sender: str, region: str) -> PhoneNumber | None:
    try:
        return PhoneNumber.parse(sender, region)
    except InvalidValue:
        return None
