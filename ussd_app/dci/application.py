"""What registries and partners call, as an application of its own: `/dci/…`, and our keys."""

from flask import Flask

from ussd_app import error_answers
from ussd_app.bootstrap import Services
from ussd_app.dci import keys, routes
from ussd_app.dci.house import build_dci


def create_dci(services: Services) -> Flask:
    """Everything below `/dci` and `/.well-known`. Raises InvalidValue for a bad signing key."""
    dci = build_dci(services)
    app = Flask("kibaba", static_folder=None)
    app.register_blueprint(keys.create_blueprint(dci))
    app.register_blueprint(routes.create_blueprint(dci, services.settings.public_url))
    error_answers.install(app)
    return app
