"""The civil registry: who has this identity number?"""

from dataclasses import dataclass
from datetime import datetime

from core.errors import InvalidValue
from registry import codes
from registry.client import DciClient
from registry.model import Consent, Identifier, IdTypeValue, Person, Records, Search
from registry.outcomes import Refused, Unavailable
from registry.person_records import is_about, read_person

_AT_LEAST_SEVERAL = 2


@dataclass(frozen=True, slots=True)
class Found:
    """Exactly one person has the identifier."""

    person: Person


@dataclass(frozen=True, slots=True)
class Several:
    """More than one person has it: `count` as the registry says, two when it only says "too many"."""

    count: int


@dataclass(frozen=True, slots=True)
class NotFound:
    """The registry answered: nobody has it."""

    looked_up_at: datetime


LookUp = Found | Several | NotFound | Unavailable


class CivilRegistry:
    """Looks people up. Never raises for what the registry or the network does."""

    def __init__(self, client: DciClient) -> None:
        self._client = client

    def look_up(self, identifier_type: str, value: str, *, consent: Consent | None = None) -> LookUp:
        """Ask by one identifier, under our name for its type (`UIN`). `consent` is passed on when given."""
        asked = Identifier(identifier_type, value)
        connection = self._client.connection
        answer = self._client.sync_search(
            Search(
                query=IdTypeValue(asked),
                reg_type=connection.reg_type,
                reg_record_type=connection.reg_record_type,
                page_size=connection.page_size,
                consent=consent,
            )
        )
        match answer:
            case Refused():
                return self._judged(answer)
            case Unavailable():
                return answer
            case Records():
                return self._only_one(answer, asked)

    def _judged(self, refused: Refused) -> LookUp:
        if refused.code == codes.TOO_MANY_RECORDS:
            return Several(_AT_LEAST_SEVERAL)
        return Unavailable(refused.code, refused.retry_seconds, permanent=refused.permanent)

    def _only_one(self, answer: Records, asked: Identifier) -> LookUp:
        connection, now = self._client.connection, self._client.clock.now()
        records = [record for record in answer.records if is_about(record, asked, connection)]
        if answer.records and not records:
            return Unavailable("answer_about_another_person")
        if len(records) > 1:
            return Several(max(len(records), answer.total_count or 0))
        if not records:
            # A count without records is a broken answer, and nobody is turned away because of one.
            return Unavailable("answer_without_records") if answer.total_count else NotFound(now)
        try:
            return Found(read_person(records[0], asked, connection, now))
        except InvalidValue:
            return Unavailable("person_unreadable")
