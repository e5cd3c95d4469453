"""The staff's pages as an application of their own, below `/dashboard`."""

from flask import Flask

from dashboard.blueprint import register
from dashboard.services import Services as DashboardServices
from registry.breaker import CONNECTIONS, Breaker
from ussd_app import error_answers
from ussd_app.bootstrap import Services


def create_staff_pages(services: Services) -> Flask:
    """Everything below `/dashboard`."""
    app = Flask("kibaba", static_folder=None)
    register(app, _for_dashboard(services))
    error_answers.install(app)
    return app


def _for_dashboard(services: Services) -> DashboardServices:
    settings = services.settings
    wallets = services.terms().wallets
    first = wallets.first
    return DashboardServices(
        sessions=services.sessions,
        clock=services.clock,
        calendar=services.calendar,
        members=services.members,
        secret_key=settings.secret_key.get_secret_value(),
        public_url=settings.public_url,
        wallet=first.wallet,
        shortcode=first.shortcode,
        other_accounts=[account for account in wallets.accounts if account != first],
        fund_name=settings.fund_name,
        currency=settings.fund_currency,
        region=settings.fund_region,
        four_eyes_above_cents=settings.four_eyes_above_cents,
        trusted_proxies=settings.trusted_proxies,
        funnel=services.funnel_reading,
        circuits=[Breaker(name, services.redis) for name in CONNECTIONS],
    )
