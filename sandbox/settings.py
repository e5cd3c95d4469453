"""What a sandbox is started with: who it plays, which secrets it expects, where the gateway is."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Settings:
    """Fixed for the life of the process; what may change while it runs is in `switches`."""

    state_dir: str
    target: str = "http://127.0.0.1:8000"
    hook_token: str = "dev"  # noqa: S105 - the sandbox's published token, worth nothing elsewhere.
    consumer_key: str = "sandbox-key"
    consumer_secret: str = "sandbox-secret"  # noqa: S105 - published.
    shortcode: str = "174379"
    passkey: str = "sandbox-passkey"
    organisation: str = "KIBABA SAVINGS FUND"
    at_username: str = "sandbox"
    at_api_key: str = "sandbox-at-key"
    registry_client_id: str = "kibaba"
    registry_client_secret: str = "sandbox-registry-secret"  # noqa: S105 - published.
    sender_key: str = ""
    service_code: str = "*384*96#"
    network_code: str = "63902"
    airtel_client_id: str = "sandbox-airtel-id"
    airtel_client_secret: str = "sandbox-airtel-secret"  # noqa: S105 - published.
    airtel_hash_key: str = "sandbox-airtel-hash-key"
    airtel_merchant: str = "AIRTELFUND"
    mtn_subscription_key: str = "sandbox-mtn-subscription"
    mtn_api_user: str = "7f3a0c1e-5b0d-4a52-9d55-3d3c6f1a2b10"
    mtn_api_key: str = "sandbox-mtn-key"
    mtn_target: str = "sandbox"
    mtn_account: str = "MTNFUND"
    initiator: str = "sandbox-initiator"
    initiator_password: str = "sandbox-initiator-password"  # noqa: S105 - published.
    wrong_pin: str = "0000"
    opening_balance_shillings: int = 10_000

    @property
    def database(self) -> Path:
        return Path(self.state_dir) / "sandbox.sqlite3"

    def gateway_url(self, path: str) -> str:
        """The gateway's own address for `path`, with the token that opens it."""
        return f"{self.target.rstrip('/')}/gateway/{self.hook_token}/africastalking/{path}"

    def hook_url(self, name: str) -> str:
        """Where a wallet's callbacks go when its portal, not the request, says so."""
        return f"{self.target.rstrip('/')}/hooks/{self.hook_token}/{name}"

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        values: dict[str, Any] = json.loads(text)
        return cls(**values)


def is_loopback(url: str) -> bool:
    """Whether `url` names this machine by one of its loopback names."""
    return (urlsplit(url).hostname or "") in LOOPBACK_HOSTS
