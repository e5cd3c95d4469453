"""The audit trail: the last acts, and whether the chain of hashes holds."""

import uuid

from flask import Blueprint, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import AuditEntry, first_broken
from core.reasons import on_one_line
from dashboard.access import INSPECTORS, allow
from dashboard.services import services
from dashboard.staff.tables import Staff

routes = Blueprint("audit", __name__, url_prefix="/audit")

_ROWS = 50
_PREFIX = "staff:"
# As large as the column of their numbers holds.
_NUMBER_MAX = 2**63 - 1


@routes.get("/")
@allow(INSPECTORS)
def index() -> str:
    """Fifty entries, newest first; `before` (an entry number) goes back, `subject` narrows."""
    return _page(checked=False)


@routes.post("/check")
@allow(INSPECTORS)
def check() -> str:
    """Walk the whole chain and say whether it holds."""
    return _page(checked=True)


def _page(*, checked: bool) -> str:
    before = request.args.get("before", type=_number)
    subject = on_one_line(request.args.get("subject", ""))[:120]
    query = select(AuditEntry).order_by(AuditEntry.number.desc()).limit(_ROWS + 1)
    if before is not None:
        query = query.where(AuditEntry.number < before)
    if subject:
        query = query.where(AuditEntry.subject == subject)
    with services().sessions() as database:
        entries = list(database.scalars(query))
        broken = first_broken(database) if checked else None
        names = _names(database, entries)
    return render_template(
        "dashboard/audit.html",
        entries=entries[:_ROWS],
        older=entries[_ROWS - 1].number if len(entries) > _ROWS else None,
        subject=subject,
        names=names,
        checked=checked,
        broken=broken,
    )


def _number(text: str) -> int:
    """Of an entry. Raises ValueError for what no entry has."""
    number = int(text)
    if not 0 <= number <= _NUMBER_MAX:
        raise ValueError("no number of an entry")
    return number


def _names(database: Session, entries: list[AuditEntry]) -> dict[str, str]:
    """Display names of the staff who acted, by the actor's code."""
    codes = {entry.actor.removeprefix(_PREFIX) for entry in entries if entry.actor.startswith(_PREFIX)}
    ids = [uuid.UUID(code) for code in codes if code != "unknown"]
    found = database.execute(select(Staff.id, Staff.name).where(Staff.id.in_(ids)))
    return {f"{_PREFIX}{row.id}": row.name for row in found}
