"""The client against the sandbox's registries, on good days and bad ones."""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

import sandbox
from core.ids import new_id
from core.money import Money
from core.settings import load_settings
from core.shared_token import LocalTokenCache
from registry.civil import CivilRegistry, Found, NotFound
from registry.client import DciClient
from registry.connection import Connection, SignatureMode
from registry.fund import FundRegistry, Posted
from registry.keys import SigningKey, jwks
from registry.model import Consent, ContributionRecord
from registry.outcomes import Refused, Unavailable, Unclear
from sandbox.testing import running_sandbox
from tests.registry.registry_replies import URL, StillClock, a_contribution

PEOPLE_FILE = Path(sandbox.__file__).parent / "people.csv"
PEOPLE = list(csv.DictReader(PEOPLE_FILE.read_text(encoding="utf-8").splitlines()))
ALIVE = next(person for person in PEOPLE if person["status"] == "alive")
DEAD = next(person for person in PEOPLE if person["status"] != "alive")
CREDENTIALS = {"client_id": "kibaba", "client_secret": "sandbox-registry-secret", "sender_id": "kibaba"}
Fault = Callable[..., None]


def a_sandbox_connection(url: str, role: str, **changes: Any) -> Connection:
    kinds = {"civil": ("Civil", "Person"), "fund": ("Contribution", "Contribution")}
    reg_type, record_type = kinds[role]
    return Connection.model_validate(
        {
            "name": role,
            "base_url": f"{url}/{role}",
            "reg_type": f"ns:org:RegistryType:{reg_type}",
            "reg_record_type": record_type,
            "page_size": 4,
        }
        | CREDENTIALS
        | changes
    )


@pytest.fixture
def fault(sandbox_url: str) -> Iterator[Fault]:
    """`fault("fund", outage=True)`; forgotten after the test."""

    def put(part: str, **spec: Any) -> None:
        assert requests.put(f"{sandbox_url}/faults/{part}", json=spec).status_code < 300

    yield put
    requests.delete(f"{sandbox_url}/faults")


@pytest.fixture
def opened() -> Iterator[Callable[..., DciClient]]:
    clients: list[DciClient] = []

    def open_one(connection: Connection, **how: Any) -> DciClient:
        clients.append(DciClient.open(connection, LocalTokenCache(), **how))
        return clients[-1]

    yield open_one
    for client in clients:
        client.close()


@pytest.fixture
def civil(sandbox_url: str, opened: Callable[..., DciClient]) -> CivilRegistry:
    return CivilRegistry(opened(a_sandbox_connection(sandbox_url, "civil")))


@pytest.fixture
def fund(sandbox_url: str, opened: Callable[..., DciClient]) -> FundRegistry:
    return FundRegistry(opened(a_sandbox_connection(sandbox_url, "fund")))


def batch(size: int, **changes: Any) -> list[ContributionRecord]:
    """New contributions of one new transaction."""
    transaction_id = str(new_id())
    return [
        a_contribution(number, **{"reference_id": str(new_id()), "transaction_id": transaction_id} | changes)
        for number in range(size)
    ]


def references(records: list[ContributionRecord]) -> list[str]:
    return [record.reference_id for record in records]


def read_back(fund: FundRegistry, records: list[ContributionRecord]) -> list[ContributionRecord]:
    read = fund.read_back(references(records))
    assert isinstance(read, list)
    return read


def test_a_living_person_is_found_by_number(civil: CivilRegistry) -> None:
    consent = Consent(datetime.now(UTC), "to open a savings account", "consent-1")
    answer = civil.look_up("UIN", ALIVE["id"], consent=consent)
    assert isinstance(answer, Found)
    assert answer.person.alive
    assert answer.person.surname == ALIVE["surname"]
    assert str(answer.person.birth_date) == ALIVE["birth_date"]


def test_a_dead_person_is_found_as_dead(civil: CivilRegistry) -> None:
    answer = civil.look_up("UIN", DEAD["id"])
    assert isinstance(answer, Found)
    assert not answer.person.alive


def test_every_shipped_person_can_be_read(civil: CivilRegistry) -> None:
    for person in PEOPLE[:: len(PEOPLE) // 40]:
        answer = civil.look_up("UIN", person["id"])
        assert isinstance(answer, Found)
        assert answer.person.alive == (person["status"] == "alive")


def test_a_number_nobody_has_is_not_found(civil: CivilRegistry) -> None:
    assert isinstance(civil.look_up("UIN", "1"), NotFound)


def test_an_unknown_identifier_type_is_refused_for_good(civil: CivilRegistry) -> None:
    answer = civil.look_up("LIBRARY_CARD", "A1")
    assert answer == Unavailable("rjct.search_criteria.invalid", permanent=True)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"outage": True}, "err.service.unavailable"),
        ({"http_status": 500}, "err.service.unavailable"),
        ({"drop": True}, "err.request.timeout"),
        ({"error_code": "err.request.timeout"}, "err.request.timeout"),
        ({"outcome": "wrong_signature"}, "err.signature.invalid"),
    ],
    ids=str,
)
def test_a_civil_registry_in_trouble_is_unavailable(
    civil: CivilRegistry, fault: Fault, spec: dict[str, Any], reason: str
) -> None:
    fault("civil", **spec)
    answer = civil.look_up("UIN", ALIVE["id"])
    assert isinstance(answer, Unavailable)
    assert (answer.reason, answer.permanent) == (reason, False)


def test_an_unsigned_answer_passes_unless_signatures_are_required(
    sandbox_url: str, civil: CivilRegistry, fault: Fault, opened: Callable[..., DciClient]
) -> None:
    strict = CivilRegistry(opened(a_sandbox_connection(sandbox_url, "civil", reply_signatures="required")))
    assert isinstance(strict.look_up("UIN", ALIVE["id"]), Found)
    fault("civil", outcome="unsigned")
    assert isinstance(civil.look_up("UIN", ALIVE["id"]), Found)
    assert strict.look_up("UIN", ALIVE["id"]) == Unavailable("err.signature.missing")


def test_our_clock_gone_astray_makes_answers_unbelievable(
    sandbox_url: str, opened: Callable[..., DciClient]
) -> None:
    astray = StillClock(datetime.now(UTC) - timedelta(hours=2))
    client = opened(a_sandbox_connection(sandbox_url, "civil"), clock=astray)
    assert CivilRegistry(client).look_up("UIN", ALIVE["id"]) == Unavailable("err.signature.invalid")


def test_wrong_credentials_are_a_refusal_that_may_pass(
    sandbox_url: str, opened: Callable[..., DciClient]
) -> None:
    client = opened(a_sandbox_connection(sandbox_url, "fund", client_secret="wrong"))
    answer = FundRegistry(client).post(batch(1))
    assert isinstance(answer, Refused)
    assert (answer.code, answer.permanent) == ("err.request.unauthorized", False)


def test_contributions_are_posted_and_read_back_page_by_page(fund: FundRegistry) -> None:
    sent = batch(11)
    assert isinstance(fund.post(sent), Posted)
    read = read_back(fund, sent)
    assert references(read) == references(sent)
    assert [one.differences(other) for one, other in zip(sent, read, strict=True)] == [[]] * 11
    assert fund.read_back(transaction_id=sent[0].transaction_id) == read
    assert fund.read_back(["never-sent"]) == []


def test_a_batch_sent_twice_is_held_once(fund: FundRegistry) -> None:
    sent = batch(3)
    assert isinstance(fund.post(sent), Posted)
    assert isinstance(fund.post(sent), Posted)
    assert references(read_back(fund, sent)) == references(sent)


def test_a_lost_ack_is_unclear_and_reading_back_settles_it(fund: FundRegistry, fault: Fault) -> None:
    sent = batch(2)
    fault("fund", drop=True)
    assert fund.post(sent) == Unclear("err.request.timeout")
    requests_are_possible_again(fault)
    assert references(read_back(fund, sent)) == references(sent)


def test_a_registry_silent_beyond_our_patience_is_unclear(
    sandbox_url: str, fund: FundRegistry, fault: Fault, opened: Callable[..., DciClient]
) -> None:
    impatient = FundRegistry(opened(a_sandbox_connection(sandbox_url, "fund", read_seconds=2)))
    sent = batch(1)
    fault("fund", accept_then_timeout=6)
    assert impatient.post(sent) == Unclear("timeout")
    requests_are_possible_again(fault)
    assert references(read_back(fund, sent)) == references(sent)


def test_an_acknowledged_batch_that_was_half_kept_shows_when_read_back(
    fund: FundRegistry, fault: Fault
) -> None:
    sent = batch(4)
    fault("fund", half_post=True)
    assert isinstance(fund.post(sent), Posted)
    requests_are_possible_again(fault)
    assert references(read_back(fund, sent)) == references(sent[:2])
    assert isinstance(fund.post(sent), Posted)
    assert references(read_back(fund, sent)) == references(sent)


def test_an_outage_is_unclear_for_posting_and_unavailable_for_reading(
    fund: FundRegistry, fault: Fault
) -> None:
    fund.read_back(["so-that-a-token-is-there"])
    fault("fund", outage=True)
    assert fund.post(batch(1)) == Unclear("err.service.unavailable")
    assert fund.read_back(["x"]) == Unavailable("err.service.unavailable")


def test_a_nack_is_unclear(fund: FundRegistry, fault: Fault) -> None:
    fault("fund", outcome="nack")
    assert fund.post(batch(1)) == Unclear("nack")


def test_a_refusal_has_the_registrys_words_and_says_whether_it_will_pass(
    fund: FundRegistry, fault: Fault
) -> None:
    for code, permanent in (("rjct.amount.invalid", True), ("err.service.unavailable", False)):
        fault("fund", error_code=code)
        answer = fund.post(batch(1))
        assert isinstance(answer, Refused)
        assert (answer.code, answer.message, answer.permanent) == (code, "refused by fault", permanent)
    requests_are_possible_again(fault)
    nothing = fund.post(batch(1, amount=Money(0)))
    assert isinstance(nothing, Refused)
    assert nothing.permanent


def test_a_proxy_for_the_outside_world_does_not_hide_the_sandbox(
    civil: CivilRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert isinstance(civil.look_up("UIN", ALIVE["id"]), Found)


def test_a_registry_that_is_not_there_has_received_nothing(opened: Callable[..., DciClient]) -> None:
    fund = FundRegistry(opened(a_sandbox_connection("http://127.0.0.1:9", "fund")))
    answer = fund.post(batch(1))
    assert answer == Refused("err.service.unavailable", "no_connection", permanent=False)


def test_signed_messages_are_verified_by_the_registry(
    tmp_path: Path, signing_key: SigningKey, opened: Callable[..., DciClient]
) -> None:
    public = jwks(signing_key)["keys"][0]["x"]
    with running_sandbox(tmp_path, sender_key=f"{public}=".replace("-", "+").replace("_", "/")) as url:
        signed = a_sandbox_connection(url, "fund", signature_mode="spdci", json_mode="utf8")
        unsigned = a_sandbox_connection(url, "fund")
        sent = batch(2, programme="Akiba ya Wanjikũ")
        ours = FundRegistry(opened(signed, signing_key=signing_key))
        assert isinstance(ours.post(sent), Posted)
        assert read_back(ours, sent)[0].programme == "Akiba ya Wanjikũ"
        forger = FundRegistry(opened(signed, signing_key=SigningKey.generate()))
        for fund, code in (
            (forger, "err.signature.invalid"),
            (FundRegistry(opened(unsigned)), "err.signature.missing"),
        ):
            answer = fund.post(sent)
            assert isinstance(answer, Refused)
            assert (answer.code, answer.permanent) == (code, False)


def test_the_settings_describe_both_connections() -> None:
    secret = "a-secret-of-the-tests-0123456789abcdef-"
    settings = load_settings(
        _env_file=None,
        database_url="postgresql+psycopg://x",
        redis_url="redis://x",
        secret_key=secret + "1",
        pii_keys=[secret + "2"],
        index_key=secret + "3",
        pin_pepper=secret + "4",
        hook_token="dev",
        at_api_key="x",
        mpesa_url=URL,
        mpesa_consumer_key="x",
        mpesa_consumer_secret="x",
        mpesa_shortcode="1",
        mpesa_passkey="x",
        fund_registry_url=f"{URL}/fund/",
        fund_registry_client_id="kibaba",
        fund_registry_client_secret="secret-one",
        fund_registry_signing_key="set",
        civil_registry_url=f"{URL}/civil",
        civil_registry_client_id="kibaba",
        civil_registry_client_secret="secret-two",
    )
    fund, civil = Connection.to_fund(settings), Connection.to_civil(settings)
    assert fund.url(fund.paths.notify) == f"{URL}/fund/registry/notify"
    assert (fund.signature_mode, civil.signature_mode) == (SignatureMode.SPDCI, SignatureMode.NONE)


def requests_are_possible_again(fault: Fault) -> None:
    fault("fund")
