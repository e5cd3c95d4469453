"""The composition root of the workers: which class works which topic."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from core.audit_heads import KeepingHeads
from core.outbox import BatchHandler, GivenUp, Handler
from core.settings import Settings
from core.shared_token import RedisTokenCache
from members.duplicates.finding import DuplicateFinding
from members.elsewhere import EnrolmentLookUp
from members.enrolments import EnrolmentTelling
from members.look_up import IdentityLookUp
from members.phone_change import PhoneChangeCompletion
from messages.africastalking.sms import AfricasTalkingSms
from messages.mail.alerting import AlertMailing
from messages.mail.server import MailServer
from messages.sending import Sending
from messages.service import told_at
from messages.templates import FundWords, Texts
from payments.alerts.service import lost_by_sms_provider, refused_by_sms_provider
from payments.alerts.watching import Lookout
from payments.asking import Asking
from payments.balance_asking import BalanceAsking
from payments.batch_intake import BatchIntake
from payments.claims.answering import ClaimAnswering, ClaimLooking
from payments.hashed_payers import HashedPayers
from payments.imports.service import Importing
from payments.intake import Intake
from payments.looking_again import LookingAgain
from payments.merging.following import MoneyFollowing
from payments.plans import service as plans
from payments.plans.reminding import PlanReminding
from payments.posting import Posting
from payments.prompting import Prompting
from payments.pulling import Pulling
from payments.reconciliation.service import Reconciling
from payments.refunds.refunding import DecidedRefunds, Refunding, RefundWishes
from payments.registry_postings.corrections import Correcting
from payments.schemes.rules import free_up_to, scheme_on
from payments.telling import BalanceTelling
from payments.unnamed_payers import UnnamedPayers
from payments.wallets.mpesa.initiator import Initiator, certificate_from
from payments.wallets.mpesa.payouts import MpesaPayouts
from payments.wallets.payouts import Payouts
from payments.wallets.statements import ReadsStatements
from payments.way_telling import WayTelling
from registry.asking.watching import PeopleWatching, finish_at_once
from registry.civil import CivilRegistry
from registry.client import DciClient
from registry.connection import Connection
from registry.fund import FundRegistry
from registry.keys import SigningKey
from ussd_app.bootstrap import Services
from ussd_app.dci.house import signing_key
from ussd_app.dci.jobs import dci_handlers
from ussd_app.enrolling import EnrolmentsAtFund, EnrolmentsForMembers
from ussd_app.identifiers import identifier_of
from ussd_app.registries import CivilForMembers, FundForPayments
from ussd_app.tidying import Tidying
from ussd_app.wallet_accounts import hooks_address
from ussd_app.wallets import HouseWallets, build_wallets


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """What works each topic; `batch_handlers` take many tasks of theirs at once.

    `given_up` hear of a task of theirs that no attempt could do.
    """

    handlers: Mapping[str, Handler]
    batch_handlers: Mapping[str, BatchHandler]
    given_up: Mapping[str, GivenUp]


def build_tasks(services: Services) -> Tasks:
    """Build what a worker needs beyond the services. Nothing is connected until it is used."""
    settings, wallets = services.settings, build_wallets(services)
    payouts = _payouts(settings, wallets)
    fund = _dci_client(
        services, Connection.to_fund(settings), signing_key(settings.fund_registry_signing_key)
    )
    civil = _dci_client(
        services, Connection.to_civil(settings), signing_key(settings.civil_registry_signing_key)
    )
    pull_delay = timedelta(seconds=settings.pull_delay_seconds)
    importing = Importing(
        services.sessions,
        services.clock,
        services.calendar,
        {name: one for name, one in wallets.by_name.items() if isinstance(one, ReadsStatements)},
        pull_delay=pull_delay,
        limit_cents=settings.four_eyes_above_cents,
    )
    return Tasks(
        handlers={
            "statement": importing.run,
            **_incoming(services, wallets, payouts, pull_delay),
            **_outgoing(
                services, payouts, FundForPayments(FundRegistry(fund), programme=settings.fund_programme)
            ),
            **_telling(services),
            **_people(services, civil, fund),
            **_round(services),
            **dci_handlers(services),
        },
        batch_handlers={
            "evidence": BatchIntake(
                services.sessions, wallets.by_name, services.clock, pull_delay=pull_delay
            ).run
        },
        given_up={"statement": importing.give_up},
    )


def _incoming(
    services: Services, house: HouseWallets, payouts: Mapping[str, Payouts], pull_delay: timedelta
) -> dict[str, Handler]:
    """From a wish to a credit."""
    settings, sessions, clock, wallets = services.settings, services.sessions, services.clock, house.by_name
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
        "claim": ClaimAnswering(sessions, clock).run,
        "claim_again": ClaimLooking(sessions, clock).run,
        "unnamed_payer": UnnamedPayers(sessions, clock).run,
        "look_again": LookingAgain(sessions, clock).run,
        "hashed_payer": HashedPayers(sessions, clock).run,
    }


def _outgoing(
    services: Services, payouts: Mapping[str, Payouts], fund: FundForPayments
) -> dict[str, Handler]:
    """What the central registry is told, and money given back."""
    settings, sessions, clock, calendar = (
        services.settings,
        services.sessions,
        services.clock,
        services.calendar,
    )
    hooks = hooks_address(settings)
    read_back_seconds = settings.registry_read_back_seconds
    return {
        "post": Posting(sessions, fund, clock, calendar, read_back_seconds=read_back_seconds).run,
        "correct": Correcting(sessions, fund, clock, calendar, read_back_seconds=read_back_seconds).run,
        "refund": Refunding(sessions, payouts, clock, hooks=hooks).run,
        "refund_wish": RefundWishes(sessions, clock).run,
        "refunds": DecidedRefunds(sessions, clock).run,
        "wallet_balance": BalanceAsking(sessions, payouts, clock, hooks=hooks).run,
    }


def _telling(services: Services) -> dict[str, Handler]:
    """What members hear by SMS."""
    settings, sessions, clock = services.settings, services.sessions, services.clock
    words = FundWords(settings.fund_name, settings.ussd_service_code, settings.fund_contact)
    scheme = scheme_on(settings.fund_region, services.calendar.day_of(clock.now()))
    sending = Sending(
        sessions,
        _sms(settings),
        services.members,
        services.vault,
        Texts(words, services.calendar, languages=scheme.languages),
        clock,
        may_remind_at=lambda now: _may_remind_at(services, now),
        lacks_money=lambda session, member_id: _lacks_money(services, session, member_id),
        refused=lambda session, why: refused_by_sms_provider(session, why, now=clock.now()),
        lost=lambda session, why: lost_by_sms_provider(session, why, now=clock.now()),
    )
    return {
        "balance": BalanceTelling(sessions, clock, currency=settings.fund_currency).run,
        "merged_money": MoneyFollowing(sessions, clock).run,
        "where": WayTelling(sessions, clock).run,
        "plan_reminders": PlanReminding(
            sessions, clock, services.calendar, lambda day: scheme_on(settings.fund_region, day)
        ).run,
        "message": sending.run,
        "reminder": sending.run,
    }


def _people(services: Services, civil_client: DciClient, fund_client: DciClient) -> dict[str, Handler]:
    """Who somebody is, and what became of them."""
    settings, sessions, members, clock = (
        services.settings,
        services.sessions,
        services.members,
        services.clock,
    )
    civil = CivilForMembers(CivilRegistry(civil_client), civil_client.connection.name, clock)
    watching = PeopleWatching(sessions, civil_client, identifier_of, clock)
    told = (
        EnrolmentsAtFund(fund_client, programme=settings.fund_programme)
        if settings.fund_registry_enrolments
        else None
    )
    return {
        "watch": watching.run if settings.civil_registry_watches else finish_at_once,
        "enrolled": EnrolmentLookUp(
            sessions,
            EnrolmentsForMembers(fund_client, clock, programme=settings.fund_programme),
            clock,
            services.policy.elsewhere,
        ).run,
        "enrolment": EnrolmentTelling(sessions, told, clock, services.calendar).run,
        "identity": IdentityLookUp(sessions, civil, members.indexes, clock, services.policy).run,
        "duplicates": DuplicateFinding(sessions, clock).run,
        "phone_change": PhoneChangeCompletion(sessions, members.phone_changes, told_at).run,
    }


def _round(services: Services) -> dict[str, Handler]:
    """What comes round by itself (`ussd_app/schedule.py`)."""
    settings, sessions, clock, calendar = (
        services.settings,
        services.sessions,
        services.clock,
        services.calendar,
    )
    return {
        "reconcile": Reconciling(
            sessions, clock, calendar, free_up_to=partial(free_up_to, settings.fund_region)
        ).run,
        "tidy": Tidying(sessions, clock).run,
        "audit_head": KeepingHeads(sessions, clock, calendar).run,
        "alerts": Lookout(
            sessions,
            clock,
            calendar,
            services.vault,
            settings.alert_numbers(),
            by_mail=bool(settings.alert_emails),
        ).run,
        "alert_mail": AlertMailing(
            mail_server(settings),
            settings.smtp_from,
            settings.alert_emails,
            fund=settings.fund_name,
            address=settings.public_url,
        ).run,
    }


def mail_server(settings: Settings) -> MailServer | None:
    """Where mail is handed in; None without one."""
    if not settings.smtp_host:
        return None
    return MailServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_tls,
        settings.smtp_username,
        settings.smtp_password.get_secret_value(),
    )


def _may_remind_at(services: Services, now: datetime) -> bool:
    local = services.calendar.local(now)
    return scheme_on(services.settings.fund_region, local.date()).plans.may_remind_at(local.hour)


def _lacks_money(services: Services, session: Session, member_id: uuid.UUID) -> bool:
    now = services.clock.now()
    rules = scheme_on(services.settings.fund_region, services.calendar.day_of(now))
    return plans.lacks_money(session, rules, services.calendar, member_id, now=now)


def _payouts(settings: Settings, wallets: HouseWallets) -> dict[str, Payouts]:
    """Empty without an initiator: then nothing can be paid out, and refunds are for staff."""
    wallet = wallets.mpesa
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


def _dci_client(services: Services, connection: Connection, key: SigningKey | None) -> DciClient:
    tokens = RedisTokenCache(services.redis, connection.name)
    return DciClient.open(connection, tokens, signing_key=key, clock=services.clock, redis=services.redis)
