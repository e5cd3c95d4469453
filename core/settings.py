"""Settings from the environment and `.env`: read once, frozen, every fault named at once."""

import json
import re
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator

from core.errors import InvalidValue, KibabaError
from core.from_environment import SETTINGS, from_environment
from core.mail_settings import MailSettings, comma_separated, mail_faults
from core.phone import PhoneNumber
from core.vault import Vault
from core.wallet_settings import WalletSettings, wallet_faults, wallets_on

_SECRET_CHARACTERS_MIN = 32
_SCREEN_SEPTETS_MIN, _SCREEN_SEPTETS_MAX = 160, 182
# What callers are told: a demonstration's must not be told to those of a fund.
_OF_THE_FUND = ("fund_name", "fund_contact", "fund_programme", "ussd_service_code")


class Environment(StrEnum):
    SANDBOX = "sandbox"
    PRODUCTION = "production"


class BadSettings(KibabaError):  # noqa: N818 -- it names what is bad
    """One or more settings are missing or wrong; the message names every one, never a value."""

    code = "bad_settings"

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


def _json_object(value: Any) -> Any:
    return json.loads(value or "{}") if isinstance(value, str) else value


def _none_when_empty(value: Any) -> Any:
    return value or None


def _shown_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9 .,&'()/-]{1,40}", value):
        raise ValueError("must be at most 40 letters, digits and .,&'()/- : every phone can show those")
    return value


def _zone_name(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone, such as Africa/Nairobi") from None
    return value


def _dialled_number(value: str) -> str:
    # The lint proves every screen with sixteen characters.
    if not re.fullmatch(r"\+?[0-9][0-9 ]{2,14}", value):
        raise ValueError("must be a number as callers dial it, of at most 16 digits and spaces")
    return value


def _screen_septets(value: int) -> int:
    # The lint proves that every last screen is one page of 160. Of two, the second could never be turned to.
    if not _SCREEN_SEPTETS_MIN <= value <= _SCREEN_SEPTETS_MAX:
        room = f"from {_SCREEN_SEPTETS_MIN} to {_SCREEN_SEPTETS_MAX}"
        raise ValueError(f"must be {room}: on fewer, calls would end before their last page")
    return value


# One JSON object, as text in the environment.
JsonObject = Annotated[dict[str, Any], BeforeValidator(_json_object)]


class Settings(WalletSettings, MailSettings):
    """What differs between installations. Names are those of the environment, in lower case."""

    model_config = SETTINGS

    kibaba_env: Environment = Environment.SANDBOX
    database_url: SecretStr
    redis_url: SecretStr
    public_url: str = "http://127.0.0.1:8000"
    secret_key: SecretStr
    pii_keys: Annotated[list[SecretStr], BeforeValidator(comma_separated), Field(min_length=1)]
    index_key: SecretStr
    pin_pepper: SecretStr
    hook_token: SecretStr
    # Who shows it as a bearer token may read /metrics.
    metrics_token: Annotated[SecretStr | None, BeforeValidator(_none_when_empty)] = None

    # Networks of the proxies in front of us: only what they write into X-Forwarded-For is believed.
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(comma_separated)] = ()

    fund_name: Annotated[str, AfterValidator(_shown_name)] = "Haba Fund"
    fund_zone: Annotated[str, AfterValidator(_zone_name)] = "Africa/Nairobi"
    fund_region: str = "KE"
    fund_currency: str = "KES"
    fund_contact: Annotated[str, AfterValidator(_dialled_number)] = "0800 720 000"
    fund_programme: str = "HABA"
    ussd_service_code: str = "*384*96#"
    ussd_screen_septets: Annotated[int, AfterValidator(_screen_septets)] = _SCREEN_SEPTETS_MIN
    ussd_session_seconds: int = Field(default=300, ge=180, le=900)

    prompt_delay_seconds: float = Field(default=5.0, ge=0)
    pull_delay_seconds: float = Field(default=3.0, ge=0)
    pull_every_seconds: int = Field(default=3600, ge=5)
    reconcile_every_seconds: int = Field(default=3600, ge=5)
    four_eyes_above_cents: int = Field(default=100_000, ge=0)
    alert_phones: Annotated[list[str], BeforeValidator(comma_separated)] = Field(default_factory=list)
    phone_change_wait_hours: float = Field(default=24.0, ge=0)
    registry_read_back_seconds: float = Field(default=1.0, ge=0)

    at_username: str = "sandbox"
    at_api_key: SecretStr
    at_url: str = ""
    at_sender_id: str = ""

    # Our own name over DCI, as those who call us know it.
    dci_id: str = Field(default="kibaba", pattern=r"^[a-z0-9][a-z0-9._-]{1,98}$")

    fund_registry_url: str
    fund_registry_client_id: str
    fund_registry_client_secret: SecretStr
    fund_registry_signing_key: SecretStr | None = None
    # In what a registry differs from the plain form: fields of `registry.connection.Connection`.
    fund_registry_options: JsonObject = Field(default_factory=dict)
    # Whether it gathers who is enrolled in which programme, and so is told of our members by their papers.
    fund_registry_enrolments: bool = False
    civil_registry_url: str
    civil_registry_client_id: str
    civil_registry_client_secret: SecretStr
    civil_registry_signing_key: SecretStr | None = None
    civil_registry_options: JsonObject = Field(default_factory=dict)
    # Whether members are watched there for deaths and changes of name.
    civil_registry_watches: bool = True
    # What it means that the central registry knows a newcomer as enrolled elsewhere (`sync/enrolled`).
    enrolled_elsewhere: Literal["ignored", "noted", "review"] = "noted"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.fund_zone)

    def alert_numbers(self) -> list[PhoneNumber]:
        """`alert_phones`, as people of the fund's country write them. Raises InvalidValue."""
        return [PhoneNumber.parse(phone, self.fund_region) for phone in self.alert_phones]

    def vault(self) -> Vault:
        """A vault with the keys for personal data."""
        return Vault(
            [key.get_secret_value().encode() for key in self.pii_keys],
            self.index_key.get_secret_value().encode(),
        )

    @property
    def is_production(self) -> bool:
        return self.kibaba_env is Environment.PRODUCTION

    @model_validator(mode="after")
    def _strict_in_production(self) -> "Settings":
        faults = _key_faults(self) + wallet_faults(self) + mail_faults(self) + _phone_faults(self)
        if self.is_production:
            faults += _production_faults(self)
        if faults:
            raise ValueError("; ".join(faults))
        return self


def _key_faults(settings: Settings) -> list[str]:
    keys = {
        "SECRET_KEY": settings.secret_key,
        "INDEX_KEY": settings.index_key,
        "PIN_PEPPER": settings.pin_pepper,
        **{f"PII_KEYS[{n}]": key for n, key in enumerate(settings.pii_keys)},
    }
    faults = [
        f"{name} must have at least {_SECRET_CHARACTERS_MIN} characters"
        for name, key in keys.items()
        if len(key.get_secret_value()) < _SECRET_CHARACTERS_MIN
    ]
    # These are shown to others, in addresses and headers: none of them may be a key.
    told = [token for token in (settings.hook_token, settings.metrics_token) if token]
    secrets = [key.get_secret_value() for key in (*keys.values(), *told)]
    if len(set(secrets)) < len(secrets):
        faults.append(
            "SECRET_KEY, PII_KEYS, INDEX_KEY, PIN_PEPPER, HOOK_TOKEN and METRICS_TOKEN must all differ"
        )
    return faults


def _phone_faults(settings: Settings) -> list[str]:
    try:
        settings.alert_numbers()
    except InvalidValue:
        return ["ALERT_PHONES must be phone numbers, with commas between them"]
    return []


def _production_faults(settings: Settings) -> list[str]:
    of_the_fund = [*_OF_THE_FUND, *(["mpesa_pull_nominated_number"] if settings.mpesa_url else [])]
    faults = [f"{name.upper()} is missing" for name in of_the_fund if name not in settings.model_fields_set]
    if settings.hook_token.get_secret_value() == "dev" or len(settings.hook_token.get_secret_value()) < 24:  # noqa: PLR2004 -- the sandbox's token is refused here
        faults.append("HOOK_TOKEN must be a secret of at least 24 characters")
    if (
        settings.metrics_token and len(settings.metrics_token.get_secret_value()) < 24  # noqa: PLR2004 -- as above
    ):
        faults.append("METRICS_TOKEN must have at least 24 characters")
    if settings.phone_change_wait_hours < 1:
        faults.append("PHONE_CHANGE_WAIT_HOURS must be at least 1")
    if settings.at_username == "sandbox":
        faults.append("AT_USERNAME must not be the sandbox's")
    if not re.fullmatch(r"[0-9]{3,8}", settings.at_sender_id):
        faults.append("AT_SENDER_ID must be a short code: nobody can answer a name")
    wallets = [f"{wallet}_url" for wallet in wallets_on(settings)]
    if settings.mtn_url and settings.mtn_target_environment == "sandbox":
        faults.append("MTN_TARGET_ENVIRONMENT must not be the sandbox's")
    for name in ("public_url", *wallets, "fund_registry_url", "civil_registry_url"):
        url = urlsplit(getattr(settings, name))
        if url.scheme != "https" or url.hostname in {"127.0.0.1", "localhost", "::1"}:
            faults.append(f"{name.upper()} must be https and not this machine")
    return faults


def load_settings(_env_file: str | None = ".env", **overrides: Any) -> Settings:
    """Read the settings. Raises BadSettings naming every missing or bad one, without their values."""
    given: dict[str, Any] = {**from_environment(Settings.model_fields, _env_file), **overrides}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        # With a field at fault nothing after the fields was looked at; everything is named at once.
        is_early = any(fault["loc"] for fault in error.errors(include_input=False, include_url=False))
        faults = _early_wallet_faults(given) if is_early else []
        for fault in error.errors(include_input=False, include_url=False):
            name = ".".join(str(part) for part in fault["loc"]).upper()
            message = (
                "is missing" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
            )
            faults.append(f"{name} {message}".strip())
        raise BadSettings(faults) from None


def _early_wallet_faults(given: dict[str, Any]) -> list[str]:
    try:
        return wallet_faults(WalletSettings.model_validate(given))
    except ValidationError:
        # The field at fault is a wallet's own, and is named already.
        return []
