"""Fits the registry room's adapters to what members and payments ask for, each in its own words."""

from typing import Final

from core.clock import Clock
from members.civil import CivilAnswer, PersonFound, PersonUnknown, RegistryUnavailable, SeveralPersons
from members.numbers import NationalId
from registry.civil import CivilRegistry, Found, NotFound, Several

_UIN: Final = "UIN"
_MENDING_SECONDS: Final = 3600.0


class CivilForMembers:
    """`members.civil.CivilRegistry` over DCI."""

    def __init__(self, civil: CivilRegistry, source: str, clock: Clock) -> None:
        self._civil = civil
        self._source = source
        self._clock = clock

    def find(self, national_id: NationalId) -> CivilAnswer:
        answer = self._civil.look_up(_UIN, national_id.digits)
        match answer:
            case Found(person) if person.birth_date is not None:
                return PersonFound(
                    given_names=person.given_name,
                    surname=person.surname,
                    birth_date=person.birth_date,
                    alive=person.alive,
                    source=person.source,
                    at=person.looked_up_at,
                )
            case Found():
                # Nobody's age is guessed: the answer may be mended, staff see it waiting.
                return RegistryUnavailable("the registry knows no birth date", _MENDING_SECONDS)
            case Several():
                return SeveralPersons(self._source, self._clock.now())
            case NotFound(looked_up_at):
                return PersonUnknown(self._source, looked_up_at)
            case _:
                return RegistryUnavailable(answer.reason, answer.retry_seconds)
