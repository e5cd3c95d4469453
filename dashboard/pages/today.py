"""A fund day: how far its money has come, what is stuck, and when it was last compared."""

from datetime import date, datetime, timedelta

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from core import audit, outbox
from core.outbox import OutboxRow
from dashboard import accounts
from dashboard.access import EVERYONE_AT_THE_FUND, WORKERS, allow
from dashboard.breaks import BreakFilter, by_class
from dashboard.catalogue import text
from dashboard.day_proof import between_days
from dashboard.flow import HEIGHT, WIDTH, steps
from dashboard.login import signed_in_staff
from dashboard.services import services
from payments.alerts.service import open_alerts
from payments.closing.control import CutOff
from payments.closing.service import in_force
from payments.closing.view import totals_of
from payments.imports.releasing import held_count
from payments.reconciliation.view import day_totals, last_run
from payments.suspense.deciding import waiting

routes = Blueprint("today", __name__)

_TOPIC = "reconcile"
# Nobody paid from a phone before: M-Pesa began in 2007.
_FIRST_YEAR = 2007


@routes.get("/")
@allow(EVERYONE_AT_THE_FUND)
def index() -> Response:
    """Today by the fund's own clock; `day` picks another."""
    asked_for = request.args.get("day", "")
    return redirect(url_for(".show", day=asked_for or _today().isoformat()))


@routes.get("/day/<day>")
@allow(EVERYONE_AT_THE_FUND)
def show(day: str) -> str:
    """The picture and the figures of one day."""
    chosen = _parse(day)
    parts = services()
    of = _cut_off(chosen)
    with parts.sessions() as database:
        totals = day_totals(database, parts.calendar, chosen)
        run = last_run(database, of.wallet, of.shortcode, chosen)
        kinds = by_class(database, BreakFilter(day=chosen))
        waiting_since = _waiting_since(database, of)
        closing = in_force(database, of.wallet, of.shortcode, "day", chosen.isoformat())
        proof = totals_of(database, parts.calendar, of, closing)
        alerts = open_alerts(database)
        proposals = len(waiting(database))
        files_held = held_count(database)
    return render_template(
        "dashboard/today.html",
        day=chosen,
        yesterday=chosen - timedelta(days=1),
        tomorrow=chosen + timedelta(days=1) if chosen < _today() else None,
        is_today=chosen == _today(),
        totals=totals,
        steps=steps(totals),
        box=(WIDTH, HEIGHT),
        run=run,
        kinds=kinds,
        proof=proof,
        between=between_days(proof),
        closing=closing,
        alerts=alerts,
        proposals=proposals,
        files_held=files_held,
        waiting_since=waiting_since,
        shortcode=of.shortcode,
    )


@routes.post("/day/<day>/reconcile")
@allow(WORKERS)
def reconcile(day: str) -> Response:
    """Have the day compared now, unless somebody has just asked for it."""
    chosen = _parse(day)
    parts = services()
    of = _cut_off(chosen)
    now = parts.clock.now()
    staff = signed_in_staff()
    assert staff is not None
    with parts.sessions.begin() as database:
        is_new = _waiting_since(database, of) is None and outbox.add(
            database,
            _TOPIC,
            # One a second at most: a double click asks once.
            f"staff:{of.wallet}:{of.shortcode}:{chosen}:{now:%Y%m%d%H%M%S}",
            _payload(of),
            now=now,
        )
        if is_new:
            audit.record(
                database,
                at=now,
                actor=staff.actor,
                action="reconcile.asked",
                subject=f"{of.wallet}:{of.shortcode}:{chosen}",
            )
    flash(text("today.asked" if is_new else "today.asked_already"))
    return redirect(url_for(".show", day=day))


def _parse(day: str) -> date:
    try:
        chosen = date.fromisoformat(day)
    except ValueError:
        abort(404)
    if chosen.year < _FIRST_YEAR or chosen > _today() + timedelta(days=1):
        abort(404)
    return chosen


def _today() -> date:
    parts = services()
    return parts.calendar.day_of(parts.clock.now())


def _cut_off(day: date) -> CutOff:
    account = accounts.chosen()
    return CutOff(account.wallet, account.shortcode, day)


def _payload(of: CutOff) -> dict[str, str]:
    return {"wallet": of.wallet, "shortcode": of.shortcode, "day": of.day.isoformat()}


def _waiting_since(database: Session, of: CutOff) -> datetime | None:
    """When the oldest unfinished comparison of this day was asked for."""
    return database.scalar(
        select(func.min(OutboxRow.created_at)).where(
            OutboxRow.topic == _TOPIC,
            OutboxRow.state == "pending",
            OutboxRow.payload.contains(_payload(of)),
        )
    )
