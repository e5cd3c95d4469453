"""Suspense: money that waits for its owner, oldest first, each with whose it may be; refunds; claims.

A receipt's page decides about any receipt, also one that is with a member.
"""

import uuid
from datetime import datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from core.errors import InvalidValue
from dashboard.access import READERS, WORKERS, allow
from dashboard.catalogue import text
from dashboard.deciding import work_on
from dashboard.login import me
from dashboard.paging import cursor, instant_in, read_cursor
from dashboard.posted import Refused, carry_out, draft
from dashboard.presence.service import be_seen, others_at
from dashboard.reading import was_seen
from dashboard.reasons import typed_reason
from dashboard.receipts import parts_of, place_of
from dashboard.revealing import reason_to_reveal, was_revealed
from dashboard.services import services
from payments.claims.closing import close
from payments.claims.view import ROWS_MAX, claims_for_staff, claims_to, count_for_staff
from payments.particulars import Particulars
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.refunds.service import named_by_a_file, waits_for_two
from payments.suspense.model import NotPossible, Place
from payments.suspense.view import refunds_to_pay, suspense_page, suspense_total

routes = Blueprint("suspense", __name__, url_prefix="/suspense")


@routes.get("/")
@allow(READERS)
def index() -> str:
    """One page of suspense, and the refunds that were decided."""
    with services().sessions.begin() as database:
        rows, following = suspense_page(database, _place())
        total = suspense_total(database)
        refunds = refunds_to_pay(database)
        for_two = {receipt.id for _, receipt in refunds if waits_for_two(database, receipt)}
        claims = claims_for_staff(database)
        claim_count = count_for_staff(database) if len(claims) == ROWS_MAX else len(claims)
        was_seen(database, "suspense.listed", "suspense", rows=len(rows) + len(refunds) + len(claims))
    return render_template(
        "dashboard/suspense.html",
        rows=rows,
        total=total,
        refunds=refunds,
        for_two=for_two,
        claims=claims,
        claim_count=claim_count,
        after=cursor(following[0].isoformat(), following[1]) if following else None,
        is_first=not request.args.get("after"),
    )


@routes.get("/<uuid:receipt_id>")
@allow(READERS)
def show(receipt_id: uuid.UUID) -> str:
    """One receipt, whose it may be, and what can be done."""
    return _page(receipt_id)


@routes.post("/<uuid:receipt_id>")
@allow(WORKERS)
def decide(receipt_id: uuid.UUID) -> Response | tuple[str, int]:
    """Carry a decision about it out, or propose it to a second person. What was refused is shown as typed."""
    refused = carry_out(receipt_id=receipt_id)
    if refused is None:
        return redirect(url_for(".show", receipt_id=receipt_id))
    return _page(receipt_id, refused=refused), refused.status


@routes.get("/<uuid:receipt_id>/unmask")
@allow(READERS)
def masked(receipt_id: uuid.UUID) -> Response:
    """The address of what was shown in full, opened again: the page, masked."""
    return redirect(url_for(".show", receipt_id=receipt_id))


@routes.post("/<uuid:receipt_id>/unmask")
@allow(READERS)
def unmask(receipt_id: uuid.UUID) -> str | Response | tuple[str, int]:
    """The same page with the payer's number in full, this once; the reason is kept first.

    What was typed for the decision stays there.
    """
    reason, typed = reason_to_reveal("unmask_reason"), draft()
    if reason is not None:
        return _page(receipt_id, refused=typed, reason=reason)
    if typed is None:
        return redirect(url_for(".show", receipt_id=receipt_id))
    return _page(receipt_id, refused=typed), 400


@routes.post("/claims/<uuid:claim_id>")
@allow(WORKERS)
def close_claim(claim_id: uuid.UUID) -> Response:
    """Close a claim. A second click finds it closed and changes nothing."""
    parts = services()
    try:
        with parts.sessions.begin() as database:
            is_done = close(database, claim_id, by=me().actor, reason=typed_reason(), now=parts.clock.now())
    except InvalidValue:
        abort(404)
    except NotPossible as error:
        flash(text(f"work.not_possible.{error.why}"), "fault")
    else:
        flash(text("claims.done" if is_done else "claims.over"), "done" if is_done else "fault")
    receipt_id = request.args.get("receipt", type=uuid.UUID)
    return redirect(url_for(".show", receipt_id=receipt_id) if receipt_id else url_for(".index"))


def _page(receipt_id: uuid.UUID, *, refused: Refused | None = None, reason: str | None = None) -> str:
    """One receipt's page: with what was typed, refused or not; the payer in full for who gave a reason."""
    house = services()
    now = house.clock.now()
    with house.sessions.begin() as database:
        receipt = database.get(Receipt, receipt_id)
        if receipt is None:
            abort(404)
        be_seen(database, receipt_id, me().staff_id, now=now)
        others = others_at(database, receipt_id, me().staff_id, now=now)
        work = work_on(database, receipt, None, limit_cents=house.four_eyes_above_cents)
        differences = database.scalars(
            select(Break).where(Break.receipt_id == receipt_id).order_by(Break.first_seen)
        ).all()
        parts = parts_of(database, receipt_id) if receipt.staff_place == Place.SPLIT else ()
        claims = claims_to(database, receipt)
        known = Particulars.from_json(receipt.particulars)
        payee = named_by_a_file(database, receipt)
        if reason is None:
            was_seen(database, "suspense.opened", receipt_id)
        elif known.payer_phone is None and payee is None:
            abort(404)
        else:
            was_revealed(database, "payer.unmasked", receipt_id, reason)
    return render_template(
        "dashboard/suspense_receipt.html",
        receipt=receipt,
        known=known,
        payee=payee,
        is_in_full=reason is not None,
        claims=claims,
        place=place_of(receipt, work.given_back),
        refused=refused,
        others=others,
        work=work,
        parts=parts,
        differences=differences,
    )


def _place() -> tuple[datetime, uuid.UUID] | None:
    after = request.args.get("after")
    if not after:
        return None
    try:
        value, row_id = read_cursor(after)
        return instant_in(value), row_id
    except InvalidValue:
        abort(400)
