"""Settings of one connection to one registry: everything in which two registries may differ."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from core.errors import InvalidValue
from core.settings import Settings
from registry.addresses import is_this_machine
from registry.canonical import JsonMode

_SET_ELSEWHERE = frozenset({"name", "base_url", "client_id", "client_secret"})
_RESERVED_HEADERS = frozenset({"authorization", "content-type", "content-length", "host", "timestamp"})

Path = Annotated[str, Field(pattern=r"^/[!-~]*$", max_length=200)]


class SignatureMode(StrEnum):
    """How what we send is signed: not, in the standard's own form, or by a detached JWS."""

    NONE = "none"
    SPDCI = "spdci"
    JWS = "jws"


class ReplySignatures(StrEnum):
    """`ignored`; `checked`: a signature that is there must hold; `required`: it must be there and hold."""

    IGNORED = "ignored"
    CHECKED = "checked"
    REQUIRED = "required"


class Paths(BaseModel):
    """Where the registry serves what; deployments differ (`/sr/…`, `/crvs/…`, `reg/search`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Path = "/oauth2/client/token"  # noqa: S105 -- a path
    jwks: Path = "/.well-known/jwks.json"
    sync_search: Path = "/registry/sync/search"
    search: Path = "/registry/search"
    subscribe: Path = "/registry/subscribe"
    unsubscribe: Path = "/registry/unsubscribe"
    notify: Path = "/registry/notify"
    txn_status: Path = "/registry/txn/status"
    sync_txn_status: Path = "/registry/sync/txn/status"
    sync_enrolled: Path = "/registry/sync/enrolled"
    enrollment_updates: Path = "/registry/sync/enrollment/updates"


class Connection(BaseModel):
    """One registry as we talk to it.

    `base_url` may carry an X-Road prefix (`https://<security-server>/r1/<instance>/…`), `extra_headers` its
    `X-Road-Client`. `identifier_names` maps our identifier types to theirs (`{"UIN": "NATIONAL_ID"}`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,29}$")
    base_url: str
    paths: Paths = Paths()
    extra_headers: dict[str, str] = {}

    client_id: str
    client_secret: SecretStr
    scope: str = ""
    sender_id: str = Field(pattern=r'^[^"|\s]{1,99}$')
    receiver_id: str = ""

    version: Literal["1.0.0"] = "1.0.0"
    locale: str = Field(default="eng", pattern=r"^[a-z]{3}$")
    json_mode: JsonMode = JsonMode.ASCII
    signature_mode: SignatureMode = SignatureMode.NONE
    reply_signatures: ReplySignatures = ReplySignatures.CHECKED

    connect_seconds: float = Field(default=3.0, gt=0, le=60)
    read_seconds: float = Field(default=10.0, gt=0, le=120)
    answer_seconds: float = Field(default=20.0, gt=0, le=300)
    answer_bytes_max: int = Field(default=4_000_000, ge=1_000)
    pool_size: int = Field(default=8, ge=1, le=100)

    reg_type: str
    reg_record_type: str
    response_entity: str = "Member"
    identifier_names: dict[str, str] = {}
    # Our names of events to theirs: `{"enrolment": "enrollement"}` where a profile misspells.
    event_names: dict[str, str] = {}
    page_size: int = Field(default=100, ge=1, le=1000)
    calls_per_second: int = Field(default=50, ge=1, le=10_000)
    context_url: str = ""
    # Where this registry is to answer what it does not answer at once; ours, ending in `/dci`.
    callback_url: str = ""
    # Also send the misspelt names that the published specification demands.
    upstream_literal: bool = False

    @field_validator("base_url")
    @classmethod
    def _is_web_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("an http or https address is expected")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("no credentials, query or fragment belong in the address")
        return url.rstrip("/")

    @field_validator("extra_headers")
    @classmethod
    def _leaves_ours_alone(cls, headers: dict[str, str]) -> dict[str, str]:
        for name in headers:
            if name.lower() in _RESERVED_HEADERS:
                raise ValueError(f"{name} is not for settings to change")
        return headers

    @classmethod
    def to_fund(cls, settings: Settings) -> Self:
        """The fund's central registry, as the settings name it. Raises InvalidValue for wrong options."""
        return cls._tempered(
            settings.fund_registry_options,
            name="fund",
            base_url=settings.fund_registry_url,
            client_id=settings.fund_registry_client_id,
            client_secret=settings.fund_registry_client_secret,
            scope="registry.search registry.notify",
            sender_id=settings.fund_registry_client_id,
            signature_mode=_mode(settings.fund_registry_signing_key),
            reg_type="ns:org:RegistryType:Contribution",
            reg_record_type="Contribution",
        )

    @classmethod
    def to_civil(cls, settings: Settings) -> Self:
        """The civil registry, as the settings name it. Raises InvalidValue for wrong options."""
        return cls._tempered(
            settings.civil_registry_options,
            name="civil",
            base_url=settings.civil_registry_url,
            client_id=settings.civil_registry_client_id,
            client_secret=settings.civil_registry_client_secret,
            scope="registry.search registry.subscribe",
            callback_url=f"{settings.public_url}/dci",
            sender_id=settings.civil_registry_client_id,
            signature_mode=_mode(settings.civil_registry_signing_key),
            reg_type="ns:org:RegistryType:Civil",
            reg_record_type="Person",
            page_size=10,
        )

    @classmethod
    def _tempered(cls, options: Mapping[str, Any], **plain: Any) -> Self:
        """The plain connection with what an operator says of this registry."""
        own = _SET_ELSEWHERE & options.keys()
        if own:
            raise InvalidValue(f"{', '.join(sorted(own))} of a registry have settings of their own")
        try:
            return cls.model_validate({**plain, **options})
        except ValidationError as error:
            wrong = sorted({".".join(map(str, fault["loc"])) for fault in error.errors()})
            raise InvalidValue(f"wrong options of the {plain['name']} registry: {', '.join(wrong)}") from None

    @property
    def is_this_machine(self) -> bool:
        """Whether the registry is on the loopback, as the sandbox is."""
        return is_this_machine(self.base_url)

    def url(self, path: str) -> str:
        """The address of one of `paths`."""
        return self.base_url + path

    def their_name(self, identifier_type: str) -> str:
        """What the registry calls one of our identifier types."""
        return self.identifier_names.get(identifier_type, identifier_type)

    def our_name(self, identifier_type: str) -> str:
        """What we call one of the registry's identifier types."""
        return _ours(self.identifier_names, identifier_type)

    def our_event(self, event: str) -> str:
        """What we call one of the registry's events."""
        return _ours(self.event_names, event)


def _ours(names: Mapping[str, str], given: str) -> str:
    for ours, theirs in names.items():
        if theirs.casefold() == given.casefold():
            return ours
    return given


def _mode(signing_key: SecretStr | None) -> SignatureMode:
    return SignatureMode.NONE if signing_key is None else SignatureMode.SPDCI
