"""Fits the DCI server together: one place that knows its parts, ours and the registry room's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from members.model import ElsewhereRule
from registry.canonical import read_object
from registry.connection import Connection
from registry.keys import SigningKey
from registry.server.bearer import Tokens
from registry.server.enrolling import Enrolling
from registry.server.hearing import Hearing
from registry.server.rates import Rates
from registry.server.receiving import Gate
from registry.server.replies import Replies
from registry.server.searching import Searching
from registry.server.server import DciServer
from registry.server.subscribing import Subscribing
from ussd_app.bootstrap import Services
from ussd_app.dci.holdings import RoomsHoldings
from ussd_app.dci.listening import RoomsListener

_KEYS_BYTES_MAX = 100_000


@dataclass(frozen=True, kw_only=True)
class DciHouse:
    """The server for the views, of what it is made for the jobs, and all keys with which we sign."""

    server: DciServer
    holdings: RoomsHoldings
    replies: Replies
    signing_keys: Sequence[SigningKey]


def build_dci(services: Services) -> DciHouse:
    """Build the server. Nothing is connected until it is used.

    Raises InvalidValue for a bad signing key, and for wrong options of a registry.
    """
    settings, sessions, members = services.settings, services.sessions, services.members
    calendar, clock = services.calendar, services.clock
    secret = settings.secret_key.get_secret_value().encode()
    key = SigningKey.derived(secret, "dci server")
    holdings = RoomsHoldings(members.indexes, calendar, settings.fund_programme)
    replies = Replies(settings.dci_id, key, clock)
    rule = ElsewhereRule(settings.enrolled_elsewhere)
    listener = RoomsListener(members, settings.fund_programme, rule, clock)
    tokens, rates = Tokens(secret, settings.dci_id), Rates(services.redis)
    server = DciServer(
        sessions,
        gate=Gate(sessions, tokens, rates, clock, _fetch_keys, our_id=settings.dci_id),
        replies=replies,
        searching=Searching(holdings, clock),
        enrolling=Enrolling(holdings),
        subscribing=Subscribing(holdings, clock),
        hearing=Hearing(listener, clock, [Connection.to_civil(settings), Connection.to_fund(settings)]),
        tokens=tokens,
        rates=rates,
        clock=clock,
    )
    to_registries = (settings.fund_registry_signing_key, settings.civil_registry_signing_key)
    keys = [key, *(found for setting in to_registries if (found := signing_key(setting)) is not None)]
    return DciHouse(server=server, holdings=holdings, replies=replies, signing_keys=keys)


def signing_key(setting: SecretStr | None) -> SigningKey | None:
    """The key with which we sign to a registry; None when it wants no signatures."""
    return None if setting is None else SigningKey.load(setting.get_secret_value())


def _fetch_keys(url: str) -> Mapping[str, Any]:
    # An HTTP client is much to hold for what a web process does once in a while.
    from registry.server.fetching import fetch_json  # noqa: PLC0415

    return read_object(fetch_json(url, _KEYS_BYTES_MAX), _KEYS_BYTES_MAX)
