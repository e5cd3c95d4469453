"""Differences as a list, one difference with its evidence, and the list as a download."""

import uuid
from collections.abc import Iterator

from flask import Blueprint, Response, abort, render_template, request

from core import audit
from core.errors import InvalidValue
from dashboard import breaks, witnesses
from dashboard.access import READERS, allow
from dashboard.breaks import BreakFilter, Sort, read_filter
from dashboard.catalogue import text, word
from dashboard.exporting import Cell, csv_response, decimal
from dashboard.login import signed_in_staff
from dashboard.services import services
from payments.model import BreakClass
from payments.reconciliation.proof import break_evidence
from payments.reconciliation.view import find_break

routes = Blueprint("exceptions", __name__, url_prefix="/exceptions")

_COLUMNS = ("day", "kind", "subject", "state", "amount", "other", "at_risk", "since", "whose")


@routes.get("/")
@allow(READERS)
def index() -> str:
    """One page of differences; the whole filter is in the address."""
    chosen = _filter()
    with services().sessions() as database:
        try:
            rows, after = breaks.page(database, chosen, request.args.get("after"))
        except InvalidValue:
            abort(400)
        kinds = breaks.by_class(database, chosen)
    return render_template(
        "dashboard/exceptions.html",
        rows=rows,
        after=after,
        is_first=not request.args.get("after"),
        chosen=chosen,
        kinds=kinds,
        sorts=Sort,
        all_kinds=BreakClass,
        at_risk_cents=sum(row.at_risk_cents for row in rows),
    )


@routes.get("/download.csv")
@allow(READERS)
def download() -> Response:
    """Every difference of the filter as CSV. Who took it is in the audit trail."""
    chosen = _filter()
    parts = services()
    staff = signed_in_staff()
    assert staff is not None
    now = parts.clock.now()
    with parts.sessions.begin() as database:
        audit.record(
            database,
            at=now,
            actor=staff.actor,
            action="exceptions.exported",
            subject="exceptions",
            details=chosen.arguments(),
        )
    name = f"exceptions-{chosen.day or parts.calendar.day_of(now)}.csv"
    return csv_response(name, [text(f"exceptions.{column}") for column in _COLUMNS], _lines(chosen))


@routes.get("/<uuid:break_id>")
@allow(READERS)
def show(break_id: uuid.UUID) -> str:
    """One difference: what each side says, side by side."""
    with services().sessions() as database:
        found = find_break(database, break_id)
        if found is None:
            abort(404)
        proofs = break_evidence(database, break_id)
    at_risk_cents = breaks.at_risk_cents(found.break_class, found.amount_cents, found.other_amount_cents)
    return render_template(
        "dashboard/break.html",
        found=found,
        turn=breaks.turn_of(found.break_class),
        at_risk_cents=at_risk_cents,
        sides=witnesses.side_by_side(proofs),
        amount_cents=found.amount_cents,
    )


def _filter() -> BreakFilter:
    try:
        return read_filter(request.args)
    except InvalidValue:
        abort(400)


def _lines(chosen: BreakFilter) -> Iterator[list[Cell]]:
    with services().sessions() as database:
        for row in breaks.every(database, chosen):
            yield [
                row.day.isoformat(),
                word("break_class", row.break_class),
                row.subject,
                word("break_state", row.state),
                decimal(row.amount_cents),
                decimal(row.other_amount_cents),
                decimal(row.at_risk_cents),
                row.first_seen.isoformat(timespec="seconds"),
                word("turn", row.turn),
            ]
