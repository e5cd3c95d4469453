"""Dividing one payment among several members: a form that keeps what was typed until it adds up."""

import uuid

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from dashboard.access import WORKERS, allow
from dashboard.catalogue import text
from dashboard.deciding import acts_on
from dashboard.dividing import Division, first_rows, judged, typed_rows
from dashboard.login import me
from dashboard.presence.service import be_seen, others_at
from dashboard.reading import was_seen
from dashboard.reasons import typed_reason
from dashboard.services import services
from payments.particulars import Particulars
from payments.receipts.tables import Receipt
from payments.suspense.deciding import decide, stake_of
from payments.suspense.model import Act, NotPossible, Wish

routes = Blueprint("splitting", __name__, url_prefix="/split")

_UNPROCESSABLE = 422


@routes.get("/<uuid:receipt_id>")
@allow(WORKERS)
def form(receipt_id: uuid.UUID) -> str | Response:
    """The empty form; back to the payment when it cannot be divided, or no more."""
    parts = services()
    with parts.sessions.begin() as database:
        receipt = _receipt(database, receipt_id)
        if Act.SPLIT not in acts_on(database, receipt, None):
            flash(text("work.not_possible.not_to_split"), "fault")
            return redirect(url_for("dashboard.suspense.show", receipt_id=receipt_id))
        return _page(database, receipt, first_rows(database, receipt), key=uuid.uuid4())


@routes.post("/<uuid:receipt_id>")
@allow(WORKERS)
def submit(receipt_id: uuid.UUID) -> str | Response | tuple[str, int]:
    """Look at what was typed, give room for more, or divide."""
    parts = services()
    step = request.form.get("step", "")
    try:
        key = uuid.UUID(request.form.get("key", ""))
    except ValueError:
        abort(400)
    if step not in {"look", "more", "split"}:
        abort(400)
    rows = typed_rows(request.form.getlist("number"), request.form.getlist("amount"), more=step == "more")
    with parts.sessions.begin() as database:
        receipt = _receipt(database, receipt_id)
        division = judged(database, receipt, rows)
        if step != "split":
            return _page(database, receipt, division, key=key)
        if division.has_faults or division.rest_cents < 0:
            return _page(database, receipt, division, key=key), _UNPROCESSABLE
    wish = Wish(key, Act.SPLIT, typed_reason(), receipt_id=receipt_id, shares=division.shares)
    try:
        with parts.sessions.begin() as database:
            decision = decide(
                database,
                wish,
                maker=me().actor,
                limit_cents=parts.four_eyes_above_cents,
                now=parts.clock.now(),
            )
    except NotPossible as error:
        with parts.sessions.begin() as database:
            page = _page(database, _receipt(database, receipt_id), division, key=key, why=error.why)
        return page, _UNPROCESSABLE
    flash(text("work.proposed" if decision.state == "proposed" else "work.done"))
    return redirect(url_for("dashboard.suspense.show", receipt_id=receipt_id))


def _receipt(database: Session, receipt_id: uuid.UUID) -> Receipt:
    receipt = database.get(Receipt, receipt_id)
    if receipt is None:
        abort(404)
    return receipt


def _page(database: Session, receipt: Receipt, division: Division, *, key: uuid.UUID, why: str = "") -> str:
    """The form; whoever looks has seen the payment, and each member whose number they typed."""
    parts = services()
    now = parts.clock.now()
    was_seen(database, "suspense.opened", receipt.id)
    for member_id in division.member_ids:
        was_seen(database, "split.member_seen", member_id)
    be_seen(database, receipt.id, me().staff_id, now=now)
    return render_template(
        "dashboard/split.html",
        receipt=receipt,
        known=Particulars.from_json(receipt.particulars),
        division=division,
        key=key,
        reason=typed_reason(),
        why=why,
        needs_second=stake_of(database, receipt) > parts.four_eyes_above_cents,
        others=others_at(database, receipt.id, me().staff_id, now=now),
    )
