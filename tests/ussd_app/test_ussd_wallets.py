"""Several wallets in one house: which are on, which asks whom, where they call back, in which country."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from core.phone import PhoneNumber
from core.settings import BadSettings, Settings, load_settings
from payments.evidence.tables import Evidence
from ussd_app.application import create_app
from ussd_app.bootstrap import Services, build
from ussd_app.schedule import schedule
from ussd_app.wallets import build_wallets

NOWHERE = "http://127.0.0.1:9"
AIRTEL = {
    "airtel_url": f"{NOWHERE}/airtel",
    "airtel_client_id": "sandbox-airtel-id",
    "airtel_client_secret": "sandbox-airtel-secret",
    "airtel_merchant": "AIRTELFUND",
}
MTN = {
    "mtn_url": f"{NOWHERE}/mtn",
    "mtn_subscription_key": "sandbox-mtn-subscription",
    "mtn_api_user": "7f3a0c1e-5b0d-4a52-9d55-3d3c6f1a2b10",
    "mtn_api_key": "sandbox-mtn-key",
    "mtn_account": "MTNFUND",
}
NO_MPESA = dict.fromkeys(
    ("mpesa_url", "mpesa_consumer_key", "mpesa_consumer_secret", "mpesa_shortcode", "mpesa_passkey"), ""
)
UGANDA = {"fund_region": "UG", "fund_currency": "UGX", "fund_zone": "Africa/Kampala"}
RWANDA = {"fund_region": "RW", "fund_currency": "RWF", "fund_zone": "Africa/Kigali"}

Made = Callable[..., Services]


@pytest.fixture
def made(settings: Settings) -> Iterator[Made]:
    built: list[Services] = []

    def make(**changed: Any) -> Services:
        services = build(load_settings(_env_file=None, **settings.model_dump() | changed))
        built.append(services)
        return services

    yield make
    for services in built:
        services.close()


def chosen(services: Services, number: str, network_code: str = "") -> str:
    return services.terms().wallets.choose(PhoneNumber(number), network_code).wallet


@pytest.mark.parametrize(
    ("number", "network_code", "wallet"),
    [
        ("+254712345678", "63902", "mpesa"),
        ("+254733123456", "63903", "airtel"),
        # A number that moved: the network counts, not the digits it once began with.
        ("+254712345678", "63903", "airtel"),
        ("+254733123456", "63902", "mpesa"),
        # A network nobody here knows: the digits are a hint, and M-Pesa the fallback.
        ("+254733123456", "99999", "airtel"),
        ("+254770123456", "63907", "mpesa"),
        ("+254712345678", "", "mpesa"),
    ],
)
def test_the_network_chooses_the_wallet_and_the_number_only_hints(
    made: Made, number: str, network_code: str, wallet: str
) -> None:
    assert chosen(made(**AIRTEL), number, network_code) == wallet


def test_a_wallet_that_is_off_asks_nobody(made: Made) -> None:
    assert chosen(made(), "+254733123456", "63903") == "mpesa"


@pytest.mark.parametrize(
    ("country", "number", "wallet"),
    [
        (UGANDA, "+256772123456", "mtn"),
        (UGANDA, "+256752123456", "airtel"),
        (RWANDA, "+250788123456", "mtn"),
        (RWANDA, "+250732123456", "airtel"),
    ],
)
def test_a_house_without_mpesa_stands_in_uganda_and_rwanda(
    made: Made, country: dict[str, str], number: str, wallet: str
) -> None:
    services = made(**NO_MPESA, **AIRTEL, **MTN, **country)
    wallets = build_wallets(services)
    assert wallets.mpesa is None
    assert set(wallets.by_name) == {"airtel", "mtn"}
    assert chosen(services, number) == wallet
    scheme = services.terms().scheme
    assert scheme.currency == country["fund_currency"]
    assert all(scheme.allows(cents) for cents in scheme.suggested_cents)


def test_ugandan_numbers_dial_in_a_ugandan_house(made: Made) -> None:
    services = made(**NO_MPESA, **MTN, **UGANDA)
    client = create_app(services).test_client()
    for number in ("+256772123456", "256772123456", "0772123456"):
        hop = {"phoneNumber": number, "serviceCode": "*384*96#", "text": "", "networkCode": "64110"}
        reply = client.post("/gateway/dev/africastalking/ussd", data=hop | {"sessionId": f"ATUid_{number}"})
        assert reply.get_data(as_text=True).startswith("CON ")


def test_only_wallets_with_a_list_are_pulled_and_all_are_reconciled(made: Made) -> None:
    services = made(**AIRTEL, **MTN)
    entries = schedule(services.settings, build_wallets(services).by_name)
    assert {one.payload["wallet"] for one in entries if one.topic == "pull"} == {"mpesa"}
    assert {one.payload["wallet"] for one in entries if one.topic == "reconcile"} == {
        *("mpesa", "airtel", "mtn")
    }


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"airtel_url": f"{NOWHERE}/airtel"}, "AIRTEL_CLIENT_ID"),
        ({"mtn_url": f"{NOWHERE}/mtn"}, "MTN_SUBSCRIPTION_KEY"),
        ({"mpesa_passkey": ""}, "MPESA_PASSKEY"),
        (NO_MPESA, "AIRTEL_URL"),
        (MTN | {"mtn_api_user": "someone"}, "MTN_"),
        (AIRTEL | {"airtel_merchant": "a b"}, "AIRTEL_"),
        (UGANDA, "MTN_URL"),
        ({"fund_region": "UG"}, "FUND_CURRENCY must be UGX"),
        ({"fund_region": "ZZ"}, "FUND_REGION"),
    ],
)
def test_a_wallet_half_set_or_of_another_country_stops_the_start_and_is_named(
    made: Made, changed: dict[str, str], named: str
) -> None:
    with pytest.raises(BadSettings, match=named):
        made(**changed)


@pytest.mark.parametrize("wallet", ["airtel", "mtn"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("reference", ["", "/01932f00-0000-7000-8000-000000000007"])
def test_callbacks_are_stored_before_they_are_judged(
    app: Flask, services: Services, wallet: str, method: str, reference: str
) -> None:
    client: FlaskClient = app.test_client()
    body = json.dumps({"anything": "at all"})
    reply = client.open(f"/hooks/dev/{wallet}{reference}", method=method, data=body)
    assert reply.status_code == 200
    with services.sessions.begin() as session:
        [kept] = session.scalars(select(Evidence)).all()
        assert (kept.wallet, kept.body, kept.reference) == (wallet, body, reference.removeprefix("/"))


@pytest.mark.parametrize("wallet", ["airtel", "mtn"])
def test_callbacks_need_the_token_and_a_body(client: FlaskClient, wallet: str) -> None:
    assert client.put(f"/hooks/guessed/{wallet}", data="{}").status_code == 404
    assert client.put(f"/hooks/dev/{wallet}", data="").status_code == 400
    assert client.put(f"/hooks/dev/{wallet}", data="x" * 70_000).status_code == 413


def test_the_wallets_are_built_from_settings_alone(made: Made) -> None:
    wallets = build_wallets(made(**NO_MPESA, **AIRTEL))
    assert wallets.mpesa is None
    assert wallets.by_name["airtel"].shortcode == "AIRTELFUND"
