"""Likely duplicates: who may have two memberships; to make them one, or never to ask again."""

import uuid

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboard import pairs
from dashboard.access import CHECKERS, READERS, WORKERS, allow
from dashboard.catalogue import text
from dashboard.login import me
from dashboard.posted import Refused, as_typed
from dashboard.reading import was_seen
from dashboard.reasons import typed_reason
from dashboard.services import services
from members.duplicates.model import CaseState
from payments.merging.deciding import check_pair, decide_pair
from payments.merging.model import PairAct, PairWish
from payments.suspense.model import NotPossible

routes = Blueprint("duplicates", __name__, url_prefix="/duplicates")


@routes.get("/")
@allow(READERS)
def index() -> str:
    """Open pairs, the surest first; below, those made one lately, which can be undone."""
    with services().sessions.begin() as database:
        rows = pairs.listed(database, CaseState.OPEN)
        merged = pairs.listed(database, CaseState.MERGED)
        was_seen(database, "duplicates.listed", "duplicates", rows=len(rows) + len(merged))
    return render_template("dashboard/duplicates.html", rows=rows, merged=merged)


@routes.get("/<uuid:case_id>")
@allow(READERS)
def show(case_id: uuid.UUID) -> str:
    """One pair side by side, masked; that it was seen stands in the trail of both."""
    return _page(case_id)


@routes.post("/<uuid:case_id>")
@allow(WORKERS)
def decide(case_id: uuid.UUID) -> Response | tuple[str, int]:
    """Carry a decision out, or propose it to a second person. The same click twice is one; what was refused
    is shown as typed.
    """
    parts = services()
    try:
        wish = _wish(case_id)
    except ValueError:
        abort(400)
    try:
        with parts.sessions.begin() as database:
            decision = decide_pair(
                database,
                wish,
                maker=me().actor,
                limit_cents=parts.four_eyes_above_cents,
                now=parts.clock.now(),
            )
    except NotPossible as error:
        refused = as_typed(error.why)
        return _page(case_id, refused), refused.status
    flash(text("work.proposed" if decision.state == "proposed" else "duplicates.done"))
    return redirect(url_for(".show", case_id=case_id))


@routes.post("/<uuid:case_id>/check/<uuid:decision_id>")
@allow(CHECKERS)
def check(case_id: uuid.UUID, decision_id: uuid.UUID) -> Response | tuple[str, int]:
    """Approve or refuse what somebody else proposed."""
    parts = services()
    said = request.form.get("answer")
    if said not in {"approve", "refuse"}:
        abort(400)
    try:
        with parts.sessions.begin() as database:
            check_pair(
                database,
                decision_id,
                checker=me().actor,
                approve=said == "approve",
                reason=typed_reason(),
                now=parts.clock.now(),
            )
    except NotPossible as error:
        refused = as_typed(error.why, "answer")
        return _page(case_id, refused), refused.status
    flash(text("checks.approved" if said == "approve" else "checks.refused"))
    return redirect(url_for(".show", case_id=case_id))


def _page(case_id: uuid.UUID, refused: Refused | None = None) -> str:
    parts = services()
    with parts.sessions.begin() as database:
        found = pairs.pair(database, case_id)
        if found is None:
            abort(404)
        for half in found.halves:
            was_seen(database, "duplicate.opened", half.member_id)
        limit_cents = parts.four_eyes_above_cents
        return render_template(
            "dashboard/duplicate.html", found=found, limit_cents=limit_cents, refused=refused
        )


def _wish(case_id: uuid.UUID) -> PairWish:
    """From the posted form; `choice` is `merge:<who stays>`, `different` or `undo:<the merge>`.

    Raises ValueError for what no page of ours sends.
    """
    choice, _, about = request.form.get("choice", "").partition(":")
    act = PairAct(choice)
    about_id = uuid.UUID(about) if act is not PairAct.DIFFERENT else None
    return PairWish(
        key=uuid.UUID(request.form.get("key", "")),
        case_id=case_id,
        act=act,
        reason=typed_reason(),
        kept_id=about_id if act is PairAct.MERGE else None,
        undoes_id=about_id if act is PairAct.UNDO else None,
    )
