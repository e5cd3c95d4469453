"""What comes round by itself, and how often."""

from collections.abc import Mapping
from typing import Final

from core.schedule import Every
from core.settings import Settings
from payments.wallets.protocol import Wallet

_MINUTE_SECONDS: Final = 60
_HOUR_SECONDS: Final = 3600
_DAY_SECONDS: Final = 86_400


def schedule(settings: Settings, wallets: Mapping[str, Wallet]) -> list[Every]:
    """The periodic tasks of a house with these wallets."""
    return [
        *(entry for wallet in wallets.values() for entry in _of_wallet(settings, wallet)),
        Every(_MINUTE_SECONDS, "refunds", "refunds"),
        Every(_HOUR_SECONDS, "plan_reminders", "plan_reminders"),
        Every(_HOUR_SECONDS, "merged_money", "merged_money"),
        Every(_DAY_SECONDS, "duplicates", "duplicates"),
        Every(_DAY_SECONDS, "dci_forget", "dci_forget"),
        Every(_DAY_SECONDS, "audit_head", "audit_head"),
        Every(_DAY_SECONDS, "tidy", "tidy"),
        Every(5 * _MINUTE_SECONDS, "alerts", "alerts"),
    ]


def _of_wallet(settings: Settings, wallet: Wallet) -> list[Every]:
    account = {"wallet": wallet.name, "shortcode": wallet.shortcode}
    name = f"{wallet.name}:{wallet.shortcode}"
    entries = [Every(settings.reconcile_every_seconds, "reconcile", f"reconcile:{name}", account)]
    if wallet.can_pull:
        entries.append(Every(settings.pull_every_seconds, "pull", f"pull:{name}", account))
        entries.append(Every(_HOUR_SECONDS, "wallet_balance", f"balance:{name}", account))
    return entries
