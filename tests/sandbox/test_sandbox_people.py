"""The invented people of the civil registry."""

import csv
import io
import re
from collections import Counter
from datetime import date

import pytest

from sandbox.africastalking.alphabet import septets
from sandbox.make_people import TODAY, everybody
from sandbox.people import PEOPLE, Directory, Person

EVERYBODY = list(Directory.shipped().by_country["254"])


def age(person: Person) -> int:
    born = date.fromisoformat(person.birth_date)
    return TODAY.year - born.year - ((TODAY.month, TODAY.day) < (born.month, born.day))


def test_the_file_is_what_the_generator_makes() -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(Person.__dataclass_fields__)
    writer.writerows([getattr(one, name) for name in Person.__dataclass_fields__] for one in everybody())
    assert PEOPLE.read_text(encoding="ascii") == out.getvalue()


def test_there_are_enough_of_them_each_with_a_number_of_their_own() -> None:
    assert len(EVERYBODY) >= 1200
    assert len({person.id for person in EVERYBODY}) == len(EVERYBODY)
    assert all(re.fullmatch(r"[1-9]\d{6,7}", person.id) for person in EVERYBODY)


def test_every_name_fits_the_phones_alphabet() -> None:
    assert all(septets(person.full_name) for person in EVERYBODY)


def test_a_few_are_dead_and_some_are_minors() -> None:
    dead = sum(person.status == "dead" for person in EVERYBODY) / len(EVERYBODY)
    minors = sum(age(person) < 18 for person in EVERYBODY) / len(EVERYBODY)
    assert 0.01 < dead < 0.04
    assert 0.03 < minors < 0.08
    assert all(bool(person.death_date) == (person.status == "dead") for person in EVERYBODY)
    assert all(person.birth_date < person.death_date for person in EVERYBODY if person.death_date)


def test_there_are_twins_in_name_and_namesakes() -> None:
    twins = Counter((person.full_name, person.birth_date) for person in EVERYBODY)
    assert sum(count > 1 for count in twins.values()) >= 20
    names = Counter(person.full_name for person in EVERYBODY)
    assert sum(count > 1 for count in names.values()) >= 40


def test_some_names_are_long_and_some_have_apostrophes() -> None:
    assert max(len(person.full_name) for person in EVERYBODY) > 60
    assert sum("'" in person.full_name for person in EVERYBODY) >= 5


def test_the_memorable_ones_are_who_the_readme_says() -> None:
    by_id = Directory.shipped().by_id
    assert by_id["12345678"].full_name == "Wanjiku Njeri Mwangi"
    assert by_id["11111111"].status == "dead"
    assert age(by_id["34567890"]) < 18
    assert by_id["22223333"].full_name == by_id["22224444"].full_name
    assert by_id["22223333"].birth_date == by_id["22224444"].birth_date


@pytest.mark.parametrize(("country", "form"), [("256", r"C[MF]\d{8}[A-Z]{4}"), ("250", r"1\d{15}")])
def test_neighbours_have_registers_of_their_own(country: str, form: str) -> None:
    directory = Directory.shipped()
    people = directory.by_country[country]
    assert len(people) >= 50
    assert all(re.fullmatch(form, person.id) for person in people)
    assert all(septets(person.full_name) for person in people)
    assert any(person.status == "dead" for person in people)
    assert any(age(person) < 18 for person in people)
    owner = directory.owner_of(f"{country}772123456")
    assert owner in people
    assert (owner.status, age(owner) >= 18) == ("alive", True)
    assert len(directory.by_id) == sum(len(of_one) for of_one in directory.by_country.values())
