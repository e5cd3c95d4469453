"""Closings: the proof of each day, closing it, opening it again with a reason, and its reports."""

import uuid
from collections.abc import Iterator
from datetime import date, timedelta

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from core import audit
from dashboard import accounts, day_proof
from dashboard.access import CHECKERS, READERS, SUPERVISORS, allow
from dashboard.catalogue import text
from dashboard.deciding import names_of
from dashboard.exporting import xlsx_response
from dashboard.login import me
from dashboard.reasons import typed_reason
from dashboard.services import services
from payments.closing.control import CutOff
from payments.closing.report import report_lines
from payments.closing.service import (
    YEARS,
    Closings,
    NotToClose,
    closable_from,
    closings,
    in_force,
    lacks_money,
    open_differences,
    still_says,
)
from payments.closing.tables import Closing
from payments.closing.view import recent_days, totals_of
from payments.reconciliation.due_days import first_day

routes = Blueprint("closings", __name__, url_prefix="/closings")

_DAYS = 14


@routes.get("/")
@allow(READERS)
def index() -> str:
    """The last fourteen days and what was closed."""
    parts, account = services(), accounts.chosen()
    today = parts.calendar.day_of(parts.clock.now())
    with parts.sessions() as database:
        days = recent_days(
            database,
            parts.calendar,
            wallet=account.wallet,
            shortcode=account.shortcode,
            until=today,
            days=_DAYS,
        )
        first = first_day(database, parts.calendar, account.wallet, account.shortcode)
        kept = closings(database, account.wallet, account.shortcode)
        last_month = today.replace(day=1) - timedelta(days=1)
        month = f"{last_month:%Y-%m}"
        is_month_closed = in_force(database, account.wallet, account.shortcode, "month", month) is not None
        names = names_of(
            database, {actor for row in kept for actor in (row.closed_by, row.reopened_by or "")}
        )
    # Before the first payment there is nothing to close.
    has_month = first is not None and first <= last_month and not is_month_closed
    return render_template(
        "dashboard/closings.html",
        days=days,
        kept=[(row, _first_of(row)) for row in kept],
        names=names,
        today=today,
        last_month=month if has_month else None,
    )


@routes.get("/<day>")
@allow(READERS)
def show(day: str) -> str:
    """The proof of one day, line by line; with `again=yes` a closed one is made once more and compared."""
    of = _cut_off(day)
    parts = services()
    now, may_close_at = parts.clock.now(), closable_from(parts.calendar, of.day)
    with parts.sessions() as database:
        closing = in_force(database, of.wallet, of.shortcode, "day", day)
        totals = totals_of(database, parts.calendar, of, closing)
        # All facts of the day are gone through once more: only when somebody asks.
        is_asked = closing is not None and request.args.get("again") == "yes"
        same = still_says(database, parts.calendar, closing) if closing and is_asked else None
        names = names_of(database, {closing.closed_by}) if closing else {}
        still_open = open_differences(database, of, closing)
    return render_template(
        "dashboard/closing.html",
        day=of.day,
        still_open=day_proof.still_open(still_open, closing),
        lacks_money=lacks_money(still_open),
        account=accounts.named(of.wallet, of.shortcode),
        totals=totals,
        lines=day_proof.lines_of(totals),
        between=day_proof.between_days(totals),
        closing=closing,
        same=same,
        names=names,
        closable_from=None if closing or now >= may_close_at else may_close_at,
    )


@routes.post("/<day>/close")
@allow(CHECKERS)
def close(day: str) -> AnyResponse:
    """Close a day (`2026-11-22`) or a month (`2026-11`)."""
    room, reason = _room(), typed_reason()
    account = accounts.chosen()
    try:
        if len(day) == len("2026-11"):
            room.close_month(account.wallet, account.shortcode, day, by=me().actor, reason=reason)
        else:
            room.close_day(_cut_off(day), by=me().actor, reason=reason)
    except NotToClose as error:
        flash(text(f"closings.not.{error.why}"), "fault")
    else:
        flash(text("closings.closed"))
    return redirect(url_for(".index"))


@routes.post("/<uuid:closing_id>/reopen")
@allow(SUPERVISORS)
def reopen(closing_id: uuid.UUID) -> AnyResponse:
    """Open a period again."""
    try:
        _room().reopen(closing_id, by=me().actor, reason=typed_reason())
    except NotToClose as error:
        flash(text(f"closings.not.{error.why}"), "fault")
    else:
        flash(text("closings.reopened"))
    return redirect(url_for(".index"))


@routes.get("/<day>/proof.<form>")
@allow(READERS)
def download(day: str, form: str) -> Response:
    """The proof of a day as CSV (every fact), XLSX or PDF. Of a closed day the bytes never change."""
    if form not in {"csv", "xlsx", "pdf"}:
        abort(404)
    of = _cut_off(day)
    parts = services()
    with parts.sessions.begin() as database:
        closing = in_force(database, of.wallet, of.shortcode, "day", day)
        totals = totals_of(database, parts.calendar, of, closing)
        names = names_of(database, {closing.closed_by}) if closing else {}
        still_open = day_proof.still_open(open_differences(database, of, closing), closing)
        audit.record(
            database,
            at=parts.clock.now(),
            actor=me().actor,
            action="closing.downloaded",
            subject=f"{of.wallet}:{of.shortcode}:{day}",
            details={"form": form},
        )
    name = f"proof-{of.shortcode}-{day}.{form}"
    if form == "csv":
        return _csv(of, name)
    proof = day_proof.proof_of(of, totals, closing, names, still_open, made_at=parts.clock.now())
    if form == "xlsx":
        return xlsx_response(name, text("closings.proof"), *proof.table(), created_at=proof.made_at)
    response = Response(day_proof.pdf(proof), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _csv(of: CutOff, name: str) -> Response:
    def pieces() -> Iterator[bytes]:
        with services().sessions() as database:
            yield from report_lines(database, services().calendar, of)

    response = Response(stream_with_context(pieces()), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _first_of(row: Closing) -> date:
    """The day that was closed, or the first of the month."""
    return date.fromisoformat(row.period if row.scope == "day" else f"{row.period}-01")


def _room() -> Closings:
    parts = services()
    return Closings(parts.sessions, parts.clock, parts.calendar)


def _cut_off(day: str) -> CutOff:
    parts = services()
    try:
        chosen = date.fromisoformat(day)
    except ValueError:
        abort(404)
    is_known = chosen.isoformat() == day and chosen.year in YEARS
    if not is_known or chosen > parts.calendar.day_of(parts.clock.now()):
        abort(404)
    account = accounts.chosen()
    return CutOff(account.wallet, account.shortcode, chosen)
