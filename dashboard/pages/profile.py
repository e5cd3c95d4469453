"""One's own account: password and second factor."""

import uuid

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from dashboard.access import EVERYONE_AT_THE_FUND, allow
from dashboard.catalogue import text
from dashboard.login import enter, signed_in_staff
from dashboard.services import services
from dashboard.staff.model import PASSWORD_CHARACTERS_MIN, WeakPassword
from dashboard.staff.outcomes import Locked, Right
from dashboard.staff.second_factor import qr_svg
from dashboard.staff.service import change_password, enrol_totp, offer_totp
from dashboard.staff.tables import Staff

routes = Blueprint("profile", __name__, url_prefix="/profile")


@routes.get("/")
@allow(EVERYONE_AT_THE_FUND)
def index() -> str:
    """Who I am here; the offer of a second factor when there is none."""
    return _page()


@routes.post("/password")
@allow(EVERYONE_AT_THE_FUND)
def password() -> AnyResponse | tuple[str, int]:
    """Change the password; this browser goes on, every other session ends."""
    parts = services()
    now = parts.clock.now()
    new = request.form.get("new", "")
    if new != request.form.get("again", ""):
        return _page(fault="password_differs"), 400
    try:
        with parts.sessions.begin() as database:
            staff = database.get_one(Staff, _my_id())
            outcome = change_password(database, staff, old=request.form.get("old", ""), new=new, now=now)
    except WeakPassword:
        return _page(fault="password_weak"), 400
    if not isinstance(outcome, Right):
        return _page(fault="password_locked" if isinstance(outcome, Locked) else "password_wrong"), 400
    enter(staff, now=now)
    flash(text("profile.password_changed"))
    return redirect(url_for(".index"))


@routes.get("/totp.svg")
@allow(EVERYONE_AT_THE_FUND)
def qr() -> Response:
    """The offered secret as a QR code."""
    parts = services()
    with parts.sessions.begin() as database:
        staff = database.get_one(Staff, _my_id(), with_for_update=True)
        secret = offer_totp(database, staff)
    if secret is None:
        abort(404)
    picture = qr_svg(secret, email=staff.email, issuer=f"{parts.fund_name} {text('name')}")
    return Response(picture, mimetype="image/svg+xml")


@routes.post("/totp")
@allow(EVERYONE_AT_THE_FUND)
def totp() -> str | tuple[str, int]:
    """Prove the second factor with a code; shows the recovery codes, this once."""
    parts = services()
    now = parts.clock.now()
    with parts.sessions.begin() as database:
        staff = database.get_one(Staff, _my_id(), with_for_update=True)
        codes = enrol_totp(database, staff, code=request.form.get("code", ""), now=now)
    if codes is None:
        return _page(fault="code_wrong"), 400
    enter(staff, now=now)
    return render_template("dashboard/recovery_codes.html", codes=codes)


def _page(fault: str | None = None) -> str:
    parts = services()
    with parts.sessions.begin() as database:
        staff = database.get_one(Staff, _my_id(), with_for_update=True)
        secret = offer_totp(database, staff)
    grouped = None if secret is None else " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return render_template(
        "dashboard/profile.html",
        staff=staff,
        secret=grouped,
        fault=fault,
        characters_min=PASSWORD_CHARACTERS_MIN,
    )


def _my_id() -> uuid.UUID:
    staff = signed_in_staff()
    assert staff is not None
    return staff.staff_id
