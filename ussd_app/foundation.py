"""What every process stands on: settings, time, the database and Redis; built in no time."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from redis import Redis

from core.clock import Clock, FundCalendar, SystemClock
from core.database import Sessions, make_engine, make_sessions
from core.settings import Settings
from core.vault import Vault
from ussd_app.wallet_accounts import check_wallets

_REDIS_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """Enough for a process that works no task and answers nobody; `bootstrap.build` builds on it."""

    settings: Settings
    clock: Clock
    calendar: FundCalendar
    vault: Vault
    sessions: Sessions
    redis: Redis
    closing: ExitStack


def lay_foundation(settings: Settings, *, clock: Clock | None = None) -> Foundation:
    """Nothing is connected until it is used. Raises BadSettings."""
    clock, closing, calendar = clock or SystemClock(), ExitStack(), FundCalendar(settings.zone)
    vault = settings.vault()
    check_wallets(settings, calendar.day_of(clock.now()))
    engine = make_engine(settings.database_url.get_secret_value(), vault)
    closing.callback(engine.dispose)
    redis = Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_connect_timeout=_REDIS_SECONDS,
        health_check_interval=30,
    )
    closing.callback(redis.close)
    return Foundation(
        settings=settings,
        clock=clock,
        calendar=calendar,
        vault=vault,
        sessions=make_sessions(engine),
        redis=redis,
        closing=closing,
    )
