"""The Flask application: health, staff dashboard; USSD posts and callbacks are answered in front of it."""

from typing import Any

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from core.logging import log
from dashboard.blueprint import register as register_dashboard
from dashboard.services import Services as DashboardServices
from registry.breaker import Breaker
from registry.connection import CONNECTIONS
from ussd_app import health, hooks, keys
from ussd_app.bootstrap import Services
from ussd_app.callbacks import Callbacks
from ussd_app.dci import routes as dci
from ussd_app.gateway.middleware import Gateway


def create_app(services: Services) -> Flask:
    """Everything that listens on the web port."""
    app = Flask("kibaba", static_folder=None)
    app.register_blueprint(health.create_blueprint(services))
    app.register_blueprint(hooks.create_blueprint(services))
    app.register_blueprint(keys.create_blueprint(services))
    app.register_blueprint(dci.create_blueprint(services))
    register_dashboard(app, _for_dashboard(services))
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _broken)
    token = services.settings.hook_token.get_secret_value()
    callbacks = Callbacks(
        app.wsgi_app,
        services.evidence,
        services.clock,
        token=token,
        mpesa_shortcode=services.settings.mpesa_shortcode,
    )
    gateway = Gateway(callbacks, services.host, services.aggregators, token=token)
    app.wsgi_app = gateway  # type: ignore[method-assign]  # Flask's documented way to put middleware in front
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


def _refused(error: HTTPException) -> tuple[Response, int]:
    return jsonify(error=error.name.lower()), error.code or 500


def _broken(error: Exception) -> tuple[Response, int]:
    # No trace and no text of the error leaves the house: either may hold what somebody sent.
    details: dict[str, Any] = {"error": type(error).__name__}
    log.error("request failed", exc_info=error, **details)
    return jsonify(error="internal server error"), 500
