"""The composition root: fits together what a process that answers needs, and nothing that calls others."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine

from core.clock import Clock, FundCalendar, PerDay
from core.database import Sessions, make_engine, make_sessions
from core.direct import Direct
from core.prepared import Prepared, connector
from core.settings import Settings
from members.model import ElsewhereRule, Policy
from members.pins import Pins, pin_hasher
from members.service import Members
from messages.service import Messages
from payments.contributions.model import Terms
from payments.evidence.desk import EvidenceDesk
from payments.schemes.rules import scheme_on
from payments.wallets.choosing import Wallets
from ussd_app.foundation import Foundation, lay_foundation
from ussd_app.gateway.africastalking import AfricasTalking
from ussd_app.gateway.aggregator import Aggregator, Dialling
from ussd_app.gateway.arkesel import Arkesel
from ussd_app.gateway.caller import CALLER
from ussd_app.gateway.funnel import Funnel
from ussd_app.gateway.funnel_reading import FunnelReading
from ussd_app.gateway.graphs import Definition, Graphs
from ussd_app.gateway.host import Host
from ussd_app.gateway.session_store import SessionStore
from ussd_app.gateway.truroute import TruRoute
from ussd_app.gateway.turns import Turns
from ussd_app.gateway.world import NOTICE_VERSION, FundFacts, RoomsWorld
from ussd_app.wallet_accounts import shortcodes_of

# What a caller may be kept waiting for the database: one statement, one lock, one connection.
_HOP_SECONDS: Final = 2.5
# And for the session store, which one can do without.
_SESSION_STORE_SECONDS: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Services(Foundation):
    """What a process needs to answer; workers build on it. Built once, threads may share it.

    `brief_sessions` wait no longer for the database than who asks can be kept waiting.
    """

    brief_sessions: Sessions
    members: Members
    messages: Messages
    evidence: EvidenceDesk
    host: Host
    funnel: Funnel
    funnel_reading: FunnelReading
    aggregators: Sequence[Aggregator]
    policy: Policy

    def close(self) -> None:
        """Write what is only in memory and let go of every connection."""
        self.closing.close()

    def terms(self) -> Terms:
        """Where money may arrive, and the scheme's rules today."""
        return terms_at(self.settings, self.calendar, self.clock.now())


def build(settings: Settings, *, clock: Clock | None = None, menu_root: Path | None = None) -> Services:
    """Build a process's services. Nothing is connected until it is used.

    `menu_root` is a folder with other menus than the packaged ones.
    """
    base = lay_foundation(settings, clock=clock)
    clock, calendar, vault, closing = base.clock, base.calendar, base.vault, base.closing
    sessions, redis = base.sessions, base.redis
    definition = Definition.read(menu_root)
    funnel = Funnel(sessions, clock, calendar)
    closing.callback(funnel.close)
    policy = Policy(
        calendar,
        phone_change_wait_hours=settings.phone_change_wait_hours,
        elsewhere=ElsewhereRule(settings.enrolled_elsewhere),
    )
    members = Members(vault, clock, Pins(_bytes(settings.pin_pepper), pin_hasher(), clock), policy)
    brief = make_engine(settings.database_url.get_secret_value(), vault, patience_seconds=_HOP_SECONDS)
    closing.callback(brief.dispose)
    brief_sessions = make_sessions(brief)
    return Services(
        settings=settings,
        clock=clock,
        calendar=calendar,
        vault=vault,
        sessions=sessions,
        redis=redis,
        brief_sessions=brief_sessions,
        members=members,
        policy=policy,
        messages=Messages(members, vault, clock, calendar, NOTICE_VERSION),
        evidence=EvidenceDesk(_direct(settings, vault.newest, closing), vault),
        host=_host(base, members, funnel, definition, brief, brief_sessions),
        funnel=funnel,
        funnel_reading=FunnelReading(sessions, definition.graph),
        aggregators=_aggregators(settings),
        closing=closing,
    )


def _direct(settings: Settings, key_id: str, closing: ExitStack) -> Direct:
    url = settings.database_url.get_secret_value()
    direct = Direct(url, patience_seconds=_HOP_SECONDS, key_id=key_id)
    closing.callback(direct.close)
    return direct


def _bytes(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode()


def terms_at(settings: Settings, calendar: FundCalendar, now: datetime) -> Terms:
    scheme = scheme_on(settings.fund_region, calendar.day_of(now))
    wallets = Wallets(shortcodes_of(settings), scheme.wallets)
    day_began_at, _ = calendar.bounds(calendar.day_of(now))
    return Terms(wallets, scheme, timedelta(seconds=settings.prompt_delay_seconds), day_began_at)


def _host(
    base: Foundation,
    members: Members,
    funnel: Funnel,
    definition: Definition,
    brief: Engine,
    brief_sessions: Sessions,
) -> Host:
    settings, clock, calendar = base.settings, base.clock, base.calendar
    vault, closing = base.vault, base.closing
    redis = Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_connect_timeout=_SESSION_STORE_SECONDS,
        socket_timeout=_SESSION_STORE_SECONDS,
        # Once more, at once: a connection may have been closed while nobody called.
        retry=Retry(NoBackoff(), 1),
    )
    closing.callback(redis.close)
    store = SessionStore(redis, vault, session_seconds=settings.ussd_session_seconds)
    closing.callback(store.close)
    caller = Prepared(connector(brief), CALLER)
    closing.callback(caller.close)
    world = RoomsWorld(
        members=members,
        read_caller=caller.first,
        vault=vault,
        calendar=calendar,
        fund=FundFacts(settings.fund_name, settings.fund_contact),
        terms_at=PerDay(calendar, partial(terms_at, settings, calendar)).at,
        phone_change_wait_hours=settings.phone_change_wait_hours,
    )
    return Host(
        graphs=Graphs(brief_sessions, clock, definition),
        store=store,
        sessions=brief_sessions,
        turns=Turns(brief_sessions, world, clock, settings.ussd_screen_septets),
        funnel=funnel,
        vault=vault,
        clock=clock,
    )


def _aggregators(settings: Settings) -> list[Aggregator]:
    dialling = Dialling(settings.fund_region, settings.ussd_service_code)
    return [AfricasTalking(dialling), Arkesel(dialling), TruRoute(dialling)]
