"""Tells the wallet, once, where hand payments are to be announced and that its list will be pulled."""

from core.clock import Clock
from core.database import Sessions
from core.phone import PhoneNumber
from core.settings import Settings
from payments.wallets.mpesa.registration import Registration, register_hand_payments, register_pull
from payments.wallets.mpesa.wallet import MpesaWallet
from registry.server.clients import add_client
from registry.server.model import Scope
from ussd_app.wallet_accounts import hooks_address


def register_wallet(settings: Settings, wallet: MpesaWallet | None) -> dict[str, Registration]:
    """Register both at Daraja; again is harmless. Raises RegistrationFailed, InvalidValue.

    Empty without M-Pesa: the other wallets learn our addresses in their portals, or with each request.
    """
    if wallet is None:
        return {}
    client = wallet.client
    hooks = hooks_address(settings)
    return {
        "hand payments": register_hand_payments(
            client, validation_url=f"{hooks}/c2b/validation", confirmation_url=f"{hooks}/c2b/confirmation"
        ),
        "pull": register_pull(
            client,
            nominated=PhoneNumber.parse(settings.mpesa_pull_nominated_number, settings.fund_region),
            callback_url=f"{hooks}/pull",
        ),
    }


def let_registries_in(settings: Settings, sessions: Sessions, clock: Clock) -> None:
    """In the sandbox, the registries that we ask may call us with the secret that the sandbox publishes."""
    if settings.is_production:
        return
    with sessions.begin() as session:
        for name, url, secret in (
            ("civil", settings.civil_registry_url, settings.civil_registry_client_secret),
            ("fund", settings.fund_registry_url, settings.fund_registry_client_secret),
        ):
            add_client(
                session,
                name,
                name=f"The sandbox's {name} registry",
                scopes=list(Scope),
                secret=secret.get_secret_value(),
                keys_url=f"{url}/.well-known/jwks.json",
                callback_base=url,
                speaks_for=name,
                now=clock.now(),
                actor="operator",
            )
