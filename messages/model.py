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
# Blanks, quotes, colons and all else that no receipt code holds end a word.
_BREAKS = re.compile(r"[^\w.-]+|_+")
# So does a dot or a dash after letters only: codes of wallets have those after digits.
_LABEL = re.compile(r"(?P<letters>[^\W\d]+)[.-]+(?P<rest>.*)")
_RECEIPT_CODE = re.compile(r"[A-Z0-9][A-Z0-9.-]{4,22}[A-Z0-9]")
_LETTERS_OF_A_CODE = 10


def word_in(text: str) -> Word | None:
    """The keyword that a message begins with, however it is cased, spaced, quoted or ended."""
    words = _words_of(text)
    return WORDS.get(words[0]) if words else None


def receipt_code_in(text: str) -> str | None:
    """The receipt code that follows a keyword, wherever it stands among other words.

    A code has digits, mostly among letters. Without any it is one of M-Pesa's ten characters, and the last
    such word: the words before it are rather what somebody says of it.
    """
    codes = [word for word in _words_of(text)[1:] if _RECEIPT_CODE.fullmatch(word)]
    mixed = [word for word in codes if _has_digit(word) and any(map(str.isalpha, word))]
    numeric = [word for word in codes if _has_digit(word)]
    of_letters = [word for word in codes if not _has_digit(word) and len(word) == _LETTERS_OF_A_CODE]
    return next(iter([*mixed, *numeric, *reversed(of_letters)]), None)


def _words_of(text: str) -> list[str]:
    words: list[str] = []
    for piece in _BREAKS.split(text.upper()):
        word = piece.strip(".-")
        while (label := _LABEL.fullmatch(word)) is not None:
            words.append(label["letters"])
            word = label["rest"].strip(".-")
        if word:
            words.append(word)
    return words


def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))
