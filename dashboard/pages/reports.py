"""Reports: the days of a month, open differences by kind and age, the heads of the audit chain; as files."""

from collections.abc import Iterable, Sequence
from datetime import date

from flask import Blueprint, Response, abort, render_template, request
from sqlalchemy.orm import Session

from core import audit
from core.errors import InvalidValue
from dashboard import accounts, reporting
from dashboard.access import INSPECTORS, READERS, allow
from dashboard.ages import AgeBucket
from dashboard.catalogue import text
from dashboard.deciding import names_of
from dashboard.exporting import TABLE_FORMS, Cell, table_response
from dashboard.login import me
from dashboard.services import services

routes = Blueprint("reports", __name__, url_prefix="/reports")


@routes.get("/")
@allow(READERS)
def index() -> str:
    """One month, day by day, and what is open now."""
    parts = services()
    month, today = _month()
    with parts.sessions() as database:
        days = reporting.days_of(database, parts, month, today=today)
        kinds = reporting.kinds_by_age(database, parts.clock.now())
        names = names_of(database, {each.closing.closed_by for each in days if each.closing})
    return render_template(
        "dashboard/reports.html",
        month=month,
        days=days,
        kinds=kinds,
        ages=AgeBucket,
        names=names,
        today=today,
    )


@routes.get("/days.<form>")
@allow(READERS)
def days(form: str) -> Response:
    """The month as CSV or XLSX, every figure of every day."""
    parts = services()
    month, today = _month()
    with parts.sessions.begin() as database:
        found = reporting.days_of(database, parts, month, today=today)
        names = names_of(database, {each.closing.closed_by for each in found if each.closing})
        _was_taken(database, "days", form, f"{month:%Y-%m}")
    return _file(
        f"days-{accounts.chosen().shortcode}-{month:%Y-%m}", form, "days", *reporting.day_table(found, names)
    )


@routes.get("/differences.<form>")
@allow(READERS)
def differences(form: str) -> Response:
    """Open differences by kind and age as CSV or XLSX."""
    parts = services()
    now = parts.clock.now()
    with parts.sessions.begin() as database:
        kinds = reporting.kinds_by_age(database, now)
        _was_taken(database, "differences", form, "open")
    name = f"differences-{parts.shortcode}-{parts.calendar.day_of(now)}"
    return _file(name, form, "differences", *reporting.age_table(kinds, services().currency))


@routes.get("/audit-heads.<form>")
@allow(INSPECTORS)
def audit_heads(form: str) -> Response:
    """The daily heads of the audit chain, to be kept where nobody of this house can change them."""
    parts = services()
    with parts.sessions.begin() as database:
        rows = list(reporting.head_rows(database))
        _was_taken(database, "audit_heads", form, "audit")
    head = [text(f"reports.head.{column}") for column in ("day", "number", "hash", "at")]
    return _file(f"audit-heads-{parts.calendar.day_of(parts.clock.now())}", form, "audit_heads", head, rows)


def _month() -> tuple[date, date]:
    parts = services()
    today = parts.calendar.day_of(parts.clock.now())
    try:
        return reporting.read_month(request.args.get("month", ""), today=today), today
    except InvalidValue:
        abort(400)


def _file(name: str, form: str, kind: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    return table_response(name, form, text(f"reports.title_of.{kind}"), head, rows)


def _was_taken(database: Session, kind: str, form: str, subject: str) -> None:
    """Who took which report is in the audit trail."""
    if form not in TABLE_FORMS:
        abort(404)
    audit.record(
        database,
        at=services().clock.now(),
        actor=me().actor,
        action="report.downloaded",
        subject=f"{kind}:{subject}",
        details={"form": form},
    )
