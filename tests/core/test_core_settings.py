"""Settings: every fault is named at once, no value is ever shown, production defaults nothing secret."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.settings import BadSettings, load_settings
from operations.state import REPOSITORY
from tests.shell import forget_settings, setting_names

GOOD = {
    "database_url": "postgresql+psycopg://localhost/kibaba",
    "redis_url": "redis://localhost",
    "secret_key": "s" * 40,
    "pii_keys": "p" * 40 + "," + "q" * 40,
    "index_key": "i" * 40,
    "pin_pepper": "e" * 40,
    "hook_token": "dev",
    "at_api_key": "k",
    "mpesa_url": "http://127.0.0.1:8001/daraja",
    "mpesa_consumer_key": "k",
    "mpesa_consumer_secret": "s",
    "mpesa_shortcode": "174379",
    "mpesa_passkey": "p",
    "fund_registry_url": "http://127.0.0.1:8001/fund",
    "fund_registry_client_id": "kibaba",
    "fund_registry_client_secret": "s",
    "civil_registry_url": "http://127.0.0.1:8001/civil",
    "civil_registry_client_id": "kibaba",
    "civil_registry_client_secret": "s",
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in GOOD:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(str(tmp_path))


def test_good_settings_load() -> None:
    settings = load_settings(**GOOD)
    assert [key.get_secret_value()[0] for key in settings.pii_keys] == ["p", "q"]
    assert "pppp" not in repr(settings)


def test_what_is_given_goes_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text(
        "# of this house\nFUND_NAME='Akiba Fund'\nexport FUND_CONTACT=0800 111 222\nUSSD_SERVICE_CODE=*1#\n"
        "SOMETHING_ELSE=x\nALERT_PHONES=0712345678, 0722000000\nFUND_PROGRAMME\n"
    )
    monkeypatch.setenv("fund_Contact", "0800 333 444")
    monkeypatch.setenv("USSD_SERVICE_CODE", "*2#")
    settings = load_settings(**GOOD | {"ussd_service_code": "*3#"})
    assert (settings.fund_name, settings.fund_contact, settings.ussd_service_code) == (
        *("Akiba Fund", "0800 333 444", "*3#"),
    )
    assert settings.alert_phones == ["0712345678", "0722000000"]
    assert settings.fund_programme == "HABA"
    assert load_settings(_env_file=None, **GOOD).fund_name == "Haba Fund"


def test_lists_networks_and_objects_are_read_from_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, ::1/128")
    monkeypatch.setenv("CIVIL_REGISTRY_OPTIONS", '{"page_size": 20}')
    monkeypatch.setenv("CIVIL_REGISTRY_WATCHES", "false")
    monkeypatch.setenv("METRICS_TOKEN", "")
    settings = load_settings(**GOOD)
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert settings.civil_registry_options == {"page_size": 20}
    assert (settings.civil_registry_watches, settings.metrics_token) == (False, None)


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(BadSettings) as caught:
        load_settings(database_url="x")
    named = str(caught.value)
    assert {"REDIS_URL", "PII_KEYS", "MPESA_PASSKEY", "HOOK_TOKEN"} <= {
        word.strip(";") for word in named.split()
    }


def test_weak_or_shared_keys_are_refused_without_being_shown() -> None:
    with pytest.raises(BadSettings) as caught:
        load_settings(**GOOD | {"index_key": "tooshort", "pin_pepper": "s" * 40})
    assert "INDEX_KEY must have at least 32 characters" in str(caught.value)
    assert "must all differ" in str(caught.value)
    assert "tooshort" not in str(caught.value)


@pytest.mark.parametrize("token", ["hook_token", "metrics_token"])
def test_what_others_are_shown_is_no_key(token: str) -> None:
    with pytest.raises(BadSettings, match="must all differ"):
        load_settings(**GOOD | {token: GOOD["secret_key"]})


@pytest.mark.parametrize("contact", ["+254 20 123 4567", "0800 720 000", "100"])
def test_the_helpline_is_a_number_that_fits_every_screen(contact: str) -> None:
    assert load_settings(**GOOD | {"fund_contact": contact}).fund_contact == contact
    for bad in ("0800 720 000 or 0800 720 001", "call us", "", "\u0660800"):
        with pytest.raises(BadSettings, match="FUND_CONTACT must be a number"):
            load_settings(**GOOD | {"fund_contact": bad})


def test_the_fund_has_a_name_that_every_phone_can_show() -> None:
    assert load_settings(**GOOD | {"fund_name": "Mama's Fund (KE)"}).fund_name == "Mama's Fund (KE)"
    for bad in ("Mama\u2019s Fund", "F" * 41, ""):
        with pytest.raises(BadSettings, match="FUND_NAME must be at most 40"):
            load_settings(**GOOD | {"fund_name": bad})


def test_a_screen_has_room_for_every_last_word() -> None:
    """On fewer septets some calls would end on the first page of two."""
    for room in ("160", "182"):
        assert load_settings(**GOOD | {"ussd_screen_septets": room}).ussd_screen_septets == int(room)
    for bad in ("60", "120", "159", "183"):
        with pytest.raises(BadSettings, match="USSD_SCREEN_SEPTETS must be from 160 to 182: on fewer"):
            load_settings(**GOOD | {"ussd_screen_septets": bad})


def test_production_refuses_the_sandbox() -> None:
    with pytest.raises(BadSettings) as caught:
        load_settings(**GOOD | {"kibaba_env": "production"})
    for name in (
        "HOOK_TOKEN",
        "AT_USERNAME",
        "AT_SENDER_ID",
        "PUBLIC_URL",
        "MPESA_URL",
        "CIVIL_REGISTRY_URL",
        "FUND_NAME is missing",
        "FUND_CONTACT is missing",
        "USSD_SERVICE_CODE is missing",
        "MPESA_PULL_NOMINATED_NUMBER is missing",
    ):
        assert name in str(caught.value)


def test_who_is_called_when_something_is_wrong_has_a_phone_of_the_country() -> None:
    uganda = GOOD | {"fund_region": "UG", "alert_phones": "0772123456"}
    assert load_settings(**uganda).alert_phones == ["0772123456"]
    for bad in ("07", "0712345678, amina"):
        with pytest.raises(BadSettings, match="ALERT_PHONES must be phone numbers"):
            load_settings(**GOOD | {"alert_phones": bad})


def test_no_setting_of_the_shell_is_left_in_the_tests() -> None:
    assert setting_names().isdisjoint(name.upper() for name in os.environ)


def test_what_the_shell_has_set_changes_nothing_in_the_tests() -> None:
    """The test above, in a run of its own from a shell in which everything is set, to nonsense."""
    this = f"{Path(__file__).relative_to(REPOSITORY)}::test_no_setting_of_the_shell_is_left_in_the_tests"
    not_of_this_run = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    shell = not_of_this_run | dict.fromkeys(setting_names(), "nonsense") | {"fund_region": "UG"}
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", this]
    done = subprocess.run(command, cwd=REPOSITORY, env=shell, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout


def test_where_the_servers_are_is_left() -> None:
    environment = {"REDIS_URL": "redis://elsewhere", "MTN_URL": "https://real", "PATH": "/bin"}
    forget_settings(environment)
    assert environment == {"REDIS_URL": "redis://elsewhere", "PATH": "/bin"}
