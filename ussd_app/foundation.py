"""What every process stands on: settings, time, the database, Redis and the wallets; built in no time."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from redis import Redis

from core.clock import Clock, FundCalendar, SystemClock
from core.database import Sessions, make_engine, make_sessions
from core.settings import Settings
from core.vault import Vault
from payments.wallets.mpesa.wallet import MpesaWallet
from payments.wallets.protocol import Wallet
from ussd_app.wallets import build_mpesa, build_others, check_scheme

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
    mpesa: MpesaWallet | None
    wallets: Mapping[str, Wallet]
    closing: ExitStack


def lay_foundation(settings: Settings, *, pooled: bool = True, clock: Clock | None = None) -> Foundation:
    """Nothing is connected until it is used. Raises BadSettings.

    `pooled=False` for processes that fork: no database connection is then kept between uses.
    """
    clock, closing, calendar = clock or SystemClock(), ExitStack(), FundCalendar(settings.zone)
    vault = Vault(
        [key.get_secret_value().encode() for key in settings.pii_keys],
        settings.index_key.get_secret_value().encode(),
    )
    engine = make_engine(settings.database_url.get_secret_value(), vault, pooled=pooled)
    closing.callback(engine.dispose)
    redis = Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_connect_timeout=_REDIS_SECONDS,
        health_check_interval=30,
    )
    closing.callback(redis.close)
    mpesa = build_mpesa(settings, redis, clock)
    wallets: dict[str, Wallet] = {} if mpesa is None else {mpesa.name: mpesa}
    wallets |= build_others(settings, redis)
    check_scheme(settings, wallets, calendar.day_of(clock.now()))
    return Foundation(
        settings=settings,
        clock=clock,
        calendar=calendar,
        vault=vault,
        sessions=make_sessions(engine),
        redis=redis,
        mpesa=mpesa,
        wallets=wallets,
        closing=closing,
    )
