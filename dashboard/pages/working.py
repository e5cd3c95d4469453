"""Acting on differences: take, note, all at once for several, and who else is here."""

import uuid
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, abort, flash, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response

from core.errors import InvalidValue
from core.reasons import REASON_CHARACTERS_MIN, is_reason
from dashboard.access import READERS, WORKERS, allow
from dashboard.catalogue import counted, text
from dashboard.login import me
from dashboard.pages.exceptions import listed, with_draft
from dashboard.posted import draft
from dashboard.presence.service import be_seen, others_at
from dashboard.reasons import typed_reason
from dashboard.services import services
from payments.reconciliation.working import note, release, take
from payments.suspense.deciding import decide
from payments.suspense.model import Act, NotPossible, Wish

routes = Blueprint("working", __name__, url_prefix="/work")

_BULK_MAX = 50


@routes.post("/break/<uuid:break_id>/hand")
@allow(WORKERS)
def hand(break_id: uuid.UUID) -> Response | tuple[str, int]:
    """Take a difference in hand, or give it back. What was typed on its page stays there."""
    parts = services()
    act = release if request.form.get("back") else take
    with parts.sessions.begin() as database:
        act(database, break_id, by=me().actor, now=parts.clock.now())
    return with_draft(break_id, draft())


@routes.post("/break/<uuid:break_id>/note")
@allow(WORKERS)
def write_note(break_id: uuid.UUID) -> Response | tuple[str, int]:
    """Write a note. What was typed for the decision stays on the page."""
    parts, rest = services(), draft(without=("note",))
    try:
        with parts.sessions.begin() as database:
            typed = request.form.get("text", "")
            if not note(database, break_id, typed, by=me().actor, now=parts.clock.now()):
                abort(404)
    except InvalidValue:
        flash(text("work.not_possible.no_note"), "fault")
    if rest is None:
        return redirect(url_for("dashboard.exceptions.show", break_id=break_id, _anchor="notes"))
    return with_draft(break_id, rest)


@routes.get("/break/<uuid:break_id>/hand")
@routes.get("/break/<uuid:break_id>/note")
@allow(READERS)
def done_already(break_id: uuid.UUID) -> Response:
    """The address of what was pressed, opened again: its page."""
    return redirect(url_for("dashboard.exceptions.show", break_id=break_id))


@routes.post("/several")
@allow(WORKERS)
def several() -> Response | tuple[str, int]:
    """Take or explain every difference that was ticked. The same click twice is one.

    A reason that settled nothing stays in the list as typed, with what is still ticked.
    """
    parts, reason = services(), typed_reason()
    left = []
    try:
        key = uuid.UUID(request.form.get("key", ""))
        chosen = [uuid.UUID(value) for value in request.form.getlist("break")[:_BULK_MAX]]
    except ValueError:
        abort(400)
    done = waiting = failed = 0
    for break_id in chosen:
        now = parts.clock.now()
        try:
            with parts.sessions.begin() as database:
                if request.form.get("act") == "take":
                    done += take(database, break_id, by=me().actor, now=now)
                    continue
                wish = Wish(
                    key=uuid.uuid5(key, str(break_id)),
                    act=Act.EXPLAIN,
                    reason=reason,
                    break_id=break_id,
                )
                decision = decide(
                    database, wish, maker=me().actor, limit_cents=parts.four_eyes_above_cents, now=now
                )
                waiting += decision.state == "proposed"
                done += decision.state == "done"
        except NotPossible:
            failed += 1
            left.append(break_id)
    is_taking = request.form.get("act") == "take"
    done_as = "several.taken" if is_taking else "several.done"
    _say(done_as, done, waiting, failed, len(chosen) - done - waiting - failed)
    is_used = not is_taking and chosen and not failed
    if reason and not is_used:
        return listed(_asked(), reason=reason, ticked=left), _status(reason, chosen, failed)
    return redirect(request.form.get("back", "") if _is_ours() else url_for("dashboard.exceptions.index"))


@routes.get("/several")
@allow(READERS)
def several_already() -> Response:
    """The address of what was pressed, opened again: the list."""
    return redirect(url_for("dashboard.exceptions.index"))


@routes.post("/here/<uuid:subject>")
@allow(READERS)
def here(subject: uuid.UUID) -> Response:
    """Say that one is still here; the names of who else is."""
    parts = services()
    now = parts.clock.now()
    with parts.sessions.begin() as database:
        be_seen(database, subject, me().staff_id, now=now)
        others = others_at(database, subject, me().staff_id, now=now)
    return jsonify(words=text("presence.others", names=", ".join(others)) if others else "")


def _status(reason: str, chosen: Sequence[uuid.UUID], failed: int) -> int:
    """Of the list shown again: 400 for what was mistyped, 409 for what does not fit the facts."""
    if not chosen or (failed and not is_reason(reason)):
        return 400
    return 409 if failed else 200


def _asked() -> dict[str, str]:
    """What the list was asked for when it was pressed: its filter, and its place in it."""
    asked = dict(parse_qsl(urlsplit(request.form.get("back", "")).query)) if _is_ours() else {}
    place = request.form.get("after")
    return asked | {"after": place} if place else asked


def _is_ours() -> bool:
    back = request.form.get("back", "")
    return back.startswith(url_for("dashboard.exceptions.index")) and "\\" not in back and back.isprintable()


def _say(done_as: str, done: int, waiting: int, failed: int, unchanged: int) -> None:
    """Have the next page say what became of those that were ticked."""
    if not done + waiting + failed + unchanged:
        flash(text("several.none"), "fault")
    if done:
        flash(counted(done_as, done))
    if waiting:
        flash(counted("several.waiting", waiting))
    if unchanged:
        flash(counted("several.unchanged", unchanged), "fault")
    if failed:
        flash(counted("several.failed", failed, characters=REASON_CHARACTERS_MIN), "fault")
