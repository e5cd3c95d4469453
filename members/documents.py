"""Papers by which a person may be known to a registry, each with the form of its number, as data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from core.errors import InvalidValue
from members.model import NATIONAL_ID
from members.numbers import NationalId

_TYPED_MAX = 30
REFUGEE_ID: Final = "refugee_id"
PASSPORT: Final = "passport"

# Lenient, because these numbers are issued by many hands: what matters is that one document has one spelling.
# A passport's number has at most nine characters (ICAO Doc 9303, part 3).
FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    REFUGEE_ID: re.compile(r"(?=.*[0-9])[0-9A-Z]{6,14}"),
    PASSPORT: re.compile(r"(?=.*[0-9])[0-9A-Z]{6,9}"),
}


@dataclass(frozen=True, slots=True)
class OtherDocument:
    """A document other than the national ID. `number`: capitals and figures only. Its `repr` is masked."""

    type: str
    number: str

    @classmethod
    def parse(cls, document_type: str, text: str) -> Self:
        """Read a number as people type it. Raises InvalidValue for a type or a form that is not known."""
        form = FORMS.get(document_type)
        number = re.sub(r"[\s./\-]", "", text).upper() if len(text) <= _TYPED_MAX else ""
        if form is None or not number.isascii() or not form.fullmatch(number):
            raise InvalidValue("not the number of such a document")
        return cls(document_type, number)

    @property
    def masked(self) -> str:
        return "*" * (len(self.number) - 3) + self.number[-3:]

    def __repr__(self) -> str:
        return f"OtherDocument({self.type} {self.masked})"


Document = NationalId | OtherDocument


def plain_number(text: str) -> str:
    """The one spelling of any paper's number by which two are compared; the first zeros do not count."""
    return re.sub(r"[\s./\-]", "", text).upper().lstrip("0")


def type_of(document: Document) -> str:
    """The type as it is stored."""
    return NATIONAL_ID if isinstance(document, NationalId) else document.type


def number_of(document: Document) -> str:
    """The number as it is stored and sent."""
    return document.digits if isinstance(document, NationalId) else document.number


def stored(document_type: str, number: str) -> Document:
    """A document from its two columns. Raises InvalidValue for a type that is not known."""
    return NationalId(number) if document_type == NATIONAL_ID else OtherDocument.parse(document_type, number)


def from_answer(answer: str) -> Document:
    """A document as a session keeps it: the digits of a national ID, otherwise `type:number`."""
    document_type, named, number = answer.partition(":")
    return OtherDocument.parse(document_type, number) if named else NationalId.parse(answer)


def as_answer(document: Document) -> str:
    """The inverse of `from_answer`."""
    number = number_of(document)
    return number if isinstance(document, NationalId) else f"{document.type}:{number}"
