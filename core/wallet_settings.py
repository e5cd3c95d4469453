"""Settings of the wallets: each is on when its address is set, and then all that it needs must be."""

from typing import Final, Literal

from pydantic import BaseModel, SecretStr

from core.from_environment import SETTINGS

_NEEDED: Final = {
    "mpesa": ("consumer_key", "consumer_secret", "shortcode", "passkey"),
    "airtel": ("client_id", "client_secret", "merchant"),
    "mtn": ("subscription_key", "api_user", "api_key", "account"),
}


class WalletSettings(BaseModel):
    """Names are those of the environment, in lower case."""

    model_config = SETTINGS

    mpesa_url: str = ""
    mpesa_consumer_key: SecretStr = SecretStr("")
    mpesa_consumer_secret: SecretStr = SecretStr("")
    mpesa_shortcode: str = ""
    mpesa_passkey: SecretStr = SecretStr("")
    mpesa_pull_nominated_number: str = "254722000000"
    mpesa_c2b_version: Literal["v1", "v2"] = "v2"
    # The API user for refunds, its password and M-Pesa's certificate (PEM or a file): all three or none.
    mpesa_initiator: str = ""
    mpesa_initiator_password: SecretStr = SecretStr("")
    mpesa_certificate: str = ""

    airtel_url: str = ""
    airtel_client_id: SecretStr = SecretStr("")
    airtel_client_secret: SecretStr = SecretStr("")
    airtel_merchant: str = ""
    # From "Callback authentication" in Airtel's portal; without it callbacks only make us ask.
    airtel_hash_key: SecretStr = SecretStr("")

    mtn_url: str = ""
    mtn_subscription_key: SecretStr = SecretStr("")
    mtn_api_user: str = ""
    mtn_api_key: SecretStr = SecretStr("")
    mtn_account: str = ""
    mtn_target_environment: str = "sandbox"


def wallets_on(settings: WalletSettings) -> list[str]:
    """The wallets whose address is set."""
    return [wallet for wallet in _NEEDED if getattr(settings, f"{wallet}_url")]


def wallet_faults(settings: WalletSettings) -> list[str]:
    """Everything missing, by name. Without any wallet it is M-Pesa that is missed."""
    on = wallets_on(settings)
    faults = [] if on else ["MPESA_URL is missing, or AIRTEL_URL, or MTN_URL"]
    wanted = [(wallet, f"{wallet}_{name}") for wallet in on or ["mpesa"] for name in _NEEDED[wallet]]
    faults += [
        f"{name.upper()} is missing beside {wallet.upper()}_URL"
        for wallet, name in wanted
        if not _plain(getattr(settings, name))
    ]
    return faults + _initiator_faults(settings)


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _initiator_faults(settings: WalletSettings) -> list[str]:
    parts = {
        "MPESA_INITIATOR": settings.mpesa_initiator,
        "MPESA_INITIATOR_PASSWORD": settings.mpesa_initiator_password.get_secret_value(),
        "MPESA_CERTIFICATE": settings.mpesa_certificate,
    }
    missing = [name for name, value in parts.items() if not value]
    return [f"{name} is missing beside the others" for name in missing] if len(missing) < len(parts) else []
