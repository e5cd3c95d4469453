"""The Flask application; USSD posts and callbacks are answered in front of it, two rooms loaded on demand."""

from wsgiref.types import WSGIApplication

from flask import Flask

from ussd_app import error_answers, health, hooks
from ussd_app.bootstrap import Services
from ussd_app.callbacks import Callbacks
from ussd_app.gateway.middleware import Gateway
from ussd_app.on_demand import OnDemand


def create_app(services: Services) -> Flask:
    """Everything that listens on the web port."""
    app = Flask("kibaba", static_folder=None)
    app.register_blueprint(health.create_blueprint(services))
    app.register_blueprint(hooks.create_blueprint(services))
    error_answers.install(app)
    token = services.settings.hook_token.get_secret_value()
    with_dci = OnDemand(app.wsgi_app, {"dci", ".well-known"}, lambda: _dci(services))
    callbacks = Callbacks(
        OnDemand(with_dci, {"dashboard"}, lambda: _staff_pages(services)),
        services.evidence,
        services.clock,
        token=token,
        mpesa_shortcode=services.settings.mpesa_shortcode,
    )
    gateway = Gateway(callbacks, services.host, services.aggregators, token=token)
    app.wsgi_app = gateway  # type: ignore[method-assign]  # Flask's documented way to put middleware in front
    return app


# Much to hold for a process that so far only callers and wallets have come to (docs/decisions/0025).


def _staff_pages(services: Services) -> WSGIApplication:
    from ussd_app.staff_pages import create_staff_pages  # noqa: PLC0415

    return create_staff_pages(services)


def _dci(services: Services) -> WSGIApplication:
    from ussd_app.dci.application import create_dci  # noqa: PLC0415

    return create_dci(services)
