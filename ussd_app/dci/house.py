"""Fits the DCI server together: one place that knows its parts, ours and the registry room's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis

from core.clock import Clock, FundCalendar
from core.database import Sessions
from core.outbox import Handler, Later, Task
from core.settings import Settings
from members.model import ElsewhereRule
from members.service import Members
from registry.canonical import read_object
from registry.keys import SigningKey
from registry.server import memory
from registry.server.bearer import Tokens
from registry.server.calling import Announcing, CallingBack
from registry.server.enrolling import Enrolling
from registry.server.hearing import Hearing
from registry.server.posting import Poster, fetch_json
from registry.server.rates import Rates
from registry.server.receiving import Gate
from registry.server.replies import Replies
from registry.server.searching import Searching
from registry.server.server import DciServer
from registry.server.subscribing import Subscribing
from ussd_app.dci.holdings import RoomsHoldings
from ussd_app.dci.listening import RoomsListener

_KEYS_BYTES_MAX = 100_000


@dataclass(frozen=True, kw_only=True)
class DciHouse:
    """The server for the views, its jobs for the workers, the key with which it signs."""

    server: DciServer
    handlers: Mapping[str, Handler]
    signing_key: SigningKey


def build_dci(
    settings: Settings,
    *,
    sessions: Sessions,
    redis: Redis,
    members: Members,
    calendar: FundCalendar,
    clock: Clock,
) -> DciHouse:
    """Build the server. Nothing is connected until it is used."""
    secret = settings.secret_key.get_secret_value().encode()
    key = SigningKey.derived(secret, "dci server")
    holdings = RoomsHoldings(members.indexes, calendar, settings.fund_programme)
    replies = Replies(settings.dci_id, key, clock)
    rule = ElsewhereRule(settings.enrolled_elsewhere)
    listener = RoomsListener(members, settings.fund_programme, rule, clock)
    tokens, rates = Tokens(secret, settings.dci_id), Rates(redis)
    server = DciServer(
        sessions,
        gate=Gate(sessions, tokens, rates, clock, _fetch_keys, our_id=settings.dci_id),
        replies=replies,
        searching=Searching(holdings, clock),
        enrolling=Enrolling(holdings),
        subscribing=Subscribing(holdings, clock),
        hearing=Hearing(listener, clock),
        tokens=tokens,
        rates=rates,
        clock=clock,
    )
    calling = CallingBack(sessions, server, holdings, replies, Poster(clock).post, clock)

    def forget(_task: Task) -> Later | None:
        with sessions.begin() as session:
            memory.forget_old(session, clock.now())
        return None

    handlers: dict[str, Handler] = {
        "dci_callback": calling.run,
        "dci_event": Announcing(sessions, holdings, clock).run,
        "dci_forget": forget,
    }
    return DciHouse(server=server, handlers=handlers, signing_key=key)


def _fetch_keys(url: str) -> Mapping[str, Any]:
    return read_object(fetch_json(url, _KEYS_BYTES_MAX), _KEYS_BYTES_MAX)
