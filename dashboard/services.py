"""What the dashboard needs from the outside; built once by the composition root."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import cast

from flask import current_app

from core.clock import Clock, FundCalendar
from core.database import Sessions
from dashboard.funnel import Funnel, NoFunnel
from members.service import Members
from payments.wallets.choosing import WalletAccount
from registry.breaker import Breaker

EXTENSION = "kibaba_dashboard"


@dataclass(frozen=True, kw_only=True)
class Services:
    """Long-lived parts and plain values. `public_url` decides whether cookies are for https only."""

    sessions: Sessions
    clock: Clock
    calendar: FundCalendar
    members: Members
    secret_key: str
    public_url: str
    wallet: str
    shortcode: str
    fund_name: str
    currency: str = "KES"
    region: str = "KE"
    # One for each registry, shared with the workers that call it.
    circuits: Sequence[Breaker] = ()
    funnel: Funnel = field(default_factory=NoFunnel)
    # What staff decide about more money than this needs a second person.
    four_eyes_above_cents: int = 100_000
    # Where money arrives besides the first wallet.
    other_accounts: Sequence[WalletAccount] = ()
    # Proxies in front of us, whose word about where a request comes from is taken.
    trusted_proxies: Sequence[IPv4Network | IPv6Network] = ()
    idle_for: timedelta = timedelta(minutes=30)
    signed_in_for: timedelta = timedelta(hours=12)

    @property
    def accounts(self) -> list[WalletAccount]:
        """Every wallet of the fund, the country's first one first."""
        return [WalletAccount(self.wallet, self.shortcode), *self.other_accounts]

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")


def services() -> Services:
    """The services of the running application."""
    return cast("Services", current_app.extensions[EXTENSION])
