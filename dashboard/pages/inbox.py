"""SMS that no keyword explains and that staff promised to read: the longest waiting first.

Whoever must answer sees the sender's number in full, with a reason.
"""

import uuid
from collections.abc import Callable, Sequence

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from core import audit
from dashboard import receiving
from dashboard.access import READERS, WORKERS, allow
from dashboard.catalogue import text
from dashboard.deciding import names_of
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


@routes.get("/answered")
@allow(READERS)
def answers() -> str:
    """What staff took off the list lately, the newest first; each can be put back."""
    with services().sessions.begin() as database:
        rows = receiving.answered_lately(database, services().members)
        names = names_of(database, {row.by for row in rows})
        was_seen(database, "inbox.answers_listed", "inbox", rows=len(rows))
    return render_template("dashboard/inbox_answered.html", rows=rows, names=names)


@routes.get("/<uuid:message_id>/unmask")
@allow(READERS)
def masked(message_id: uuid.UUID) -> Response:  # noqa: ARG001 -- the router passes it
    """The address of what was shown in full, opened again: the page, masked."""
    return redirect(url_for(".index"))


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
    _called(message_id, receiving.answer, action="inbox.answered", said="inbox.done")
    return redirect(url_for(".index"))


@routes.post("/<uuid:message_id>/open")
@allow(WORKERS)
def open_again(message_id: uuid.UUID) -> Response:
    """Put one that was called answered back on the list. A second click changes nothing."""
    _called(message_id, receiving.open_again, action="inbox.reopened", said="inbox.reopened")
    return redirect(url_for(".answers"))


def _called(
    message_id: uuid.UUID, act: Callable[[Session, uuid.UUID], bool | None], *, action: str, said: str
) -> None:
    """Do it once, leave it in the trail and say so; say that nothing changed when somebody did it before."""
    parts = services()
    with parts.sessions.begin() as database:
        outcome = act(database, message_id)
        if outcome is None:
            abort(404)
        if outcome:
            now, actor = parts.clock.now(), me().actor
            audit.record(database, at=now, actor=actor, action=action, subject=message_id)
    flash(text(said if outcome else "inbox.over"), "done" if outcome else "fault")


def _listed(database: Session) -> Sequence[Waiting]:
    rows = receiving.waiting(database, services().members)
    was_seen(database, "inbox.listed", "inbox", rows=len(rows))
    return rows


def _page(rows: Sequence[Waiting], in_full: Waiting | None = None) -> str:
    return render_template("dashboard/inbox.html", rows=rows, in_full=in_full)
