"""What the house and its sandbox must know of each other: the wallet our addresses, we their registries."""

from core.settings import Settings
from operations.registration import let_registries_in, register_wallet
from ussd_app.foundation import lay_foundation
from ussd_app.wallets import build_wallets


def meet(settings: Settings) -> None:
    """The wallet learns our addresses; the sandbox's registries may call us. Again is harmless.

    Raises RegistrationFailed, InvalidValue.
    """
    base = lay_foundation(settings)
    register_wallet(settings, build_wallets(base).mpesa)
    let_registries_in(settings, base.sessions, base.clock)
