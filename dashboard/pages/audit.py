"""The audit trail: who did what, about what and when; whether its chain of hashes holds; as a file, too."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Self

from flask import Blueprint, Response, abort, render_template, request
from sqlalchemy import ColumnElement, Select, select, tuple_
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from core import audit
from core.audit import AuditEntry, first_broken
from core.reasons import on_one_line
from dashboard.access import INSPECTORS, allow
from dashboard.catalogue import catalogue, text, word
from dashboard.deciding import names_of
from dashboard.exporting import TABLE_FORMS, Cell, refuse_what_no_workbook_holds, table_response
from dashboard.login import me
from dashboard.services import services
from dashboard.showing import iso, veiled
from dashboard.staff.service import actor
from dashboard.staff.tables import Staff
from dashboard.trail import details_of
from payments.closing.service import YEARS

routes = Blueprint("audit", __name__, url_prefix="/audit")

_ROWS = 50
# As large as the column of their numbers holds.
_NUMBER_MAX = 2**63 - 1
_COLUMNS = ("number", "at", "who", "did", "subject", "why", "details")
_EXPORTED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Sought:
    """Which entries are asked for; the whole of it is in the address. Empty and None: any."""

    who: str = ""
    did: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def read(cls, typed: MultiDict[str, str]) -> Self:
        """From an address. Raises ValueError for what is no day of the fund's."""
        return cls(
            who=on_one_line(typed.get("who", ""))[:80],
            did=on_one_line(typed.get("did", ""))[:60],
            subject=on_one_line(typed.get("subject", ""))[:120],
            since=_day(typed.get("since", "")),
            until=_day(typed.get("until", "")),
        )

    def arguments(self) -> dict[str, str]:
        """As they stand in an address and in the trail, without what is not asked for."""
        told = {
            "who": self.who,
            "did": self.did,
            "subject": self.subject,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        return {name: value for name, value in told.items() if value}

    def entries(self) -> Select[AuditEntry]:
        """Newest first: in the order of the chain, or of their times where days are asked for.

        Times may be a little out of the chain's order, so that no number bounds a day; and in the order of
        numbers a day of last year would be reached through all that came after it.
        """
        days = services().calendar
        asked = [
            AuditEntry.actor == self.who if self.who else None,
            AuditEntry.action == self.did if self.did else None,
            AuditEntry.subject == self.subject if self.subject else None,
            AuditEntry.at >= days.bounds(self.since)[0] if self.since else None,
            AuditEntry.at < days.bounds(self.until)[1] if self.until else None,
        ]
        order = [AuditEntry.at.desc()] if self._is_of_days else []
        query = select(AuditEntry).order_by(*order, AuditEntry.number.desc())
        return query.where(*[each for each in asked if each is not None])

    def older_than(self, database: Session, number: int) -> ColumnElement[bool]:
        """What comes after the entry of this number in that order."""
        if not self._is_of_days:
            return AuditEntry.number < number
        at = database.scalar(select(AuditEntry.at).where(AuditEntry.number == number))
        return tuple_(AuditEntry.at, AuditEntry.number) < tuple_(at, number)

    @property
    def _is_of_days(self) -> bool:
        return bool(self.since or self.until)


@routes.get("/")
@allow(INSPECTORS)
def index() -> str:
    """Fifty entries of the filter, newest first; `before` (an entry number) goes back."""
    return _page(checked=False)


@routes.post("/check")
@allow(INSPECTORS)
def check() -> str:
    """Walk the whole chain and say whether it holds."""
    return _page(checked=True)


@routes.get("/trail.<form>")
@allow(INSPECTORS)
def download(form: str) -> Response:
    """Every entry of the filter as CSV or XLSX. Who took it stands in the trail itself."""
    if form not in TABLE_FORMS:
        abort(404)
    sought, parts = _sought(), services()
    now = parts.clock.now()
    with parts.sessions.begin() as database:
        refuse_what_no_workbook_holds(database, form, sought.entries())
        audit.record(
            database,
            at=now,
            actor=me().actor,
            action="audit.exported",
            subject="audit",
            details=sought.arguments(),
        )
    head = [text(f"audit.{column}") for column in _COLUMNS]
    name = f"audit-{parts.calendar.day_of(now)}"
    return table_response(name, form, text("audit.title"), head, _lines(sought))


def _page(*, checked: bool) -> str:
    before, sought = request.args.get("before", type=_number), _sought()
    query = sought.entries().limit(_ROWS + 1)
    with services().sessions() as database:
        if before is not None:
            query = query.where(sought.older_than(database, before))
        entries = list(database.scalars(query))
        broken = first_broken(database) if checked else None
        names = names_of(database, _actors(entries))
        people = [(actor(one), one.name) for one in database.scalars(select(Staff).order_by(Staff.name))]
    return render_template(
        "dashboard/audit.html",
        entries=entries[:_ROWS],
        older=entries[_ROWS - 1].number if len(entries) > _ROWS else None,
        sought=sought,
        people=people + [(name, word("actor", name)) for name in _words_of("actor")],
        acts=sorted(((name, word("act", name)) for name in _words_of("act")), key=lambda act: act[1]),
        names=names,
        details_of=details_of,
        checked=checked,
        broken=broken,
    )


def _lines(sought: Sought) -> Iterator[tuple[Cell, ...]]:
    with services().sessions() as database:
        entries = database.scalars(sought.entries().execution_options(yield_per=_EXPORTED_AT_ONCE))
        for part in entries.partitions():
            names = names_of(database, _actors(list(part)))
            for entry in part:
                details = "; ".join(f"{one.name} {one.full}" for one in details_of(entry.details, names))
                yield (
                    entry.number,
                    iso(entry.at),
                    names.get(entry.actor) or word("actor", entry.actor),
                    word("act", entry.action),
                    entry.subject,
                    veiled(entry.reason),
                    details,
                )


def _sought() -> Sought:
    try:
        return Sought.read(request.args)
    except ValueError:
        abort(400)


def _words_of(group: str) -> list[str]:
    return [name.removeprefix(f"{group}.") for name in catalogue() if name.startswith(f"{group}.")]


def _day(typed: str) -> date | None:
    if not typed:
        return None
    day = date.fromisoformat(typed)
    # The first day there is and the last have no bounds in every zone.
    if day.year not in YEARS:
        raise ValueError("no day of the fund's")
    return day


def _number(typed: str) -> int:
    """Of an entry. Raises ValueError for what no entry has."""
    number = int(typed)
    if not 0 <= number <= _NUMBER_MAX:
        raise ValueError("no number of an entry")
    return number


def _actors(entries: list[AuditEntry]) -> set[str]:
    """Who acted, and whom the details name."""
    told = {value for entry in entries for value in (entry.details or {}).values() if isinstance(value, str)}
    return told | {entry.actor for entry in entries}
