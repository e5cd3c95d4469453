"""Staff accounts, for the administrator: open, give another role, close, help somebody back in."""

import uuid

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from core.audit import AuditEntry
from core.errors import InvalidValue
from core.reasons import REASON_CHARACTERS_MAX, REASON_CHARACTERS_MIN
from dashboard.access import ADMINS, allow
from dashboard.catalogue import text
from dashboard.deciding import names_of
from dashboard.login import me
from dashboard.reasons import typed_reason
from dashboard.services import services
from dashboard.staff import keeping
from dashboard.staff.keeping import NotToKeep
from dashboard.staff.model import Role, StaffExists
from dashboard.staff.tables import Staff

routes = Blueprint("people_at_the_fund", __name__, url_prefix="/staff")

_TYPED_MAX = 300
_ACTS_SHOWN = 30


@routes.get("/")
@allow(ADMINS)
def index() -> str:
    """Every account, active ones first, and the form that opens one."""
    return _index()


@routes.post("/")
@allow(ADMINS)
def add() -> str | tuple[str, int]:
    """Open an account; its first password is shown this once."""
    parts = services()
    try:
        with parts.sessions.begin() as database:
            person, password = keeping.open_account(
                database,
                email=request.form.get("email", "")[:_TYPED_MAX],
                name=request.form.get("name", "")[:_TYPED_MAX],
                role=request.form.get("role", ""),
                now=parts.clock.now(),
                by=me().actor,
            )
    except StaffExists:
        return _index(fault="exists"), 400
    except InvalidValue:
        return _index(fault="unreadable"), 400
    return _given(person, password)


@routes.get("/<uuid:staff_id>")
@allow(ADMINS)
def show(staff_id: uuid.UUID) -> str:
    """One account, what can be done with it, and what was done to it."""
    with services().sessions() as database:
        person = database.get(Staff, staff_id)
        if person is None:
            abort(404)
        acts = database.scalars(
            select(AuditEntry)
            .where(AuditEntry.subject == str(staff_id))
            .order_by(AuditEntry.number.desc())
            .limit(_ACTS_SHOWN)
        ).all()
        names = names_of(database, {entry.actor for entry in acts})
    return render_template(
        "dashboard/person.html",
        person=person,
        acts=acts,
        names=names,
        roles=Role,
        is_me=staff_id == me().staff_id,
        reason_characters=(REASON_CHARACTERS_MIN, REASON_CHARACTERS_MAX),
    )


@routes.post("/<uuid:staff_id>")
@allow(ADMINS)
def keep(staff_id: uuid.UUID) -> str | Response:
    """Another role, close, open again, a new password, no second factor. A second click changes nothing."""
    parts = services()
    act = request.form.get("act", "")
    by, now = me().actor, parts.clock.now()
    reason = typed_reason()
    password = None
    try:
        with parts.sessions.begin() as database:
            match act:
                case "role":
                    role = _role()
                    keeping.change_role(database, staff_id, role, by=by, reason=reason, now=now)
                case "close":
                    keeping.close_account(database, staff_id, by=by, reason=reason, now=now)
                case "reopen":
                    password = keeping.reopen_account(database, staff_id, by=by, reason=reason, now=now)
                case "password":
                    password = keeping.reset_password(database, staff_id, by=by, reason=reason, now=now)
                case "second_factor":
                    keeping.reset_second_factor(database, staff_id, by=by, reason=reason, now=now)
                case _:
                    abort(400)
            person = database.get_one(Staff, staff_id)
    except NotToKeep as error:
        if error.why == "nobody":
            abort(404)
        flash(text(f"people.not.{error.why}"), "fault")
        return redirect(url_for(".show", staff_id=staff_id))
    if password is not None:
        return _given(person, password)
    flash(text(f"people.done.{act}", name=person.name))
    return redirect(url_for(".show", staff_id=staff_id))


def _index(fault: str | None = None) -> str:
    with services().sessions() as database:
        people = database.scalars(select(Staff).order_by(Staff.active.desc(), Staff.name, Staff.id)).all()
    typed = {name: request.form.get(name, "")[:_TYPED_MAX] for name in ("email", "name", "role")}
    return render_template("dashboard/people.html", people=people, roles=Role, fault=fault, typed=typed)


def _given(person: Staff, password: str) -> str:
    return render_template("dashboard/given_password.html", person=person, password=password)


def _role() -> Role:
    try:
        return Role(request.form.get("role", ""))
    except ValueError:
        abort(400)
