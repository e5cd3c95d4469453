"""Cells that every plain statement has: local times, payers, and a name for a column that cannot be read."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from core.errors import InvalidValue
from core.phone import PhoneNumber
from payments.wallets.protocol import UnreadableMessage

_FORMS = ("%Y-%m-%d %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S")
_YEARS = range(2009, 2100)

_Value = TypeVar("_Value")


def read_local(text: str, zone: ZoneInfo) -> datetime:
    """A local time with a four-digit year as an instant in UTC. Raises UnreadableMessage."""
    for form in _FORMS:
        try:
            found = datetime.strptime(text, form).replace(tzinfo=zone)
        except ValueError:
            continue
        if found.year in _YEARS:
            return found.astimezone(UTC)
    raise UnreadableMessage("not a date with a time")


def payer_or_none(text: str, region: str) -> PhoneNumber | None:
    """The payer's number when the cell holds one. The payment is real without it."""
    try:
        return PhoneNumber.parse(text, region)
    except InvalidValue:
        return None


def column(name: str, read: Callable[[str], _Value], text: str) -> _Value:
    """Read a cell. Raises UnreadableMessage with the column's name, never with what stands there."""
    try:
        return read(text)
    except UnreadableMessage as error:
        raise UnreadableMessage(f"{name}: {error}") from None
