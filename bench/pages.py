"""`bin/bench pages`: what staff pages take with a thousand members, and with a million and their payments.

Both are asked in turn, page by page, in one process: the real application on real tables, no network between.
"""

import math
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import text

from bench.ground import Ground, ground
from bench.kibaba import SHORTCODE, settings, vault
from bench.members import Bulk, phone_of
from bench.payments import DAYS, NOW, PER_MEMBER, REAL_MEMBERS, BulkPayments
from bench.processes import BenchError
from bench.report import Report
from core.settings import load_settings
from dashboard.staff.model import Role, StaffExists
from dashboard.staff.service import add_staff
from members.numbers import MemberNumber
from payments.closing.control import CutOff
from payments.closing.service import Closings, NotToClose
from ussd_app.application import create_app
from ussd_app.bootstrap import Services, build

_PASSWORD = "maji ya moto yapoe"  # noqa: S105 -- of accounts in databases of the benchmark
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_NEXT = re.compile(r'href="(/dashboard/[^"]*(?:after|before)=[^"]*)"')
_CLOSED_DAYS = 35
_TARGET = 3.0


@dataclass(frozen=True, slots=True)
class PagesOptions:
    """How much to measure: `rounds` requests of each page and size; members of both; days of payments."""

    rounds: int = 40
    few: int = 1_000
    many: int = 1_000_000
    days: int = DAYS


@dataclass
class FixedClock:
    """The evening the payments were made for."""

    instant: datetime = NOW

    def now(self) -> datetime:
        return self.instant


@dataclass
class House:
    """One size: its application, a supervisor and an administrator signed in, and what can be asked for."""

    services: Services
    supervisor: FlaskClient
    admin: FlaskClient
    known: dict[str, list[str]] = field(default_factory=dict)

    def one(self, name: str, number: int) -> str:
        """The nth of the things of a kind, round and round."""
        return self.known[name][number % len(self.known[name])]


# A page asks a house for the nth time.
Ask = Callable[[House, int], int]


def run(options: PagesOptions, state: Path) -> Report:
    """Measure everything once. Raises BenchError when a page answers with anything but itself."""
    with ground(state / "ground") as shared:
        payments = BulkPayments(Bulk(shared, vault(), SHORTCODE))
        with (
            _house(shared, payments, options, options.few, 1) as few,
            _house(shared, payments, options, options.many, 2) as many,
        ):
            times = {name: _measure(ask, few, many, options.rounds) for name, ask in PAGES.items()}
    return _report(times, options)


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of each request, with few and with many."""

    few: Sequence[float]
    many: Sequence[float]

    @property
    def ratio(self) -> float:
        return p95(self.many) / p95(self.few)


def p95(milliseconds: Sequence[float]) -> float:
    return sorted(milliseconds)[math.ceil(0.95 * len(milliseconds)) - 1]


def _measure(ask: Ask, few: House, many: House, rounds: int) -> Times:
    times: dict[int, list[float]] = {0: [], 1: []}
    for number in range(-2, rounds):
        for place, house in enumerate((few, many)):
            started = time.perf_counter()
            status = ask(house, number)
            took = (time.perf_counter() - started) * 1000
            if status not in {HTTPStatus.OK, HTTPStatus.FOUND}:
                raise BenchError(f"a page answered {status}")
            if number >= 0:
                times[place].append(took)
    return Times(times[0], times[1])


@contextmanager
def _house(
    shared: Ground, payments: BulkPayments, options: PagesOptions, members: int, redis_number: int
) -> Iterator[House]:
    print(f"{members} members", flush=True)
    url = payments.database(members, options.days)
    clock = FixedClock()
    values = settings(url, shared.redis_url(redis_number))
    services = build(
        load_settings(_env_file=None, **{key.lower(): each for key, each in values.items()}), clock=clock
    )
    try:
        _close_days(services, clock)
        app = create_app(services)
        house = House(
            services,
            _signed_in(services, app.test_client(), Role.SUPERVISOR),
            _signed_in(services, app.test_client(), Role.ADMIN),
        )
        _look_up(house)
        yield house
    finally:
        services.close()


def _close_days(services: Services, clock: FixedClock) -> None:
    """As a fund does: each day on the next morning, up to yesterday."""
    room = Closings(services.sessions, clock, services.calendar)
    today = services.calendar.day_of(NOW)
    for back in range(_CLOSED_DAYS, 0, -1):
        day = today - timedelta(days=back)
        clock.instant = services.calendar.bounds(day)[1] + timedelta(hours=8)
        # A database that was kept has its closings.
        with suppress(NotToClose):
            room.close_day(
                CutOff("mpesa", SHORTCODE, day), by="operator", reason="closed for the measurement"
            )
    clock.instant = NOW


def _signed_in(services: Services, browser: FlaskClient, role: Role) -> FlaskClient:
    email = f"{role}@bench.example"
    with suppress(StaffExists), services.sessions.begin() as session:
        add_staff(session, email=email, name=f"Bench {role}", role=role, password=_PASSWORD, now=NOW)
    token = _token(browser.get("/dashboard/sign-in").text)
    answer = browser.post(
        "/dashboard/sign-in", data={"csrf_token": token, "email": email, "password": _PASSWORD}
    )
    if answer.status_code != HTTPStatus.FOUND:
        raise BenchError(f"{email} was not let in")
    return browser


def _look_up(house: House) -> None:
    """What there is to ask for, spread over the tables."""
    with house.services.sessions() as session:
        for name, query in _KNOWN.items():
            house.known[name] = [str(value) for value in session.execute(text(query)).scalars()]
            if not house.known[name]:
                raise BenchError(f"there is no {name} to ask for")
    house.known["token"] = [_token(house.supervisor.get("/dashboard/members/").text)]
    for name, page in _LONG.items():
        found = _NEXT.search(house.supervisor.get(page).text)
        # A short list has one page only.
        house.known[name] = [found[1].replace("&amp;", "&") if found else page]


def _token(page: str) -> str:
    found = _TOKEN.search(page)
    if found is None:
        raise BenchError("a form without a token")
    return found[1]


def _get(address: str, name: str = "") -> Ask:
    """Ask for an address; `{}` in it is the next thing of a kind."""

    def ask(house: House, number: int) -> int:
        return house.supervisor.get(address.format(house.one(name, number)) if name else address).status_code

    return ask


def _of_admin(address: str) -> Ask:
    return lambda house, _number: house.admin.get(address).status_code


def _search(typed: Callable[[int], str]) -> Ask:
    """Search for a member and see them: two requests, as the browser makes them."""

    def ask(house: House, number: int) -> int:
        serial = number % REAL_MEMBERS + 1
        data = {"csrf_token": house.known["token"][0], "query": typed(serial)}
        answer = house.supervisor.post("/dashboard/members/", data=data)
        return answer.status_code if answer.status_code == HTTPStatus.FOUND else HTTPStatus.NOT_FOUND

    return ask


_KNOWN = {
    "day": "SELECT DISTINCT day::text FROM reconciliation_runs WHERE day > '2026-10-28' ORDER BY 1",
    "break": "SELECT id FROM breaks WHERE state = 'open' ORDER BY first_seen DESC LIMIT 50",
    "waiting": "SELECT id FROM receipts WHERE member_id IS NULL ORDER BY paid_at DESC LIMIT 50",
    "payment": "SELECT id FROM receipts ORDER BY paid_at DESC LIMIT 50",
    "old payment": "SELECT id FROM receipts ORDER BY paid_at LIMIT 50",
    "receipt": "SELECT receipt FROM receipts ORDER BY paid_at LIMIT 50",
    "member": "SELECT id FROM members ORDER BY joined_at LIMIT 50",
    "doubt": "SELECT id FROM members WHERE status = 'needs_review' LIMIT 50",
    "import": "SELECT id FROM statement_imports ORDER BY at DESC LIMIT 50",
    "subject": "SELECT subject FROM audit WHERE action = 'member.opened' ORDER BY number LIMIT 50",
    "person": "SELECT id FROM staff",
}
_LONG = {
    "exceptions on": "/dashboard/exceptions/?state=all",
    "suspense on": "/dashboard/suspense/",
    "payments on": "/dashboard/payments/",
    "audit on": "/dashboard/audit/",
}
PAGES: dict[str, Ask] = {
    "Today": _get("/dashboard/day/2026-11-28"),
    "a day": _get("/dashboard/day/{}", "day"),
    "Exceptions": _get("/dashboard/exceptions/"),
    "Exceptions by risk": _get("/dashboard/exceptions/?sort=risk"),
    "Exceptions, all states": _get("/dashboard/exceptions/?state=all"),
    "Exceptions, all, by kind": _get("/dashboard/exceptions/?state=all&sort=kind"),
    "Exceptions, next page": _get("{}", "exceptions on"),
    "Exceptions of a day": _get("/dashboard/exceptions/?day={}&state=all", "day"),
    "a Break": _get("/dashboard/exceptions/{}", "break"),
    "Suspense": _get("/dashboard/suspense/"),
    "Suspense, next page": _get("{}", "suspense on"),
    "one in suspense": _get("/dashboard/suspense/{}", "waiting"),
    "Second look": _get("/dashboard/checks/"),
    "Members": _get("/dashboard/members/"),
    "search by number": _search(lambda serial: MemberNumber.of_serial(serial).digits),
    "search by phone": _search(lambda serial: phone_of(serial).e164),
    "search by ID": _search(lambda serial: f"{serial + 10_000_000}"),
    "a Member": _get("/dashboard/members/{}", "member"),
    "Payments": _get("/dashboard/payments/"),
    "Payments, next page": _get("{}", "payments on"),
    "Payments by receipt": _get("/dashboard/payments/?receipt={}", "receipt"),
    "a Payment": _get("/dashboard/payments/{}", "payment"),
    "a Payment of last year": _get("/dashboard/payments/{}", "old payment"),
    "Imports": _get("/dashboard/imports/"),
    "an Import": _get("/dashboard/imports/{}", "import"),
    "Closings": _get("/dashboard/closings/"),
    "a Closing": _get("/dashboard/closings/{}", "day"),
    "Reports": _get("/dashboard/reports/"),
    "To review": _get("/dashboard/reviews/"),
    "one to review": _get("/dashboard/reviews/{}", "doubt"),
    "Queues and health": _get("/dashboard/queues/"),
    "Funnels": _get("/dashboard/funnels/"),
    "Audit": _get("/dashboard/audit/"),
    "Audit, next page": _get("{}", "audit on"),
    "Audit of one": _get("/dashboard/audit/?subject={}", "subject"),
    "Profile": _get("/dashboard/profile/"),
    "Staff": _of_admin("/dashboard/staff/"),
}


def _report(times: Mapping[str, Times], options: PagesOptions) -> Report:
    worst = max(times, key=lambda name: times[name].ratio)
    head = (
        "page",
        *(f"{count:,}: {what} ms" for count in (options.few, options.many) for what in ("p50", "p95")),
        "p95",
    )
    rows = [
        (
            name,
            *(
                f"{value:.1f}"
                for each in (page.few, page.many)
                for value in (statistics.median(each), p95(each))
            ),
            f"{page.ratio:.2f} x",
        )
        for name, page in times.items()
    ]
    over = sorted(name for name, page in times.items() if page.ratio > _TARGET)
    notes = [
        (
            f"{options.rounds} requests of each page and size, in turn, in one process; {worst} is worst: "
            f"{times[worst].ratio:.2f} x, the target {_TARGET:.0f} x for every page"
            + (f"; above it: {', '.join(over)}." if over else ".")
        ),
        (
            f"{options.few * PER_MEMBER:,} and {options.many * PER_MEMBER:,} payments, {options.days} days, "
            "each with receipt, transfer, wallet line and registry posting; past days are closed."
        ),
    ]
    figures = {
        name: {"few_p50_ms": round(statistics.median(page.few), 2), "few_p95_ms": round(p95(page.few), 2),
               "many_p50_ms": round(statistics.median(page.many), 2), "many_p95_ms": round(p95(page.many), 2),
               "ratio": round(page.ratio, 3)}
        for name, page in times.items()
    }  # fmt: skip
    content: dict[str, Any] = {"pages": figures, "few_members": options.few, "many_members": options.many}
    return Report("pages", content, {"worst_page_many_over_few": times[worst].ratio}, [head, *rows], notes)
