"""What registries told us of members: deaths and new names, each finished by a person."""

import uuid

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from core.errors import InvalidValue
from core.reasons import is_reason
from dashboard.access import READERS, WORKERS, allow
from dashboard.catalogue import text
from dashboard.login import me
from dashboard.posted import Refused, as_typed
from dashboard.reading import was_seen
from dashboard.reasons import typed_reason
from dashboard.services import services
from members.model import NoticeAnswer
from members.notified import finish_notice, open_notices
from members.rows import member_of
from payments.ledger.service import savings

routes = Blueprint("notices", __name__, url_prefix="/notices")


@routes.get("/")
@allow(READERS)
def index() -> str:
    """What waits, deaths first."""
    return _page()


@routes.post("/<uuid:notice_id>")
@allow(WORKERS)
def finish(notice_id: uuid.UUID) -> Response | tuple[str, int]:
    """Finish one. A second click changes nothing. What was refused is shown as typed."""
    parts = services()
    reason = typed_reason()
    try:
        answer = NoticeAnswer(request.form.get("answer", ""))
    except ValueError:
        abort(400)
    if not is_reason(reason):
        return _refused(notice_id, "no_reason")
    try:
        with parts.sessions.begin() as database:
            is_done = finish_notice(
                database, notice_id, answer, staff=me().actor, reason=reason, now=parts.clock.now()
            )
    except InvalidValue:
        abort(404)
    if not is_done:
        return _refused(notice_id, "decided_already")
    flash(text("notices.done"))
    return redirect(url_for(".index"))


def _refused(notice_id: uuid.UUID, why: str) -> tuple[str, int]:
    refused = as_typed(why, "answer")
    return _page(refused, notice_id), refused.status


def _page(refused: Refused | None = None, refused_id: uuid.UUID | None = None) -> str:
    parts = services()
    with parts.sessions.begin() as database:
        rows = [
            (notice, member_of(member), savings(database, member.id, parts.currency))
            for notice, member in open_notices(database)
        ]
        was_seen(database, "notices.listed", "notices", rows=len(rows))
    return render_template(
        "dashboard/notices.html",
        rows=rows,
        refused=refused,
        refused_id=refused_id,
        is_listed=any(notice.id == refused_id for notice, _, _ in rows),
    )
