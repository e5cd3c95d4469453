"""Reads the scheme rules of a country and answers which of them hold on a day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import yaml

from core.errors import KibabaError
from core.money import Money
from core.yaml_text import read_yaml
from payments.schemes.plan_rules import PlanRules, read_plan_rules
from payments.wallets.choosing import WalletRules


class BadScheme(KibabaError):  # noqa: N818 -- it names what is bad
    """The rules of a country are missing, contradict each other, or do not cover a day."""

    code = "bad_scheme"


@dataclass(frozen=True, slots=True)
class Scheme:
    """The rules that hold from `effective_from` until the next ones.

    Amounts are hundredths of `currency`, also where it has no coins that small. `languages` and `wallets` are
    the country's at all times, the usual language first. Payments up to `free_up_to_cents` cost nothing to
    either side of `free_wallets`. A payment may count for `months_past` before its own or `months_ahead`.
    """

    country: str
    currency: str
    effective_from: date
    payment_min_cents: int
    payment_max_cents: int
    day_max_cents: int
    free_up_to_cents: int
    suggested_cents: tuple[int, ...]
    languages: tuple[str, ...] = ()
    wallets: WalletRules = field(default_factory=WalletRules)
    free_wallets: tuple[str, ...] = ()
    zone: str = "UTC"
    months_past: int = 0
    months_ahead: int = 0
    plans: PlanRules = field(default_factory=PlanRules)

    def __post_init__(self) -> None:
        amounts = (self.payment_min_cents, *self.suggested_cents, self.payment_max_cents, self.day_max_cents)
        if any(type(amount) is not int for amount in (*amounts, self.free_up_to_cents)):
            raise BadScheme(f"{self.country} {self.effective_from}: amounts are whole cents")
        if self.payment_min_cents <= 0 or list(amounts) != sorted(amounts):
            raise BadScheme(f"{self.country} {self.effective_from}: limits and suggestions out of order")

    @property
    def minimum(self) -> Money:
        return Money(self.payment_min_cents, self.currency)

    @property
    def maximum(self) -> Money:
        return Money(self.payment_max_cents, self.currency)

    def free_up_to(self, wallet: str) -> int:
        """Up to how many cents a payment by this wallet costs nobody anything; 0 when none is known to."""
        return self.free_up_to_cents if wallet in self.free_wallets else 0

    def months_around(self, day: date) -> tuple[str, ...]:
        """The months (`YYYY-MM`) a payment made on a day may count for, the nearest first, its own not among
        them: those past, newest first, then those ahead.
        """
        own = day.year * 12 + day.month - 1
        past = [own - back for back in range(1, self.months_past + 1)]
        ahead = [own + forth for forth in range(1, self.months_ahead + 1)]
        return tuple(f"{number // 12:04d}-{number % 12 + 1:02d}" for number in (*past, *ahead))

    def allows(self, amount_cents: int) -> bool:
        """Whether one payment may be this large. Wallets move whole units only."""
        in_range = self.payment_min_cents <= amount_cents <= self.payment_max_cents
        return in_range and amount_cents % 100 == 0


def scheme_on(country: str, day: date) -> Scheme:
    """The rules of a country (ISO 3166, two letters) on a fund day. Raises BadScheme."""
    in_force = [scheme for scheme in schemes_of(country) if scheme.effective_from <= day]
    if not in_force:
        raise BadScheme(f"{country} has no scheme rules for {day}")
    return in_force[-1]


def free_up_to(country: str, wallet: str, day: date) -> int:
    """Up to how many cents a payment by this wallet cost nobody anything on a fund day; 0 when none is known
    to, as on a day before all rules.
    """
    if day < schemes_of(country)[0].effective_from:
        return 0
    return scheme_on(country, day).free_up_to(wallet)


@cache
def schemes_of(country: str) -> tuple[Scheme, ...]:
    """Every set of rules of a country, oldest first. Raises BadScheme."""
    file = resources.files("payments.schemes").joinpath(f"{country.lower()}.yaml")
    if not country.isalpha() or not file.is_file():
        raise BadScheme(f"there are no scheme rules for {country!r}")
    return read_schemes(file.read_text(encoding="utf-8"))


def read_schemes(source: str) -> tuple[Scheme, ...]:
    """Parse the YAML of one country. Raises BadScheme."""
    try:
        document: dict[str, Any] = read_yaml(source)
        shared = {
            "country": document["country"],
            "currency": document["currency"],
            "zone": document.get("zone", "UTC"),
            "languages": tuple(document.get("languages", ())),
            "wallets": _wallets(document.get("wallets") or {}),
        }
        schemes = tuple(Scheme(**shared, **_rule(rule)) for rule in document["rules"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise BadScheme("scheme rules are not of the expected form") from error
    except AttributeError as error:
        raise BadScheme("the wallets of a scheme are not of the expected form") from error
    starts = [scheme.effective_from for scheme in schemes]
    if not starts or starts != sorted(set(starts)):
        raise BadScheme("scheme rules begin on different days, oldest first")
    return schemes


def _rule(document: Mapping[str, Any]) -> dict[str, Any]:
    rule = dict(document)
    for name in ("suggested_cents", "free_wallets"):
        rule[name] = tuple(rule.get(name, ()))
    if "plans" in rule:
        rule["plans"] = read_plan_rules(rule["plans"])
    return rule


def _wallets(document: Mapping[str, Any]) -> WalletRules:
    """`prefixes` are listed by wallet; network codes and prefixes are texts. Raises BadScheme."""
    prefixes = {
        prefix: wallet for wallet, listed in document.get("prefixes", {}).items() for prefix in listed
    }
    networks = dict(document.get("networks", {}))
    if any(type(text) is not str for text in (*prefixes, *networks, *networks.values())):
        raise BadScheme("network codes and prefixes are written in quotes")
    return WalletRules(tuple(document.get("fallback", ())), networks, prefixes)
