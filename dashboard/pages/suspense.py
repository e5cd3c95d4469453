"""Suspense: money that waits for its owner, oldest first, each with whose it may be; refunds; claims."""

import uuid
from datetime import datetime

from flask import Blueprint, abort, render_template, request
from sqlalchemy import select

from core.errors import InvalidValue
from dashboard.access import READERS, allow
from dashboard.deciding import work_on
from dashboard.login import me
from dashboard.paging import cursor, read_cursor
from dashboard.presence.service import be_seen, others_at
from dashboard.reading import was_seen
from dashboard.receipts import parts_of
from dashboard.services import services
from payments.claims.view import claims_for_staff
from payments.particulars import Particulars
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.suspense.model import Place
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
        claims = claims_for_staff(database)
        was_seen(database, "suspense.listed", "suspense", rows=len(rows) + len(refunds) + len(claims))
    return render_template(
        "dashboard/suspense.html",
        rows=rows,
        total=total,
        refunds=refunds,
        claims=claims,
        after=cursor(following[0].isoformat(), following[1]) if following else None,
        is_first=not request.args.get("after"),
    )


@routes.get("/<uuid:receipt_id>")
@allow(READERS)
def show(receipt_id: uuid.UUID) -> str:
    """One receipt, whose it may be, and what can be done."""
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
        was_seen(database, "suspense.opened", receipt_id)
    return render_template(
        "dashboard/suspense_receipt.html",
        receipt=receipt,
        known=Particulars.from_json(receipt.particulars),
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
        return datetime.fromisoformat(str(value)), row_id
    except (InvalidValue, ValueError):
        abort(400)
