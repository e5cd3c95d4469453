"""Second look: what one person wants and another must agree to; the two are never one."""

import uuid

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from dashboard.access import CHECKERS, READERS, allow
from dashboard.catalogue import text
from dashboard.deciding import names_of, numbers_in
from dashboard.login import me
from dashboard.pairs import waiting_for_second
from dashboard.reading import was_seen
from dashboard.reasons import typed_reason
from dashboard.services import services
from payments.imports.releasing import held
from payments.receipts.tables import Receipt
from payments.suspense.deciding import check, named_by_files, waiting
from payments.suspense.model import NotPossible

routes = Blueprint("checks", __name__, url_prefix="/checks")


@routes.get("/")
@allow(READERS)
def index() -> str:
    """Every proposal and every statement file that waits, oldest first."""
    with services().sessions.begin() as database:
        proposals = waiting(database)
        files = held(database)
        names = names_of(database, {row.maker for row in proposals} | {row.by for row in files})
        numbers = numbers_in(database, proposals)
        wanted = [row.receipt_id for row in proposals if row.receipt_id]
        receipts = {row.id: row for row in database.scalars(select(Receipt).where(Receipt.id.in_(wanted)))}
        payees = named_by_files(database, proposals)
        pairs_waiting = waiting_for_second(database)
        was_seen(database, "checks.listed", "checks", rows=len(proposals) + len(files))
    return render_template(
        "dashboard/checks.html",
        proposals=proposals,
        payees=payees,
        files=files,
        names=names,
        numbers=numbers,
        receipts=receipts,
        pairs_waiting=pairs_waiting,
    )


@routes.post("/<uuid:decision_id>")
@allow(CHECKERS)
def answer(decision_id: uuid.UUID) -> Response:
    """Approve or refuse somebody else's proposal."""
    parts = services()
    said = request.form.get("answer")
    if said not in {"approve", "refuse"}:
        abort(400)
    try:
        with parts.sessions.begin() as database:
            check(
                database,
                decision_id,
                checker=me().actor,
                approve=said == "approve",
                reason=typed_reason(),
                now=parts.clock.now(),
            )
    except NotPossible as error:
        flash(text(f"work.not_possible.{error.why}"), "fault")
    else:
        flash(text("checks.approved" if said == "approve" else "checks.refused"))
    return redirect(url_for(".index"))
