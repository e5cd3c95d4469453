"""SMS that no keyword explains and that staff promised to read: the longest waiting first."""

import uuid

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from core import audit
from dashboard import receiving
from dashboard.access import READERS, WORKERS, allow
from dashboard.catalogue import text
from dashboard.login import me
from dashboard.reading import was_seen
from dashboard.services import services

routes = Blueprint("inbox", __name__, url_prefix="/inbox")


@routes.get("/")
@allow(READERS)
def index() -> str:
    """What waits to be read."""
    with services().sessions.begin() as database:
        rows = receiving.waiting(database, services().members)
        was_seen(database, "inbox.listed", "inbox", rows=len(rows))
    return render_template("dashboard/inbox.html", rows=rows)


@routes.post("/<uuid:message_id>")
@allow(WORKERS)
def answered(message_id: uuid.UUID) -> Response:
    """Take one off the list. A second click finds it gone and changes nothing."""
    parts = services()
    with parts.sessions.begin() as database:
        outcome = receiving.answer(database, message_id)
        if outcome is None:
            abort(404)
        if outcome:
            audit.record(
                database,
                at=parts.clock.now(),
                actor=me().actor,
                action="inbox.answered",
                subject=message_id,
                details={},
            )
    flash(text("inbox.done" if outcome else "inbox.over"), "done" if outcome else "fault")
    return redirect(url_for(".index"))
