"""People and contributions are read from whatever a registry sends, and a name is shown only as a mask."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import registry
from core.errors import InvalidValue
from core.money import Money
from registry.contribution_records import decimal_text, read_contribution, write_contribution
from registry.model import Identifier, Person
from registry.person_records import identifiers, is_about, read_person
from registry.wire import AckRead, HeaderRead, SearchRead, first_error, instant
from tests.registry.registry_replies import ME, NOW, PERSON, a_connection, a_contribution

CONNECTION = a_connection()
CONTEXT = Path(registry.__file__).parent / "contexts" / "contribution.jsonld"
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    "name", "given_name", "first_name", "surname", "last_name", "second_name", "birth_date", "death_date",
    "status", "alive", "deceased", "identifier", "member_identifier", "demographic_info", "person",
    "amount", "currency_code", "paid_at", "period", "payer_fa", "programme_identifier", "reference_id",
]  # fmt: skip


def named(given_name: str, surname: str) -> str:
    return Person(ME, given_name, surname, None, alive=True, source="civil", looked_up_at=NOW).masked_name


def read(**changes: Any) -> Person:
    return read_person(PERSON | changes, ME, CONNECTION, NOW)


@pytest.mark.parametrize(
    ("given_name", "surname", "masked"),
    [
        ("Wambui", "Maina", "W***** M****"),
        ("wanjiku njeri", "mwangi", "W***** N**** M*****"),
        ("Ng'endo", "O", "N***** O*"),
        ("Wanjikũ", "Ũmĩ", "W***** U**"),
        ("Christopherson", "Nyawanda-Omondi", "C***** N*****"),
        ("Ann Mary Rose Jane", "Atieno Odhiambo", "A** M*** O*****"),
        ("", "Wario", "W****"),
        ("-", "Wario", "W****"),
    ],
)
def test_a_name_is_masked_to_first_letters_and_stars(given_name: str, surname: str, masked: str) -> None:
    assert named(given_name, surname) == masked


@settings(deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_a_mask_is_short_and_shows_three_letters_at_most(given_name: str, surname: str) -> None:
    mask = named(given_name, surname)
    assert len(mask) <= 20
    assert sum(letter not in "* " for letter in mask) <= 3


def test_a_person_shows_neither_name_nor_number() -> None:
    shown = repr(read())
    assert "W***** N**** M*****" in shown
    assert not any(secret in shown for secret in ("Wanjiku", "Mwangi", "12345678", "1991"))


def test_a_person_has_source_and_time() -> None:
    person = read()
    assert (person.source, person.looked_up_at, person.birth_date) == ("civil", NOW, date(1991, 4, 17))
    assert (person.given_name, person.surname) == ("Wanjiku Njeri", "Mwangi")


@pytest.mark.parametrize(
    "dead",
    [
        {"death_date": "2020-01-01"},
        {"dateOfDeath": "2020"},
        {"status": "deceased"},
        {"status": " Dead "},
        {"life_status": "DECEASED"},
        {"alive": False},
        {"is_alive": "false"},
        {"deceased": True},
        {"demographic_info": {"person": {"death_date": "2020-01-01"}}},
    ],
    ids=str,
)
def test_any_word_of_a_death_is_heard(dead: dict[str, Any]) -> None:
    assert not read(**dead).alive


@pytest.mark.parametrize(
    "living",
    [{}, {"death_date": None}, {"death_date": ""}, {"status": "alive"}, {"deceased": False}],
    ids=str,
)
def test_without_a_word_of_death_a_person_lives(living: dict[str, Any]) -> None:
    assert read(**living).alive


def test_a_mothers_name_is_never_taken_for_the_persons() -> None:
    mother = {"given_name": "Nyokabi", "surname": "Kamau", "death_date": "2001-01-01"}
    person = read_person({"mother": mother, **PERSON}, ME, CONNECTION, NOW)
    assert person.surname == "Mwangi"
    assert person.alive
    with pytest.raises(InvalidValue):
        read_person({"mother": mother}, ME, CONNECTION, NOW)


@pytest.mark.parametrize(
    ("text", "day"), [("1991-04-17T00:00:00Z", date(1991, 4, 17)), ("1991", None), (7, None)]
)
def test_a_birth_date_is_read_or_unknown(text: Any, day: date | None) -> None:
    assert read(birth_date=text).birth_date == day


def test_control_characters_in_names_are_dropped() -> None:
    assert read(name={"given_name": "Wan\x00jiku\n", "surname": "\u202eMwangi"}).given_name == "Wan jiku"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T12:30:00+03:00", NOW),
        ("2026-11-22T09:30:00Z", NOW),
        ("2026-11-22T09:30:00", NOW),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (12, None),
    ],
)
def test_times_from_outside_are_utc_or_nothing(text: Any, expected: datetime | None) -> None:
    assert instant(text) == expected


@settings(deadline=None)
@given(cents=st.integers(0, 10**12), number=st.integers(1, 10**6))
def test_a_contribution_comes_back_as_it_went(cents: int, number: int) -> None:
    sent = a_contribution(number, amount=Money(cents))
    back = read_contribution(write_contribution(sent, CONNECTION), CONNECTION)
    assert back == sent
    assert sent.differences(back) == []


def test_a_payer_the_wallet_does_not_tell_is_left_out() -> None:
    sent = a_contribution(payer_fa="")
    written = write_contribution(sent, CONNECTION)
    assert "payer_fa" not in written
    assert read_contribution(written, CONNECTION) == sent


def test_a_record_names_its_published_context_when_there_is_one() -> None:
    published = a_connection(context_url="https://fund.example/contexts/contribution.jsonld")
    assert write_contribution(a_contribution(), published)["@context"] == published.context_url
    assert "@context" not in write_contribution(a_contribution(), CONNECTION)


def test_the_published_context_defines_every_field_that_is_written() -> None:
    context = json.loads(CONTEXT.read_text(encoding="utf-8"))["@context"]
    defined = set(context["Contribution"]["@context"])
    assert set(write_contribution(a_contribution(), CONNECTION)) - {"@type"} <= defined


def test_an_amount_is_decimal_text_and_never_negative() -> None:
    assert write_contribution(a_contribution(amount=Money(5)), CONNECTION)["amount"] == "0.05"
    assert decimal_text(Money(123456)) == "1234.56"
    with pytest.raises(InvalidValue):
        decimal_text(Money(-1))


@pytest.mark.parametrize("amount", [200, 200.0, "200", "200.0", " 200.00 ", {"amount": "200.00"}], ids=str)
def test_an_amount_is_read_however_it_is_written(amount: Any) -> None:
    record = write_contribution(a_contribution(), CONNECTION) | {"amount": amount}
    assert read_contribution(record, CONNECTION).amount == Money(20000)


@pytest.mark.parametrize(
    "changes",
    [{"amount": "200.005"}, {"amount": None}, {"amount": True}, {"currency_code": ""}, {"paid_at": None},
     {"member_identifier": []}, {"reference_id": None}, {"period": "2026-13"}],
    ids=str,
)  # fmt: skip
def test_a_contribution_that_cannot_be_compared_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        read_contribution(write_contribution(a_contribution(), CONNECTION) | changes, CONNECTION)


def test_what_differs_at_the_registry_is_named() -> None:
    sent = a_contribution()
    assert sent.differences(a_contribution(amount=Money(20001), provider_reference="OTHER")) == [
        "amount",
        "provider_reference",
    ]


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=10), junk, max_size=10))
def test_no_record_whatever_its_shape_breaks_the_readers(record: dict[str, Any]) -> None:
    list(identifiers(record, CONNECTION))
    is_about(record, ME, CONNECTION)
    for reader in (
        lambda: read_person(record, ME, CONNECTION, NOW),
        lambda: read_contribution(record, CONNECTION),
    ):
        try:
            reader()
        except InvalidValue:
            continue


@settings(deadline=None)
@given(st.permutations(list(PERSON.items())), st.data())
def test_order_and_spelling_of_fields_do_not_matter(
    items: list[tuple[str, Any]], data: st.DataObject
) -> None:
    def respelt(key: str) -> str:
        return data.draw(
            st.sampled_from([key, key.upper(), key.replace("_", "-"), key.title().replace("_", "")])
        )

    record = {respelt(key): value for key, value in items}
    record["x-unknown"] = data.draw(junk)
    assert read_person(record, ME, CONNECTION, NOW) == read()


@settings(deadline=None, max_examples=200)
@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("status", "total_count", "message_ts", "ack_status", "error", "timesatmp", "transaction_id"),
            junk,
        ),
    )
)
def test_headers_and_acks_of_any_content_are_read_or_refused_as_values(content: dict[str, Any]) -> None:
    for model in (HeaderRead, AckRead, SearchRead):
        try:
            model.model_validate(content)
        except ValueError:
            continue


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"errors": "no"}', b'{"errors": [7]}', b'{"errors": [{}]}', b'{"message": {"error": []}}',
     b'{"header": {"status": "succ", "status_reason_code": "x"}}'],
)  # fmt: skip
def test_a_body_without_an_error_has_none(body: bytes) -> None:
    assert first_error(body) is None


def test_errors_are_found_wherever_registries_put_them() -> None:
    assert first_error(b'{"errors":[{"code":"a","message":"b"}]}') == ("a", "b")
    assert first_error(b'{"message":{"ack_status":"ERR","error":{"code":"a"}}}') == ("a", "")
    assert first_error(b'{"header":{"status":"rjct","status_reason_code":"RJCT.X"}}') == ("rjct.x", "")


def test_an_identifier_does_not_show_itself() -> None:
    assert repr(Identifier("UIN", "12345678")) == "Identifier(UIN …78)"
