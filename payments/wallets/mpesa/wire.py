"""Daraja's amounts, receipts and times."""

import re
from datetime import UTC, datetime, timedelta, timezone

from core.money import Money
from payments.wallets import wire
from payments.wallets.protocol import UnreadableMessage

# Kenya has no daylight saving; Daraja writes all times so, without saying it.
EAST_AFRICA = timezone(timedelta(hours=3), "EAT")
CURRENCY = "KES"
_YEAR_MIN, _YEAR_MAX = 2007, 2100
_COMPACT_TIME = re.compile(r"[0-9]{14}")
_RECEIPT = re.compile(r"[A-Za-z0-9]{6,20}")


def read_amount(text: str) -> Money:
    """Shillings as Daraja writes them (`5`, `5.0`, `"1,168.00"`). Raises UnreadableMessage."""
    return wire.read_amount(text, CURRENCY)


def read_payment(text: str) -> Money:
    """An amount above zero. Raises UnreadableMessage."""
    return wire.read_payment(text, CURRENCY)


def read_receipt(text: str) -> str:
    """A receipt, in capitals: exports write it in either case. Raises UnreadableMessage."""
    if not _RECEIPT.fullmatch(text.strip()):
        raise UnreadableMessage("not a receipt")
    return text.strip().upper()


def compact_time(instant: datetime) -> str:
    """`YYYYMMDDHHmmss` in East Africa Time."""
    return instant.astimezone(EAST_AFRICA).strftime("%Y%m%d%H%M%S")


def read_compact_time(text: str) -> datetime:
    """`YYYYMMDDHHmmss` in East Africa Time as an instant in UTC. Raises UnreadableMessage."""
    if not _COMPACT_TIME.fullmatch(text):
        raise UnreadableMessage("not a time")
    return read_time(text, "%Y%m%d%H%M%S")


def read_time(text: str, form: str) -> datetime:
    """A local time in one form as an instant in UTC. Raises UnreadableMessage."""
    try:
        return in_utc(datetime.strptime(text, form).replace(tzinfo=EAST_AFRICA))
    except ValueError:
        raise UnreadableMessage("not a time") from None


def in_utc(found: datetime) -> datetime:
    """An instant in UTC; without a zone it is East Africa's. Raises UnreadableMessage for odd years."""
    if not _YEAR_MIN <= found.year < _YEAR_MAX:
        raise UnreadableMessage("not a time of M-Pesa's")
    return (found if found.tzinfo else found.replace(tzinfo=EAST_AFRICA)).astimezone(UTC)
