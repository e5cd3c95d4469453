"""Makes `people.csv`: twelve hundred and more invented Kenyans, always the same for the same seed.

Run `python -m sandbox.make_people`. Nobody in it exists; the names are common ones put together by chance.
"""

import csv
import random
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from sandbox.names import COMMUNITIES, MEMORABLE, UNUSUAL, Community
from sandbox.people import PEOPLE, Person

SEED: Final = 20261122
TODAY: Final = date(2026, 11, 22)
COUNT: Final = 1240
NAMESAKES: Final = 20
DEAD_SHARE: Final = 0.02
MINOR_SHARE: Final = 0.05
ADULT_YEARS: Final = 18


class Registrar:
    """Hands out identity numbers and dates, never the same number twice."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.taken = {person.id for person in MEMORABLE}

    def number(self, birth: date) -> str:
        """Seven or eight digits that grow with the year of birth, as the real ones roughly do."""
        while True:
            centre = 1_000_000 + (birth.year - 1940) * 550_000
            number = str(max(1_000_001, centre + self.random.randrange(-400_000, 400_000)))
            if number not in self.taken:
                self.taken.add(number)
                return number

    def birth_date(self) -> date:
        minor = self.random.random() < MINOR_SHARE
        years = (
            self.random.uniform(12, ADULT_YEARS)
            if minor
            else self.random.triangular(ADULT_YEARS + 0.1, 85, 30)
        )
        return TODAY - timedelta(days=round(years * 365.25))

    def person(self, community: Community) -> Person:
        sex = self.random.choice(("female", "male"))
        birth = self.birth_date()
        dead = self.random.random() < DEAD_SHARE
        death = birth + (TODAY - birth) * self.random.uniform(0.7, 0.99) if dead else None
        given = self.random.choice(community.women_christian if sex == "female" else community.men_christian)
        second = self.random.choice(community.women if sex == "female" else community.men)
        surname = self.random.choice(community.families)
        return Person(
            id=self.number(birth),
            given_name=given,
            second_name=second,
            surname=surname,
            sex=sex,
            birth_date=birth.isoformat(),
            death_date=death.isoformat() if death else "",
            status="dead" if death else "alive",
            county=self.random.choice(community.counties),
        )

    def namesake(self, of: Person, *, same_day: bool) -> Person:
        """Another person of the same name: a twin in name, or only a namesake with another birthday."""
        birth = date.fromisoformat(of.birth_date)
        if not same_day:
            birth += timedelta(days=self.random.choice((-1, 1)) * self.random.randrange(30, 4000))
        return Person(
            id=self.number(birth),
            given_name=of.given_name,
            second_name=of.second_name,
            surname=of.surname,
            sex=of.sex,
            birth_date=birth.isoformat(),
            death_date="",
            status="alive",
            county=of.county,
        )


def everybody(seed: int = SEED) -> Iterator[Person]:
    registrar = Registrar(seed)
    yield from MEMORABLE
    crowd = [registrar.person(registrar.random.choice(COMMUNITIES)) for _ in range(COUNT - 3 * NAMESAKES)]
    yield from crowd
    grown = [person for person in crowd if person.status == "alive" and person.birth_date < "2000"]
    for person in registrar.random.sample(grown, NAMESAKES):
        yield registrar.namesake(person, same_day=True)
    for person in registrar.random.sample(grown, NAMESAKES):
        yield registrar.namesake(person, same_day=False)
    for given, second, surname in UNUSUAL:
        birth = TODAY - timedelta(days=registrar.random.randrange(20 * 365, 60 * 365))
        yield Person(
            registrar.number(birth),
            given,
            second,
            surname,
            "female",
            birth.isoformat(),
            "",
            "alive",
            "Mombasa",
        )


def main() -> None:
    people = list(everybody())
    with PEOPLE.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Person.__dataclass_fields__)
        writer.writerows([getattr(person, name) for name in Person.__dataclass_fields__] for person in people)
    sys.stdout.write(f"{len(people)} people\n")


if __name__ == "__main__":
    main()
