"""Which of the house's wallets asks a phone to pay."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class WalletAccount:
    """A wallet by name, and our account there."""

    wallet: str
    shortcode: str


@dataclass(frozen=True, slots=True)
class WalletRules:
    """What a country's scheme says of wallets. Every name is a wallet's.

    `networks`: by the aggregator's network code, which follows a number that moved. `prefixes`: by the first
    digits of the national number, the longest that fits: only a hint, numbers are portable. `fallback`: who
    asks when neither tells, first those before.
    """

    fallback: tuple[str, ...] = ()
    networks: Mapping[str, str] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Every wallet these rules speak of."""
        return frozenset({*self.fallback, *self.networks.values(), *self.prefixes.values()})


@dataclass(frozen=True, slots=True)
class Wallets:
    """The wallets that are on, by name with our account there, and the rules for choosing. At least one."""

    shortcodes: Mapping[str, str]
    rules: WalletRules = field(default_factory=WalletRules)

    @classmethod
    def only(cls, wallet: str, shortcode: str) -> "Wallets":
        """A house with one wallet."""
        return cls({wallet: shortcode})

    def choose(self, phone: PhoneNumber, network_code: str = "") -> WalletAccount:
        """Who asks this phone: the wallet of its network, if it is on, else the first fallback that is."""
        named = self.rules.networks.get(network_code) or self._by_prefix(phone.national)
        return self._account(named) if named in self.shortcodes else self.first

    @property
    def first(self) -> WalletAccount:
        """The first fallback that is on; without any, the first that is on."""
        on = (name for name in (*self.rules.fallback, *self.shortcodes) if name in self.shortcodes)
        return self._account(next(on))

    @property
    def accounts(self) -> list[WalletAccount]:
        """Every wallet that is on."""
        return [self._account(name) for name in self.shortcodes]

    def _account(self, name: str) -> WalletAccount:
        return WalletAccount(name, self.shortcodes[name])

    def _by_prefix(self, national: str) -> str:
        fitting = [prefix for prefix in self.rules.prefixes if national.startswith(prefix)]
        return self.rules.prefixes[max(fitting, key=len)] if fitting else ""
