"""SMS that no keyword explains and that staff promised to read: the longest waiting first.

Whoever must answer sees the sender's number in full, with a reason.
"""

import uuid
from collections.abc import Sequence

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from core import audit
from dashboard import receiving
from dashboard.access import READERS, WORKERS, allow
from dashboard.catalogue import text
from dashboard.login import me
from dashboard.reading import was_seen
from dashboard.receiving import Waiting
from dashboard.revealing import reason_to_reveal, was_revealed
from dashboard.services import services

routes = Blueprint("inbox", __name__, url_prefix="/inbox")


@routes.get("/")
@allow(READERS)
def index() -> str:
    """What waits to be read."""
    with services().sessions.begin() as database:
        rows = _listed(database)
    return _page(rows)


@routes.post("/<uuid:message_id>/unmask")
@allow(READERS)
def unmask(message_id: uuid.UUID) -> str | Response:
    """The same list with one sender's number in full, this once; the reason is kept first."""
    reason = reason_to_reveal()
    if reason is None:
        return redirect(url_for(".index"))
    with services().sessions.begin() as database:
        rows = _listed(database)
        row = next((each for each in rows if each.message_id == message_id), None)
        if row is None or row.phone is None:
            abort(404)
        details = {"member": str(row.member.id)} if row.member else {}
        was_revealed(database, "sender.unmasked", message_id, reason, details=details)
    return _page(rows, in_full=row)


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


def _listed(database: Session) -> Sequence[Waiting]:
    rows = receiving.waiting(database, services().members)
    was_seen(database, "inbox.listed", "inbox", rows=len(rows))
    return rows


def _page(rows: Sequence[Waiting], in_full: Waiting | None = None) -> str:
    return render_template("dashboard/inbox.html", rows=rows, in_full=in_full)
