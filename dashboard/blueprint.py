"""Hang the dashboard into a Flask application, under `/dashboard`."""

from flask import Blueprint, Flask, Response, abort, render_template, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException

from core.logging import log
from dashboard import access, accounts, assets, catalogue, headers, login, showing
from dashboard.access import EVERYONE_AT_THE_FUND, allow
from dashboard.navigation import entries
from dashboard.pages import ALL_PAGES
from dashboard.pages.imports import REQUEST_BYTES_MAX
from dashboard.services import EXTENSION, Services, services

_BODY_BYTES_MAX = 64 * 1024
_csrf = CSRFProtect()


def register(app: Flask, services: Services) -> None:
    """Install sessions, CSRF and pages. Nothing of it runs for requests outside `/dashboard`."""
    app.extensions[EXTENSION] = services
    app.secret_key = app.secret_key or services.secret_key
    app.config.update(
        SESSION_COOKIE_NAME="kibaba_staff",
        SESSION_COOKIE_PATH="/dashboard",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=services.is_https,
        # Providers post to the same application without a token: the blueprint checks its own requests.
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=int(services.signed_in_for.total_seconds()),
    )
    _csrf.init_app(app)
    login.install(app)
    for name, show in showing.FILTERS.items():
        app.add_template_filter(show, name)
    app.register_blueprint(create_blueprint(), url_prefix="/dashboard")


def create_blueprint() -> Blueprint:
    """The blueprint with all pages; needs what `register` installs."""
    blueprint = Blueprint("dashboard", __name__, template_folder="templates")
    blueprint.before_request(_limit_body)
    blueprint.before_request(access.guard)
    blueprint.before_request(_csrf.protect)
    blueprint.after_request(headers.secure)
    blueprint.context_processor(_words)
    blueprint.url_defaults(accounts.keep)
    blueprint.register_error_handler(CSRFError, _csrf_failed)
    blueprint.register_error_handler(HTTPException, _error_page)
    blueprint.register_error_handler(Exception, _broken)
    blueprint.add_url_rule("/static/<path:name>", "static", assets.serve)
    for page in ALL_PAGES:
        blueprint.register_blueprint(page)
    # Last, so that an address that is no page gets our own answer.
    blueprint.add_url_rule("/<path:rest>", "nowhere", _nowhere)
    return blueprint


def _limit_body() -> None:
    is_a_file = request.endpoint == "dashboard.imports.submit" and access.may(access.WORKERS)
    request.max_content_length = REQUEST_BYTES_MAX if is_a_file else _BODY_BYTES_MAX


def _words() -> dict[str, object]:
    return {
        "t": _text,
        "tn": catalogue.counted,
        "word": catalogue.word,
        "asset": assets.address,
        "me": login.signed_in_staff(),
        "navigation": entries,
        "may": access.may,
        "access": access,
        "accounts": accounts,
    }


def _text(key: str, **values: object) -> str:
    """A text of a page; `{currency}` is the fund's."""
    return catalogue.text(key, currency=services().currency, **values)


@allow(EVERYONE_AT_THE_FUND)
def _nowhere(rest: str) -> Response:  # noqa: ARG001 -- the router passes it
    abort(404)


def _csrf_failed(error: CSRFError) -> tuple[str, int]:  # noqa: ARG001 -- Flask passes it
    return render_template("dashboard/error.html", status="csrf"), 400


def _error_page(error: HTTPException) -> tuple[str, int]:
    status = error.code or 500
    has_words = f"error.{status}.title" in catalogue.catalogue()
    return render_template("dashboard/error.html", status=status if has_words else 400), status


def _broken(error: Exception) -> tuple[str, int]:
    # Nothing of the error is shown: it may hold what somebody typed.
    log.error("page failed", exc_info=error, endpoint=request.endpoint)
    return render_template("dashboard/error.html", status=500), 500
