"""The countries whose phones the sandbox knows, and the network a SIM is in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.world import World


@dataclass(frozen=True, slots=True)
class Country:
    """`networks`: network codes by the first digits of a national number, the first that fits."""

    code: str
    calling_code: str
    currency: str
    networks: Mapping[str, str]


KENYA = Country("KE", "254", "KES", {})
UGANDA = Country("UG", "256", "UGX", {"76": "64110", "77": "64110", "78": "64110", "7": "64101"})
RWANDA = Country("RW", "250", "RWF", {"78": "63510", "79": "63510", "7": "63514"})
COUNTRIES = (KENYA, UGANDA, RWANDA)
_WALLETS = {"63903": "airtel", "64101": "airtel", "63514": "airtel", "64110": "mtn", "63510": "mtn"}


def of(msisdn: str) -> Country:
    """The country of a number in the form `2567…`; Kenya for what is none of the others."""
    return next((country for country in COUNTRIES if msisdn.startswith(country.calling_code)), KENYA)


def named(code: str) -> Country | None:
    return next((country for country in COUNTRIES if country.code == code), None)


def network_code(world: World, msisdn: str) -> str:
    """What the gateway hears as `networkCode`: where the SIM was moved to, else where its number began.

    All Kenyan numbers begin with the sandbox's `--network-code`.
    """
    moved = world.store.row("SELECT network_code FROM sims WHERE msisdn = ?", msisdn)
    if moved is not None:
        return str(moved["network_code"])
    country = of(msisdn)
    national = msisdn.removeprefix(country.calling_code)
    by_number = (code for start, code in country.networks.items() if national.startswith(start))
    return next(by_number, world.settings.network_code)


def wallet_of(world: World, msisdn: str) -> str:
    """Whose wallet the SIM has: `mpesa`, `airtel` or `mtn`."""
    return _WALLETS.get(network_code(world, msisdn), "mpesa")


def move_sim(world: World, msisdn: str, code: str) -> None:
    """The number is now in another network. ValueError for what is no network code."""
    if not re.fullmatch(r"\d{5,6}", code):
        raise ValueError(code)
    world.store.execute(
        "INSERT INTO sims (msisdn, network_code) VALUES (?, ?)"
        " ON CONFLICT (msisdn) DO UPDATE SET network_code = excluded.network_code",
        msisdn,
        code,
    )
