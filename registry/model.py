"""What is said between us and a registry, as values: people, contributions, questions, answers."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from core.errors import InvalidValue
from core.money import Money

FINANCIAL_ADDRESS = re.compile(r"[a-zA-Z0-9.-]+@[a-zA-Z0-9.-]+")
_PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_ID_MAX = 99
_STARS_MAX = 5
_MASKED_PARTS_MAX = 3


@dataclass(frozen=True, slots=True)
class Identifier:
    """A person's identifier: its type as we name it (`UIN`, `NSSF_NO`) and value. Its `repr` is masked."""

    type: str
    value: str

    def __repr__(self) -> str:
        return f"Identifier({self.type} …{self.value[-2:]})"


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """Someone as a registry knows them. `alive` is False when it knows of a death. Its `repr` is masked.

    `given_name` and `surname` may each hold several words; one of them may be empty, not both. `source`
    names the connection that answered, `looked_up_at` says when.
    """

    identifier: Identifier
    given_name: str
    surname: str
    birth_date: date | None
    alive: bool
    source: str
    looked_up_at: datetime

    @property
    def masked_name(self) -> str:
        """Enough to recognise oneself, not enough to learn who someone is: `W***** M****`.

        Each part is its first letter, without accents, and one star for every further letter, at least one
        and at most five. Of more than three parts the first two and the last: at most 20 characters.
        """
        parts = [part for part in f"{self.given_name} {self.surname}".split() if _initial(part)]
        if len(parts) > _MASKED_PARTS_MAX:
            parts = [*parts[: _MASKED_PARTS_MAX - 1], parts[-1]]
        return " ".join(_initial(part) + "*" * max(1, min(len(part) - 1, _STARS_MAX)) for part in parts)

    def __repr__(self) -> str:
        return f"Person({self.identifier!r}, {self.masked_name}, alive={self.alive}, source={self.source})"


def _initial(part: str) -> str:
    # Accents would push a whole screen out of the GSM alphabet.
    for letter in unicodedata.normalize("NFKD", part):
        if letter.isalpha():
            return letter.upper()[:1]
    return ""


@dataclass(frozen=True, slots=True)
class ContributionRecord:
    """One contribution as the central registry is told of it and as it is read back.

    `reference_id` is ours and names this contribution for ever; `transaction_id` names the batch it was first
    sent in. `period` is `YYYY-MM`; `paid_at` is aware; `status` is DCI's. `payer_fa` is `2547…@provider`,
    or empty when the wallet does not tell who paid. `corrects` is the reference of the record that this one
    makes void (its `status` is then `rjct`).
    """

    reference_id: str
    transaction_id: str
    member_identifier: Identifier
    programme: str
    amount: Money
    period: str
    paid_at: datetime
    payer_fa: str = field(repr=False)
    provider_reference: str
    status: str = "rcvd"
    corrects: str = ""

    def __post_init__(self) -> None:
        if not (0 < len(self.reference_id) <= _ID_MAX and len(self.transaction_id) <= _ID_MAX):
            raise InvalidValue(f"reference and transaction ids have at most {_ID_MAX} characters")
        if not _PERIOD.fullmatch(self.period):
            raise InvalidValue("a period is written YYYY-MM")
        if self.paid_at.tzinfo is None:
            raise InvalidValue("a payment's time has a time zone")
        if self.payer_fa and not FINANCIAL_ADDRESS.fullmatch(self.payer_fa):
            raise InvalidValue("a financial address is token@provider, without a plus sign")

    def differences(self, posted: "ContributionRecord") -> list[str]:
        """The fields in which the registry holds something else than was sent; empty: it is acknowledged."""
        return [
            name
            for name in ("reference_id", "member_identifier", "programme", "amount", "provider_reference")
            if getattr(self, name) != getattr(posted, name)
        ]


def financial_address(number: str, provider: str) -> str:
    """A payer's address in the form the standard allows, which has no plus sign: `254712345678@mpesa.ke`."""
    return f"{number.strip().removeprefix('+')}@{provider}"


@dataclass(frozen=True, slots=True)
class Consent:
    """By which consent a search is made; its `code` is also how an auditor finds the search."""

    given_at: datetime
    text: str
    code: str
    ref_uri: str = ""


@dataclass(frozen=True, slots=True)
class IdTypeValue:
    """Search by one identifier (`query_type` `idtype-value`)."""

    identifier: Identifier


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: `operator` is `gt`, `lt`, `eq`, `ge`, `le` or `in`."""

    attribute: str
    operator: str
    value: str | int | list[str]


@dataclass(frozen=True, slots=True)
class Predicate:
    """Search by conditions that must all hold (`query_type` `predicate`)."""

    conditions: tuple[Condition, ...]


Query = IdTypeValue | Predicate


@dataclass(frozen=True, slots=True)
class Search:
    """One question: what is sought, which page, and by which consent."""

    query: Query
    reg_type: str
    reg_record_type: str
    page_size: int
    page_number: int = 1
    consent: Consent | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """One page of what a search found. `total_count` is None when the registry did not say."""

    records: list[dict[str, Any]] = field(repr=False)
    total_count: int | None
    page_number: int


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, to be notified. `record` is one object: notify has no array, search has."""

    reference_id: str
    reg_event_type: str
    record: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A wish to be told of one event of one person. `record_type`: what the notification is to carry."""

    reference_id: str
    event: str
    identifier: Identifier
    record_type: str


@dataclass(frozen=True, slots=True)
class Enrollee:
    """A member as an integrated beneficiary registry is told of one, by every identifier it may know."""

    identifiers: tuple[Identifier, ...]
    programme: str
    enrolled_on: date
    status: str = "active"


@dataclass(frozen=True, slots=True)
class TxnStatus:
    """What a registry says became of a message: DCI's status, and its items as it wrote them."""

    status: str
    items: list[dict[str, Any]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Whether a registry knows a person as enrolled; None when it answered neither yes nor no."""

    enrolled: bool | None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The registry took the message (`ACK`). That is not proof that anything was posted."""

    correlation_id: str
