"""Members that a person must look at: why, who may be the same person, and the decision."""

import uuid

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from core.errors import InvalidValue
from core.reasons import is_reason
from dashboard import reviewing
from dashboard.access import READERS, WORKERS, allow
from dashboard.catalogue import text
from dashboard.login import me
from dashboard.posted import Refused, as_typed
from dashboard.reading import was_seen
from dashboard.reasons import typed_reason
from dashboard.services import services
from members.model import Status

routes = Blueprint("reviews", __name__, url_prefix="/reviews")

_ANSWERS = {Status.ACTIVE, Status.CLOSED, Status.DECEASED}


@routes.get("/")
@allow(READERS)
def index() -> str:
    """Those who wait, longest first."""
    with services().sessions.begin() as database:
        rows = reviewing.waiting(database)
        was_seen(database, "reviews.listed", "reviews", rows=len(rows))
    return render_template("dashboard/reviews.html", rows=rows)


@routes.get("/<uuid:member_id>")
@allow(READERS)
def show(member_id: uuid.UUID) -> str:
    """One member: what the civil registry said, and likely duplicates."""
    return _page(member_id)


@routes.post("/<uuid:member_id>")
@allow(WORKERS)
def decide(member_id: uuid.UUID) -> Response | tuple[str, int]:
    """End the doubt. A second click changes nothing. What was refused is shown as typed."""
    parts = services()
    reason = typed_reason()
    try:
        status = Status(request.form.get("status", ""))
    except ValueError:
        abort(400)
    if status not in _ANSWERS:
        abort(400)
    if not is_reason(reason):
        return _refused(member_id, "no_reason")
    try:
        with parts.sessions.begin() as database:
            is_waiting = reviewing.is_waiting(database, member_id)
            if is_waiting:
                parts.members.decide_review(
                    database, member_id, staff=me().actor, status=status, reason=reason
                )
    except InvalidValue:
        abort(404)
    if not is_waiting:
        return _refused(member_id, "decided_already")
    flash(text("reviews.decided"))
    return redirect(url_for(".index"))


def _refused(member_id: uuid.UUID, why: str) -> tuple[str, int]:
    refused = as_typed(why, "status")
    return _page(member_id, refused), refused.status


def _page(member_id: uuid.UUID, refused: Refused | None = None) -> str:
    with services().sessions.begin() as database:
        found = reviewing.review(database, member_id)
        if found is None:
            abort(404)
        was_seen(database, "member.opened", member_id)
    return render_template("dashboard/review.html", found=found, refused=refused)
