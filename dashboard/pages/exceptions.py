"""Differences as a list, one difference with its evidence, and the list as a download."""

import uuid
from collections.abc import Collection, Iterator, Mapping

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from core import audit
from core.errors import InvalidValue
from dashboard import breaks, witnesses
from dashboard.access import READERS, WORKERS, allow
from dashboard.ages import AgeBucket
from dashboard.breaks import BreakFilter, Sort, read_filter
from dashboard.catalogue import text, word
from dashboard.deciding import names_of, work_on
from dashboard.exporting import (
    TABLE_FORMS,
    Cell,
    decimal,
    refuse_what_no_workbook_holds,
    table_response,
)
from dashboard.login import me
from dashboard.posted import Refused, carry_out, draft
from dashboard.presence.service import be_seen, others_at
from dashboard.reading import was_seen
from dashboard.services import services
from dashboard.showing import iso
from payments.model import BreakClass
from payments.receipts.tables import Receipt
from payments.reconciliation.proof import break_evidence
from payments.reconciliation.view import find_break
from payments.reconciliation.working import notes_on

routes = Blueprint("exceptions", __name__, url_prefix="/exceptions")

_COLUMNS = ("day", "kind", "subject", "state", "amount", "other", "at_risk", "since", "whose", "owner")


@routes.get("/")
@allow(READERS)
def index() -> str:
    """One page of differences; the whole filter is in the address."""
    return listed(request.args)


def listed(asked: Mapping[str, str], *, reason: str = "", ticked: Collection[uuid.UUID] = ()) -> str:
    """The page of the list that an address asks for, with a reason as typed and the rows as ticked."""
    chosen = _filter(asked)
    with services().sessions() as database:
        try:
            rows, after = breaks.page(database, chosen, asked.get("after"))
        except InvalidValue:
            abort(400)
        kinds = breaks.by_class(database, chosen)
        ages = breaks.by_age(database, chosen)
        names = names_of(database, {row.owner for row in rows if row.owner})
    return render_template(
        "dashboard/exceptions.html",
        rows=rows,
        after=after,
        place=asked.get("after"),
        reason=reason,
        ticked=ticked,
        chosen=chosen,
        kinds=kinds,
        ages=ages,
        all_ages=AgeBucket,
        names=names,
        sorts=Sort,
        all_kinds=BreakClass,
        bulk_key=uuid.uuid4(),
        at_risk_cents=sum(row.at_risk_cents for row in rows),
    )


@routes.get("/download.<form>")
@allow(READERS)
def download(form: str) -> Response:
    """Every difference of the filter as CSV or XLSX. Who took it is in the audit trail."""
    if form not in TABLE_FORMS:
        abort(404)
    chosen = _filter(request.args)
    parts = services()
    now = parts.clock.now()
    with parts.sessions.begin() as database:
        refuse_what_no_workbook_holds(database, form, breaks.selected(chosen))
        audit.record(
            database,
            at=now,
            actor=me().actor,
            action="exceptions.exported",
            subject="exceptions",
            details=chosen.arguments(),
        )
    name = f"exceptions-{chosen.day or parts.calendar.day_of(now)}"
    currency = services().currency
    head = [text(f"exceptions.{column}", currency=currency) for column in _COLUMNS]
    return table_response(name, form, text("exceptions.title"), head, _lines(chosen))


@routes.get("/<uuid:break_id>")
@allow(READERS)
def show(break_id: uuid.UUID) -> str:
    """One difference: what each side says, side by side, and what can be done about it."""
    return page_of(break_id)


@routes.post("/<uuid:break_id>")
@allow(WORKERS)
def decide(break_id: uuid.UUID) -> BaseResponse | tuple[str, int]:
    """Carry a decision about it out, or propose it to a second person. What was refused is shown as typed."""
    refused = carry_out(break_id=break_id)
    if refused is None:
        return with_draft(break_id, draft(without=("choice", "number", "reason")))
    return page_of(break_id, refused), refused.status


def with_draft(break_id: uuid.UUID, typed: Refused | None) -> BaseResponse | tuple[str, int]:
    """The page after something was done on it, with what was typed there for something else."""
    if typed is None:
        return redirect(url_for("dashboard.exceptions.show", break_id=break_id))
    return page_of(break_id, typed), 200


def page_of(break_id: uuid.UUID, refused: Refused | None = None) -> str:
    parts = services()
    now = parts.clock.now()
    with parts.sessions.begin() as database:
        found = find_break(database, break_id)
        if found is None:
            abort(404)
        be_seen(database, break_id, me().staff_id, now=now)
        others = others_at(database, break_id, me().staff_id, now=now)
        proofs = break_evidence(database, break_id)
        receipt = database.get(Receipt, found.receipt_id) if found.receipt_id else None
        work = work_on(database, receipt, found, limit_cents=parts.four_eyes_above_cents)
        notes = notes_on(database, break_id)
        names = names_of(database, {found.owner or "", *(note.by for note in notes)})
        was_seen(database, "break.opened", break_id)
    at_risk_cents = breaks.at_risk_cents(found.break_class, found.amount_cents, found.other_amount_cents)
    return render_template(
        "dashboard/break.html",
        found=found,
        receipt=receipt,
        turn=breaks.turn_of(found.break_class, is_waiting=work.is_waiting),
        at_risk_cents=at_risk_cents,
        sides=witnesses.side_by_side(proofs),
        amount_cents=found.amount_cents,
        others=others,
        work=work,
        notes=notes,
        names=names,
        is_mine=found.owner == me().actor,
        refused=refused,
    )


def _filter(asked: Mapping[str, str]) -> BreakFilter:
    try:
        return read_filter(asked, now=services().clock.now(), actor=me().actor)
    except InvalidValue:
        abort(400)


def _lines(chosen: BreakFilter) -> Iterator[list[Cell]]:
    with services().sessions() as database:
        names: dict[str, str] = {}
        for row in breaks.every(database, chosen):
            if row.owner and row.owner not in names:
                names |= names_of(database, {row.owner})
            yield [
                row.day.isoformat(),
                word("break_class", row.break_class),
                row.subject,
                word("break_state", row.state),
                decimal(row.amount_cents),
                decimal(row.other_amount_cents),
                decimal(row.at_risk_cents),
                iso(row.first_seen),
                word("turn", row.turn),
                names.get(row.owner or "", ""),
            ]
