"""The audit trail: the last acts, and whether the chain of hashes holds."""

from flask import Blueprint, render_template, request
from sqlalchemy import select

from core.audit import AuditEntry, first_broken
from core.reasons import on_one_line
from dashboard.access import INSPECTORS, allow
from dashboard.deciding import names_of
from dashboard.services import services
from dashboard.trail import details_of

routes = Blueprint("audit", __name__, url_prefix="/audit")

_ROWS = 50
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
        names = names_of(database, _actors(entries))
    return render_template(
        "dashboard/audit.html",
        entries=entries[:_ROWS],
        older=entries[_ROWS - 1].number if len(entries) > _ROWS else None,
        subject=subject,
        names=names,
        details_of=details_of,
        checked=checked,
        broken=broken,
    )


def _number(text: str) -> int:
    """Of an entry. Raises ValueError for what no entry has."""
    number = int(text)
    if not 0 <= number <= _NUMBER_MAX:
        raise ValueError("no number of an entry")
    return number


def _actors(entries: list[AuditEntry]) -> set[str]:
    """Who acted, and whom the details name."""
    told = {value for entry in entries for value in (entry.details or {}).values() if isinstance(value, str)}
    return told | {entry.actor for entry in entries}
