"""The environment that the parts run in: what is set, what the sandbox adds, what is made once and kept."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from operations.state import REPOSITORY, State, write_private
from operations.trouble import TroubleError
from payments.schemes.rules import BadScheme, Scheme, schemes_of

SECRET_BYTES = 48
_HOME = "KE"
_MPESA = "mpesa"
_KEPT_SECRETS = ("SECRET_KEY", "PII_KEYS", "INDEX_KEY", "PIN_PEPPER")


def configured() -> dict[str, str]:
    """The process environment over `.env`; empty values count as not set."""
    file = {name: value for name, value in dotenv_values(REPOSITORY / ".env").items() if value is not None}
    return {name: value for name, value in (file | dict(os.environ)).items() if value != ""}


def is_production(environment: Mapping[str, str]) -> bool:
    return environment.get("KIBABA_ENV", "sandbox") == "production"


def sandbox_providers(sandbox_url: str) -> dict[str, str]:
    """Where the sandbox plays each provider, with the credentials that it publishes."""
    registry_secret = "sandbox-registry-secret"  # noqa: S105 - published by the sandbox, worth nothing elsewhere.
    return {
        "HOOK_TOKEN": "dev",
        "AT_URL": f"{sandbox_url}/africastalking",
        "AT_USERNAME": "sandbox",
        "AT_API_KEY": "sandbox-at-key",
        "MPESA_URL": f"{sandbox_url}/daraja",
        "MPESA_CONSUMER_KEY": "sandbox-key",
        "MPESA_CONSUMER_SECRET": "sandbox-secret",
        "MPESA_SHORTCODE": "174379",
        "MPESA_PASSKEY": "sandbox-passkey",
        "MPESA_INITIATOR": "sandbox-initiator",
        "MPESA_INITIATOR_PASSWORD": "sandbox-initiator-password",
        # The sandbox makes its key when it is first asked for.
        "MPESA_CERTIFICATE": f"{sandbox_url}/certificate.pem",
        **_sandbox_wallets(sandbox_url),
        "CIVIL_REGISTRY_URL": f"{sandbox_url}/civil",
        "CIVIL_REGISTRY_CLIENT_ID": "kibaba",
        "CIVIL_REGISTRY_CLIENT_SECRET": registry_secret,
        "FUND_REGISTRY_URL": f"{sandbox_url}/fund",
        "FUND_REGISTRY_CLIENT_ID": "kibaba",
        "FUND_REGISTRY_CLIENT_SECRET": registry_secret,
        "FUND_REGISTRY_ENROLMENTS": "true",
        # Nobody wants to wait an hour to see what a demonstration is about.
        "PULL_EVERY_SECONDS": "60",
        "RECONCILE_EVERY_SECONDS": "60",
    }


def _sandbox_wallets(sandbox_url: str) -> dict[str, str]:
    """The wallets besides M-Pesa; which of them asks a phone is the scheme's word."""
    return {
        "AIRTEL_URL": f"{sandbox_url}/airtel",
        "AIRTEL_CLIENT_ID": "sandbox-airtel-id",
        "AIRTEL_CLIENT_SECRET": "sandbox-airtel-secret",
        "AIRTEL_HASH_KEY": "sandbox-airtel-hash-key",
        "AIRTEL_MERCHANT": "AIRTELFUND",
        "MTN_URL": f"{sandbox_url}/mtn",
        "MTN_SUBSCRIPTION_KEY": "sandbox-mtn-subscription",
        "MTN_API_USER": "7f3a0c1e-5b0d-4a52-9d55-3d3c6f1a2b10",
        "MTN_API_KEY": "sandbox-mtn-key",
        "MTN_ACCOUNT": "MTNFUND",
    }


def kept_secrets(state: State) -> dict[str, str]:
    """Keys for demonstration data, made on first use, so that a restart can read what was written."""
    file = dotenv_values(state.secrets_file, interpolate=False) if state.secrets_file.exists() else {}
    kept = {name: file.get(name) or secrets.token_urlsafe(SECRET_BYTES) for name in _KEPT_SECRETS}
    if any(file.get(name) != value for name, value in kept.items()):
        write_private(state.secrets_file, "".join(f"{name}='{value}'\n" for name, value in kept.items()))
    return kept


def complete(state: State, *, web_url: str, sandbox_url: str | None) -> dict[str, str]:
    """What is configured, over what the sandbox gives. In production nothing is given."""
    given = configured()
    if is_production(given):
        return given
    defaults = {"KIBABA_ENV": "sandbox", "PUBLIC_URL": web_url} | kept_secrets(state)
    scheme = _scheme(given.get("FUND_REGION", _HOME))
    defaults |= {"FUND_CURRENCY": scheme.currency, "FUND_ZONE": scheme.zone}
    if sandbox_url is not None:
        defaults |= _of_the_country(sandbox_providers(sandbox_url), scheme)
    return defaults | given


def _scheme(country: str) -> Scheme:
    """The newest rules of the country, for what all of its rules say. Raises TroubleError."""
    try:
        return schemes_of(country)[-1]
    except BadScheme as error:
        raise TroubleError(f"FUND_REGION: {error}") from error


def _of_the_country(providers: Mapping[str, str], scheme: Scheme) -> dict[str, str]:
    """Without M-Pesa where nobody has it. The others serve several countries."""
    if _MPESA in scheme.wallets.names:
        return dict(providers)
    return {name: value for name, value in providers.items() if not name.startswith("MPESA_")}


def lower_case(environment: Mapping[str, str]) -> dict[str, str]:
    """The names as `core.settings` takes them."""
    return {name.lower(): value for name, value in environment.items()}


def read_file(path: Path) -> dict[str, str]:
    """A file that `write_file` made."""
    values: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return values


def write_file(path: Path, values: Mapping[str, str]) -> None:
    """Keep `values`, whatever they hold, in a file of mode 0600."""
    write_private(path, json.dumps(values, indent=2, sort_keys=True) + "\n")
