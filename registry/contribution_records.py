"""The Contribution record: written strictly, read leniently. Its meaning is published in `contexts/`."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from core.errors import InvalidValue
from core.money import Money, cents_from_text
from registry.connection import Connection
from registry.envelope import written
from registry.model import ContributionRecord, Event, Identifier
from registry.person_records import identifiers
from registry.wire import instant

EVENT_TYPE = "ContributionReceived"
RECORD_TYPE = "Contribution"


def contribution_event(record: ContributionRecord, connection: Connection) -> Event:
    """The event by which a contribution is posted."""
    return Event(record.reference_id, EVENT_TYPE, write_contribution(record, connection))


def write_contribution(record: ContributionRecord, connection: Connection) -> dict[str, Any]:
    """A contribution in JSON: amounts as decimal text, times in UTC so that text order is their order."""
    member = record.member_identifier
    written_record: dict[str, Any] = {
        "@type": RECORD_TYPE,
        "reference_id": record.reference_id,
        "transaction_id": record.transaction_id,
        "member_identifier": [
            {"identifier_type": connection.their_name(member.type), "identifier_value": member.value}
        ],
        "programme_identifier": record.programme,
        "amount": decimal_text(record.amount),
        "currency_code": record.amount.currency,
        "period": record.period,
        "paid_at": written(record.paid_at.astimezone(UTC)),
        "provider_reference": record.provider_reference,
        "status": record.status,
    }
    if record.corrects:
        written_record["corrects"] = record.corrects
    if record.payer_fa:
        written_record["payer_fa"] = record.payer_fa
    if connection.context_url:
        written_record["@context"] = connection.context_url
    return written_record


def read_contribution(record: Mapping[str, Any], connection: Connection) -> ContributionRecord:
    """A contribution a registry holds. Raises InvalidValue when it cannot be compared with ours."""
    paid_at = instant(record.get("paid_at"))
    member = next(identifiers(record, connection), None)
    if paid_at is None or member is None:
        raise InvalidValue("a contribution record without a payer or a time")
    programme = record.get("programme_identifier")
    if isinstance(programme, dict):
        programme = programme.get("programme_identifier", programme.get("identifier_value"))
    return ContributionRecord(
        reference_id=_text(record.get("reference_id")),
        transaction_id=_text(record.get("transaction_id")),
        member_identifier=Identifier(member.type, member.value),
        programme=_text(programme),
        amount=_amount(record),
        period=_text(record.get("period")),
        paid_at=paid_at,
        payer_fa=_text(record.get("payer_fa")).lstrip("+"),
        provider_reference=_text(record.get("provider_reference")),
        status=_text(record.get("status")).lower(),
        corrects=_text(record.get("corrects")),
    )


def decimal_text(amount: Money) -> str:
    """`200.00`: units, a point, two digits of cents."""
    if amount.amount_cents < 0:
        raise InvalidValue("a contribution is not negative")
    units, cents = divmod(amount.amount_cents, 100)
    return f"{units}.{cents:02d}"


def _amount(record: Mapping[str, Any]) -> Money:
    value, currency = record.get("amount"), record.get("currency_code")
    if isinstance(value, dict):
        currency = value.get("currency_code", currency)
        value = value.get("amount", value.get("value"))
    return Money(cents_from_text(_text(value)), _text(currency).upper())


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()[:200]
    return "" if isinstance(value, bool) or not isinstance(value, int | float) else str(value)[:200]
