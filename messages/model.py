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
    "SIMAMISHA": Word(Keyword.STOP, "sw"),
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
# In Swahili "where" comes last: "Pesa yangu iko wapi?". It asks for one's payment when that is what it names,
# or nothing at all; a longer message tells more, and staff read it.
_ASKS_WHERE = re.compile(
    r"(?:I|U|YA|ZI)KO WAPI\b|.*\b(?:PESA|HELA|MALIPO|MCHANGO|MICHANGO|AKIBA)\b.*\bWAPI\b"
)
_ASKED_INSIDE = Word(Keyword.WAY, "sw")
_QUESTION_WORDS_MAX = 7
# A keyword with a please; with more words, or a number among them, something is told that staff should read.
_PLAIN_WORDS_MAX = 3
_WITH_A_PIN = 2
_PIN_LIKE = re.compile(r"\d{1,4}")
# Blanks, quotes, colons and all else that no receipt code holds end a word.
_BREAKS = re.compile(r"[^\w.-]+|_+")
# So does a dot or a dash after letters only: codes of wallets have those after digits.
_LABEL = re.compile(r"(?P<letters>[^\W\d]+)[.-]+(?P<rest>.*)")
_RECEIPT_CODE = re.compile(r"[A-Z0-9][A-Z0-9.-]{4,22}[A-Z0-9]")
_LETTERS_OF_A_CODE = 10

# Amounts and dates have digits among letters as codes have, and people write them together.
_START, _END = r"(?<![A-Z0-9])(?<![A-Z0-9][.-])", r"(?![A-Z0-9])"
_CURRENCY = r"(?:KSHS?|KES|TSHS?|TZS|USHS?|UGX|RWF|FRW|SHS?|SHILLINGS?|SHILINGI|BOB)"
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_AMOUNT = re.compile(
    rf"(?<![A-Z0-9]){_CURRENCY}[.:=]*{_NUMBER}{_END}"
    rf"|{_START}{_NUMBER}(?:/[=-]|{_CURRENCY}{_END})"
    rf"|{_START}\d+\.\d{{2}}{_END}"
)
_MONTH_NAMES = (
    "JANUARY FEBRUARY MARCH APRIL MAY JUNE JULY AUGUST SEPTEMBER OCTOBER NOVEMBER DECEMBER SEPT"
    " JANUARI FEBRUARI MACHI APRILI MEI JUNI JULAI AGOSTI SEPTEMBA OKTOBA NOVEMBA DESEMBA"
)
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTH_NAMES.split())
_DAY, _YEAR = r"\d{1,2}(?:ST|ND|RD|TH)?", r"(?:20)?\d{2}"
_DATE = re.compile(
    rf"{_START}(?:{_DAY}[.-]?)?(?:{_MONTH})(?:[.-]?{_DAY})?(?:[.-]?{_YEAR})?{_END}"
    rf"|{_START}\d{{1,2}}[.-]\d{{1,2}}[.-]{_YEAR}{_END}"
    rf"|{_START}20\d{{2}}[.-]\d{{1,2}}[.-]\d{{1,2}}{_END}"
    rf"|{_START}\d{{1,2}}\.?\d{{2}}(?:AM|PM|HRS?){_END}"
)
_PHONE = re.compile(r"(?:0|25[0456])[167]\d{8}")
# What a word may be, the likeliest code first: of M-Pesa (ten characters) or Airtel (with a date and a time),
# or a part of such a payment; any with letters and digits; a number as long as MoMo's.
_LIKENESS = (
    re.compile(r"(?=.*\d)(?=.*[A-Z])[A-Z0-9]{10}(?:-\d+)?|[A-Z]{2}\d{6}\.\d{4}\.[A-Z]\d+(?:-\d+)?"),
    re.compile(r"(?=.*\d)(?=.*[A-Z]).+"),
    re.compile(r"\d{8}.*"),
    re.compile(r".*\d.*"),
)


def word_in(text: str) -> Word | None:
    """The keyword that a message begins with, however it is cased, spaced, quoted or ended; or that it asks
    in a few words where one's money is.
    """
    words = _words_of(text.upper())
    if not words or words[0] in WORDS:
        return WORDS[words[0]] if words else None
    asks = len(words) <= _QUESTION_WORDS_MAX and _ASKS_WHERE.match(" ".join(words))
    # A payment that is named by its code may not be the last one.
    return _ASKED_INSIDE if asks and receipt_code_in(text) is None else None


def is_bare(text: str, code: str | None = None) -> bool:
    """Whether a message is a keyword, with `code` behind it if there is one, and nothing else."""
    words = _words_of(text.upper())
    return bool(words) and words[0] in WORDS and words[1:] == ([code] if code else [])


def tells_more(text: str, word: Word) -> bool:
    """Whether a message says more than its keyword can answer: "Help! I sent 500 by mistake"."""
    words = _words_of(text.upper())
    if word.keyword is Keyword.BALANCE and len(words) == _WITH_A_PIN and _PIN_LIKE.fullmatch(words[1]):
        # Some type their PIN behind it, as the menus ask for it: nobody is to read that.
        return False
    most = _QUESTION_WORDS_MAX if word.keyword is Keyword.WAY else _PLAIN_WORDS_MAX
    return len(words) > most or any(map(_has_digit, words))


def receipt_code_in(text: str) -> str | None:
    """The receipt code that follows a keyword, wherever it stands among other words.

    What reads as an amount, a date or a phone is none. A code has digits, mostly among letters, and of many
    words the one most like a wallet's is meant, then the first. Without any digit it is one of M-Pesa's ten
    characters, and the last such word: the words before it are rather what somebody says of it.
    """
    told = _AMOUNT.sub(" ", _DATE.sub(" ", text.upper()))
    words = [word for word in _words_of(told)[1:] if not _PHONE.fullmatch(word.replace("-", ""))]
    codes = [word for word in words if _RECEIPT_CODE.fullmatch(word)]
    with_digits = [word for word in codes if any(map(str.isdigit, word))]
    if with_digits:
        return min(with_digits, key=_unlikeness)
    return next((word for word in reversed(codes) if len(word) == _LETTERS_OF_A_CODE), None)


def _unlikeness(word: str) -> int:
    return next(place for place, shape in enumerate(_LIKENESS) if shape.fullmatch(word))


def _words_of(capitals: str) -> list[str]:
    words: list[str] = []
    for piece in _BREAKS.split(capitals):
        word = piece.strip(".-")
        while (label := _LABEL.fullmatch(word)) is not None:
            words.append(label["letters"])
            word = label["rest"].strip(".-")
        if word:
            words.append(word)
    return words


def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))
