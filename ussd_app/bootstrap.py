"""The composition root: the one place that knows every concrete class and fits them together."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.audit_heads import KeepingHeads
from core.clock import Clock, FundCalendar, SystemClock
from core.database import Sessions, make_engine, make_sessions
from core.direct import Direct
from core.outbox import BatchHandler, Handler
from core.prepared import Prepared, connector
from core.schedule import Every
from core.settings import BadSettings, Settings
from core.shared_token import RedisTokenCache
from core.vault import Vault
from members.elsewhere import EnrolmentLookUp
from members.look_up import IdentityLookUp
from members.model import ElsewhereRule, Policy
from members.phone_change import PhoneChangeCompletion
from members.pins import Pins, pin_hasher
from members.service import Members
from messages.africastalking.sms import AfricasTalkingSms
from messages.sending import Sending
from messages.service import Messages, was_told
from messages.templates import FundWords, Texts
from payments.alerts.watching import Lookout
from payments.asking import Asking
from payments.balance_asking import BalanceAsking
from payments.batch_intake import BatchIntake
from payments.claims.answering import ClaimAnswering, ClaimLooking
from payments.contributions.model import Terms
from payments.evidence.desk import EvidenceDesk
from payments.imports.service import Importing
from payments.intake import Intake
from payments.plans.reminding import PlanReminding
from payments.posting import Posting
from payments.prompting import Prompting
from payments.pulling import Pulling
from payments.reconciliation.service import Reconciling
from payments.refunds.refunding import DecidedRefunds, Refunding, RefundWishes
from payments.registry_postings.corrections import Correcting
from payments.schemes.rules import scheme_on
from payments.telling import BalanceTelling
from payments.wallets.choosing import Wallets
from payments.wallets.mpesa.initiator import Initiator, certificate_from
from payments.wallets.mpesa.payouts import MpesaPayouts
from payments.wallets.mpesa.wallet import MpesaWallet
from payments.wallets.payouts import Payouts
from payments.wallets.protocol import Wallet
from payments.wallets.statements import ReadsStatements
from payments.way_telling import WayTelling
from registry.asking.watches import PeopleWatching, finish_at_once
from registry.civil import CivilRegistry
from registry.client import DciClient
from registry.connection import Connection
from registry.fund import FundRegistry
from registry.keys import SigningKey
from ussd_app.dci.house import DciHouse, build_dci
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
from ussd_app.registries import CivilForMembers, EnrolmentsForMembers, FundForPayments, identifier_of
from ussd_app.tidying import Tidying
from ussd_app.wallets import build_mpesa, build_others, check_scheme, hooks_address, shortcodes_of

_REDIS_SECONDS: Final = 1.0
_MINUTE_SECONDS: Final = 60
_HOUR_SECONDS: Final = 3600
_DAY_SECONDS: Final = 86_400
# What a caller may be kept waiting for the database: one statement, one lock, one connection.
_HOP_SECONDS: Final = 2.5
# And for the session store, which one can do without.
_SESSION_STORE_SECONDS: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything a process needs, built once. Threads may share it."""

    settings: Settings
    clock: Clock
    calendar: FundCalendar
    vault: Vault
    sessions: Sessions
    redis: Redis
    members: Members
    messages: Messages
    evidence: EvidenceDesk
    mpesa: MpesaWallet | None
    wallets: Mapping[str, Wallet]
    host: Host
    funnel: Funnel
    funnel_reading: FunnelReading
    aggregators: Sequence[Aggregator]
    handlers: Mapping[str, Handler]
    batch_handlers: Mapping[str, BatchHandler]
    schedule: Sequence[Every]
    signing_keys: Sequence[SigningKey]
    dci: DciHouse
    closing: ExitStack

    def close(self) -> None:
        """Write what is only in memory and let go of every connection."""
        self.closing.close()

    @property
    def wallet(self) -> MpesaWallet:
        """M-Pesa, for what only it can do. Raises BadSettings in a house without it."""
        if self.mpesa is None:
            raise BadSettings(["MPESA_URL is missing: this needs M-Pesa"])
        return self.mpesa

    def terms(self) -> Terms:
        """Where money may arrive, and the scheme's rules today."""
        return _terms_at(self.settings, self.calendar, self.clock.now())


def build(
    settings: Settings, *, pooled: bool = True, clock: Clock | None = None, menu_root: Path | None = None
) -> Services:
    """Build a process's services. Nothing is connected until it is used.

    `pooled=False` for processes that fork: no database connection is then kept between uses. `menu_root`
    is a folder with other menus than the packaged ones.
    """
    clock = clock or SystemClock()
    closing = ExitStack()
    calendar = FundCalendar(settings.zone)
    vault = Vault([key.get_secret_value().encode() for key in settings.pii_keys], _bytes(settings.index_key))
    engine = make_engine(settings.database_url.get_secret_value(), vault, pooled=pooled)
    closing.callback(engine.dispose)
    sessions = make_sessions(engine)
    redis = Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_connect_timeout=_REDIS_SECONDS,
        health_check_interval=30,
    )
    closing.callback(redis.close)
    definition = Definition.read(menu_root)
    funnel = Funnel(sessions, clock, calendar)
    closing.callback(funnel.close)
    policy = Policy(
        calendar,
        phone_change_wait_hours=settings.phone_change_wait_hours,
        elsewhere=ElsewhereRule(settings.enrolled_elsewhere),
    )
    members = Members(vault, clock, Pins(_bytes(settings.pin_pepper), pin_hasher(), clock), policy)
    wallet = build_mpesa(settings, redis, clock)
    wallets: dict[str, Wallet] = {} if wallet is None else {wallet.name: wallet}
    wallets |= build_others(settings, redis)
    check_scheme(settings, wallets, calendar.day_of(clock.now()))
    fund_key, civil_key = (
        _signing_key(settings.fund_registry_signing_key),
        _signing_key(settings.civil_registry_signing_key),
    )
    fund_client = _dci_client(Connection.to_fund(settings), redis, clock, fund_key)
    dci = build_dci(settings, sessions=sessions, redis=redis, members=members, calendar=calendar, clock=clock)
    words = FundWords(settings.fund_name, settings.ussd_service_code, settings.fund_contact)
    return Services(
        settings=settings,
        clock=clock,
        calendar=calendar,
        vault=vault,
        sessions=sessions,
        redis=redis,
        members=members,
        messages=Messages(members, vault, clock, calendar, NOTICE_VERSION),
        evidence=EvidenceDesk(_direct(settings, closing), vault),
        mpesa=wallet,
        wallets=wallets,
        host=_host(settings, members, vault, calendar, funnel, definition, clock, closing, pooled=pooled),
        funnel=funnel,
        funnel_reading=FunnelReading(sessions, definition.graph),
        aggregators=_aggregators(settings),
        handlers={
            **_payment_handlers(
                settings,
                sessions,
                wallet,
                wallets,
                clock,
                calendar,
                FundForPayments(FundRegistry(fund_client), programme=settings.fund_programme),
            ),
            **_member_handlers(
                settings,
                sessions,
                members,
                clock,
                policy,
                _dci_client(Connection.to_civil(settings), redis, clock, civil_key),
                fund_client,
            ),
            **dci.handlers,
            "tidy": Tidying(sessions, clock).run,
            "audit_head": KeepingHeads(sessions, clock, calendar).run,
            "alerts": Lookout(sessions, clock, calendar, vault, settings.alert_phones).run,
            "message": Sending(
                sessions,
                _sms(settings),
                members,
                vault,
                Texts(words, calendar),
                clock,
                may_remind_at=lambda now: _may_remind_at(settings, calendar, now),
            ).run,
        },
        batch_handlers={
            "evidence": BatchIntake(
                sessions, wallets, clock, pull_delay=timedelta(seconds=settings.pull_delay_seconds)
            ).run
        },
        schedule=_schedule(settings, wallets),
        signing_keys=[key for key in (fund_key, civil_key, dci.signing_key) if key is not None],
        dci=dci,
        closing=closing,
    )


def _direct(settings: Settings, closing: ExitStack) -> Direct:
    direct = Direct(settings.database_url.get_secret_value(), patience_seconds=_HOP_SECONDS)
    closing.callback(direct.close)
    return direct


def _bytes(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode()


def _terms_at(settings: Settings, calendar: FundCalendar, now: datetime) -> Terms:
    scheme = scheme_on(settings.fund_region, calendar.day_of(now))
    wallets = Wallets(shortcodes_of(settings), scheme.wallets)
    day_began_at, _ = calendar.bounds(calendar.day_of(now))
    return Terms(wallets, scheme, timedelta(seconds=settings.prompt_delay_seconds), day_began_at)


def _may_remind_at(settings: Settings, calendar: FundCalendar, now: datetime) -> bool:
    local = calendar.local(now)
    return scheme_on(settings.fund_region, local.date()).plans.may_remind_at(local.hour)


def _host(
    settings: Settings,
    members: Members,
    vault: Vault,
    calendar: FundCalendar,
    funnel: Funnel,
    definition: Definition,
    clock: Clock,
    closing: ExitStack,
    *,
    pooled: bool,
) -> Host:
    """The host on connections of its own, which wait no longer than a caller can."""
    engine = make_engine(
        settings.database_url.get_secret_value(), vault, pooled=pooled, patience_seconds=_HOP_SECONDS
    )
    closing.callback(engine.dispose)
    sessions = make_sessions(engine)
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
    caller = Prepared(connector(engine), CALLER)
    closing.callback(caller.close)
    world = RoomsWorld(
        members=members,
        read_caller=caller.first,
        vault=vault,
        calendar=calendar,
        fund=FundFacts(settings.fund_name, settings.fund_contact),
        terms_at=lambda now: _terms_at(settings, calendar, now),
        phone_change_wait_hours=settings.phone_change_wait_hours,
    )
    return Host(
        graphs=Graphs(sessions, clock, definition),
        store=store,
        sessions=sessions,
        turns=Turns(sessions, world, clock, settings.ussd_screen_septets),
        funnel=funnel,
        vault=vault,
        clock=clock,
    )


def _aggregators(settings: Settings) -> list[Aggregator]:
    dialling = Dialling(settings.fund_region, settings.ussd_service_code)
    return [AfricasTalking(dialling), Arkesel(dialling), TruRoute(dialling)]


def _payment_handlers(
    settings: Settings,
    sessions: Sessions,
    wallet: MpesaWallet | None,
    wallets: Mapping[str, Wallet],
    clock: Clock,
    calendar: FundCalendar,
    fund: FundForPayments,
) -> dict[str, Handler]:
    pull_delay = timedelta(seconds=settings.pull_delay_seconds)
    payouts, hooks = _payouts(settings, wallet), hooks_address(settings)
    return {
        "prompt": Prompting(
            sessions,
            wallets,
            clock,
            callback_base=hooks_address(settings),
            # Cut in the middle of words it may end in a blank, which Daraja refuses.
            description=settings.fund_name[:13].strip(),
        ).run,
        "ask": Asking(sessions, wallets, clock, pull_delay=pull_delay).run,
        "evidence": Intake(sessions, wallets, clock, pull_delay=pull_delay, payouts=payouts).run,
        "pull": Pulling(sessions, wallets, clock, pull_delay=pull_delay).run,
        "post": Posting(
            sessions, fund, clock, calendar, read_back_seconds=settings.registry_read_back_seconds
        ).run,
        "correct": Correcting(
            sessions, fund, clock, calendar, read_back_seconds=settings.registry_read_back_seconds
        ).run,
        "balance": BalanceTelling(sessions, clock, currency=settings.fund_currency).run,
        "reconcile": Reconciling(
            sessions,
            clock,
            calendar,
            free_up_to_cents=scheme_on(settings.fund_region, calendar.day_of(clock.now())).free_up_to_cents,
        ).run,
        "statement": Importing(
            sessions,
            clock,
            calendar,
            {name: one for name, one in wallets.items() if isinstance(one, ReadsStatements)},
            pull_delay=pull_delay,
        ).run,
        "plan_reminders": PlanReminding(
            sessions, clock, calendar, lambda day: scheme_on(settings.fund_region, day)
        ).run,
        "where": WayTelling(sessions, clock).run,
        "claim": ClaimAnswering(sessions, clock).run,
        "claim_again": ClaimLooking(sessions, clock).run,
        "refund": Refunding(sessions, payouts, clock, hooks=hooks).run,
        "refund_wish": RefundWishes(sessions, clock).run,
        "refunds": DecidedRefunds(sessions, clock).run,
        "wallet_balance": BalanceAsking(sessions, payouts, clock, hooks=hooks).run,
    }


def _member_handlers(
    settings: Settings,
    sessions: Sessions,
    members: Members,
    clock: Clock,
    policy: Policy,
    civil_client: DciClient,
    fund_client: DciClient,
) -> dict[str, Handler]:
    civil = CivilForMembers(CivilRegistry(civil_client), civil_client.connection.name, clock)
    watching = PeopleWatching(sessions, civil_client, identifier_of, clock)
    return {
        "watch": watching.run if settings.civil_registry_watches else finish_at_once,
        "enrolled": EnrolmentLookUp(
            sessions, EnrolmentsForMembers(fund_client, clock), clock, policy.elsewhere
        ).run,
        "identity": IdentityLookUp(sessions, civil, members.indexes, clock, policy).run,
        "phone_change": PhoneChangeCompletion(sessions, members.phone_changes, was_told).run,
    }


def _schedule(settings: Settings, wallets: Mapping[str, Wallet]) -> list[Every]:
    return [
        *(entry for wallet in wallets.values() for entry in _wallet_schedule(settings, wallet)),
        Every(_MINUTE_SECONDS, "refunds", "refunds"),
        Every(_HOUR_SECONDS, "plan_reminders", "plan_reminders"),
        Every(_DAY_SECONDS, "dci_forget", "dci_forget"),
        Every(_DAY_SECONDS, "audit_head", "audit_head"),
        Every(_DAY_SECONDS, "tidy", "tidy"),
        Every(5 * _MINUTE_SECONDS, "alerts", "alerts"),
    ]


def _wallet_schedule(settings: Settings, wallet: Wallet) -> list[Every]:
    account = {"wallet": wallet.name, "shortcode": wallet.shortcode}
    name = f"{wallet.name}:{wallet.shortcode}"
    entries = [Every(settings.reconcile_every_seconds, "reconcile", f"reconcile:{name}", account)]
    if wallet.can_pull:
        entries.append(Every(settings.pull_every_seconds, "pull", f"pull:{name}", account))
        entries.append(Every(_HOUR_SECONDS, "wallet_balance", f"balance:{name}", account))
    return entries


def _payouts(settings: Settings, wallet: MpesaWallet | None) -> dict[str, Payouts]:
    """Empty without an initiator: then nothing can be paid out, and refunds are for staff."""
    if wallet is None or not settings.mpesa_initiator:
        return {}
    password = settings.mpesa_initiator_password.get_secret_value()
    initiator = Initiator(settings.mpesa_initiator, password, certificate_from(settings.mpesa_certificate))
    return {wallet.name: MpesaPayouts(wallet.client, initiator)}


def _sms(settings: Settings) -> AfricasTalkingSms:
    return AfricasTalkingSms(
        settings.at_username,
        settings.at_api_key.get_secret_value(),
        url=settings.at_url,
        sender_id=settings.at_sender_id,
    )


def _dci_client(connection: Connection, redis: Redis, clock: Clock, key: SigningKey | None) -> DciClient:
    tokens = RedisTokenCache(redis, connection.name)
    return DciClient.open(connection, tokens, signing_key=key, clock=clock, redis=redis)


def _signing_key(setting: SecretStr | None) -> SigningKey | None:
    return None if setting is None else SigningKey.load(setting.get_secret_value())
