"""Signing in, in one step or two, and out."""

import uuid
from datetime import datetime

from flask import Blueprint, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from dashboard.access import EVERYONE_AT_THE_FUND, allow, open_to_all
from dashboard.login import enter, leave, me, session_id, signed_in_staff
from dashboard.services import services
from dashboard.source import is_known, remember, source_of
from dashboard.staff.outcomes import Locked, NeedsTotp, Right, Wrong
from dashboard.staff.service import confirm_code, sign_in, sign_out
from dashboard.staff.tables import Staff

routes = Blueprint("signing_in", __name__)

_HALF_WAY = "half_way"
_HALF_WAY_SECONDS = 300
_TYPED_MAX = 300


@routes.get("/sign-in")
@open_to_all
def form() -> str | Response:
    """The form; someone signed in already goes on."""
    if signed_in_staff() is not None:
        return redirect(_onward())
    return _form()


@routes.post("/sign-in")
@open_to_all
def submit() -> str | Response | tuple[str, int]:
    """Check name and password, and either enter, ask for a code, or say that it is wrong."""
    parts = services()
    now = parts.clock.now()
    email = request.form.get("email", "")[:_TYPED_MAX]
    source = None if is_known(request, parts, email) else source_of(request, parts.trusted_proxies)
    with parts.sessions.begin() as database:
        outcome = sign_in(
            database,
            email=email,
            password=request.form.get("password", "")[:_TYPED_MAX],
            now=now,
            source=source,
        )
    match outcome:
        case Right(staff):
            return _enter(staff, now)
        case NeedsTotp(staff):
            session.clear()
            session[_HALF_WAY] = [str(staff.id), staff.session_key, int(now.timestamp())]
            return redirect(url_for(".code_form", next=_wanted()))
        case Locked() | Wrong():
            return _form(outcome), 401


@routes.get("/sign-in/code")
@open_to_all
def code_form() -> str | Response:
    """The second step, for who has shown the password within the last five minutes."""
    if _half_way() is None:
        return redirect(url_for(".form", next=_wanted()))
    return render_template("dashboard/sign_in_code.html", next=_wanted(), outcome=None)


@routes.post("/sign-in/code")
@open_to_all
def submit_code() -> str | Response | tuple[str, int]:
    """Check the code and enter."""
    staff_id = _half_way()
    if staff_id is None:
        return redirect(url_for(".form", next=_wanted()))
    parts = services()
    now = parts.clock.now()
    with parts.sessions.begin() as database:
        code = request.form.get("code", "")[:_TYPED_MAX]
        outcome = confirm_code(database, staff_id=staff_id, code=code, now=now)
    if isinstance(outcome, Right):
        return _enter(outcome.staff, now)
    return render_template("dashboard/sign_in_code.html", next=_wanted(), outcome=outcome), 401


@routes.post("/sign-out")
@allow(EVERYONE_AT_THE_FUND)
def out() -> Response:
    """Leave."""
    parts = services()
    with parts.sessions.begin() as database:
        staff = database.get_one(Staff, me().staff_id)
        sign_out(database, staff, session_id(), good_for=parts.signed_in_for, now=parts.clock.now())
    leave()
    return redirect(url_for(".form"))


def _form(outcome: Wrong | Locked | None = None) -> str:
    typed = request.form.get("email", "")[:_TYPED_MAX]
    return render_template("dashboard/sign_in.html", next=_wanted(), outcome=outcome, typed=typed)


def _enter(staff: Staff, now: datetime) -> Response:
    answer = redirect(_onward())
    enter(staff, now=now)
    remember(answer, request, services(), staff.email)
    return answer


def _half_way() -> uuid.UUID | None:
    """Who is between the two steps, unless they took too long or their password changed meanwhile."""
    kept = session.get(_HALF_WAY)
    if kept is None:
        return None
    staff_id, session_key, since = kept
    parts = services()
    if parts.clock.now().timestamp() - since > _HALF_WAY_SECONDS:
        return None
    with parts.sessions() as database:
        staff = database.get(Staff, uuid.UUID(staff_id))
    return staff.id if staff is not None and staff.session_key == session_key else None


def _wanted() -> str | None:
    return request.values.get("next") or None


def _onward() -> str:
    """Where they were going, if that is a page of ours; else the start. Never another site."""
    home = url_for("dashboard.today.index")
    wanted = _wanted() or ""
    is_ours = wanted.startswith(home) and "\\" not in wanted and wanted.isprintable()
    return wanted if is_ours else home
