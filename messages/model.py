"""SMS as values: states of one sent, one received, a delivery report, keywords."""

import re
from dataclasses import dataclass
from enum import StrEnum

from core.phone import PhoneNumber


class MessageState(StrEnum):
    """`queued` waits for another try; `sending`: a call is, or was, on its way; `withheld`: opted out."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of an SMS, in the provider's words. `raw` is the whole report as JSON."""

    provider_id: str
    status: str
    failure_reason: str
    network_code: str
    raw: str


@dataclass(frozen=True, slots=True)
class IncomingSms:
    """An SMS to us. `phone` is None when the sender is no phone (a short code, a name)."""

    provider_id: str
    sender: str
    phone: PhoneNumber | None
    text: str


class Keyword(StrEnum):
    """What a sender wants."""

    STOP = "stop"
    HELP = "help"
    BALANCE = "balance"
    CLAIM = "claim"
    CONFIRM = "confirm"
    WAY = "way"
    REFUND = "refund"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Word:
    """A keyword as people write it, and the language they wrote it in."""

    keyword: Keyword
    language: str


WORDS = {
    "ACHA": Word(Keyword.STOP, "sw"),
    "STOP": Word(Keyword.STOP, "en"),
    "MSAADA": Word(Keyword.HELP, "sw"),
    "USAIDIZI": Word(Keyword.HELP, "sw"),
    "HELP": Word(Keyword.HELP, "en"),
    "SALIO": Word(Keyword.BALANCE, "sw"),
    "BAL": Word(Keyword.BALANCE, "en"),
    "BALANCE": Word(Keyword.BALANCE, "en"),
    "RISITI": Word(Keyword.CLAIM, "sw"),
    "RECEIPT": Word(Keyword.CLAIM, "en"),
    "NDIYO": Word(Keyword.CONFIRM, "sw"),
    "NDIO": Word(Keyword.CONFIRM, "sw"),
    "YES": Word(Keyword.CONFIRM, "en"),
    "WAPI": Word(Keyword.WAY, "sw"),
    "WHERE": Word(Keyword.WAY, "en"),
    "REJESHA": Word(Keyword.REFUND, "sw"),
    "REFUND": Word(Keyword.REFUND, "en"),
}
_RECEIPT_CODE = re.compile(r"[A-Z0-9][A-Z0-9.-]{4,22}[A-Z0-9]")


def word_in(text: str) -> Word | None:
    """The keyword that a message begins with, however it is cased, spaced or ended."""
    first = text.split(maxsplit=1)[:1]
    return WORDS.get(first[0].strip(".,!?;:\"'").upper()) if first else None


def receipt_code_in(text: str) -> str | None:
    """The receipt code that follows a keyword: as the wallet's SMS begins, however it is cased or ended."""
    words = text.split(maxsplit=2)[1:2]
    code = words[0].strip(".,!?;:\"'").upper() if words else ""
    return code if _RECEIPT_CODE.fullmatch(code) else None
