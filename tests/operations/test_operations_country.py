"""One setting says in which country the house stands; the rest follows, and can be set otherwise."""

from pathlib import Path

import pytest

from core.settings import load_settings
from operations.environment import complete, lower_case
from operations.state import State
from operations.trouble import TroubleError

SERVERS = {"DATABASE_URL": "postgresql+psycopg://nowhere/none", "REDIS_URL": "redis://127.0.0.1:9"}
WEB, SANDBOX = "http://127.0.0.1:8000", "http://127.0.0.1:8001"


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


@pytest.mark.parametrize(
    ("country", "currency", "zone", "wallets"),
    [
        ("KE", "KES", "Africa/Nairobi", {"mpesa", "airtel", "mtn"}),
        ("UG", "UGX", "Africa/Kampala", {"mtn", "airtel"}),
        ("RW", "RWF", "Africa/Kigali", {"mtn", "airtel"}),
    ],
)
def test_currency_zone_and_wallets_are_the_countrys(
    state: State,
    monkeypatch: pytest.MonkeyPatch,
    country: str,
    currency: str,
    zone: str,
    wallets: set[str],
) -> None:
    monkeypatch.setenv("FUND_REGION", country)
    environment = complete(state, web_url=WEB, sandbox_url=SANDBOX) | SERVERS
    settings = load_settings(_env_file=None, **lower_case(environment))
    assert (settings.fund_currency, str(settings.zone)) == (currency, zone)
    on = {name for name in ("mpesa", "airtel", "mtn") if getattr(settings, f"{name}_url")}
    assert on == wallets


def test_a_country_without_rules_is_refused_in_words(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUND_REGION", "XX")
    with pytest.raises(TroubleError, match="FUND_REGION: there are no scheme rules for 'XX'"):
        complete(state, web_url=WEB, sandbox_url=SANDBOX)
