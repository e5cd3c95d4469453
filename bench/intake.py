"""`bin/bench intake`: what a callback costs until it is stored, and from there until it is credited."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from bench import rows_floor
from bench.callbacks import copy_of, lay_out, plain, posts
from bench.cores import Cores, choose_cores, used_by
from bench.draining import Hops, hops_while_draining
from bench.ground import Ground, ground
from bench.kibaba import GRANIAN, SHORTCODE, serve, settings, vault
from bench.load import drive
from bench.members import Bulk
from bench.processes import BenchError, serving
from bench.report import Report
from core import outbox
from core.settings import load_settings
from operations.environment import lower_case
from operations.free_port import free_port
from operations.state import REPOSITORY
from ussd_app.bootstrap import build
from ussd_app.tasks import build_tasks
from workers.handling import TaskRunner
from workers.topics import TOPICS, jobs_of

_HOOK = "/hooks/dev/stk"
_HANDED_OUT = 200
_ROWS = (
    "receipts", "ledger_transfers", "ledger_postings", "evidence_verdicts", "contribution_events",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class IntakeOptions:
    """How much to measure. `waiting` must not exceed `members`."""

    rounds: int = 5
    callbacks: int = 1500
    connections: int = 8
    members: int = 10_000
    waiting: int = 10_000
    # Enough for some seconds: what a web process does only now and then must happen both times.
    dialogs: int = 3000


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time of one payment, in microseconds: of the process that works, and of PostgreSQL."""

    own_us: float
    postgres_us: float


def run(options: IntakeOptions, state: Path) -> Report:
    """Measure everything once. Raises BenchError or WrongAnswerError."""
    cores = choose_cores()
    # This process, its load generator and both stores share a core; the web server has the other.
    os.sched_setaffinity(0, {cores.load})
    with ground(state / "durable", durable=True) as shared:
        template = Bulk(shared, vault(), SHORTCODE).database(options.members)
        stored = _stored(options, shared, template, cores, state / "log")
        floor = _floor(options, shared, template)
        credited = _credited(options, shared, template)
        database_url = copy_of(shared, template, "intake_draining")
        hops = hops_while_draining(
            shared, database_url, cores, state / "log", dialogs=options.dialogs, waiting=options.waiting
        )
    return _report(options, stored, floor, credited, hops)


def _stored(
    options: IntakeOptions, shared: Ground, template: str, cores: Cores, logs: Path
) -> Mapping[str, Cost]:
    """Callbacks posted to Kibaba and to the floor, by turns; the median cost of each."""
    ours, bare = copy_of(shared, template, "intake_ours"), copy_of(shared, template, "intake_floor")
    with psycopg.connect(plain(bare), autocommit=True) as connection:
        connection.execute("CREATE TABLE callbacks (id bigserial PRIMARY KEY, body text NOT NULL)")
    costs: dict[str, list[Cost]] = {"kibaba": [], "floor": []}
    with ExitStack() as stack:
        kibaba = stack.enter_context(serve(shared, ours, redis_number=1, core=cores.server, logs=logs))
        servers = {
            "kibaba": (kibaba.pid, kibaba.port),
            "floor": stack.enter_context(_insert_floor(bare, cores.server, logs)),
        }
        for number in range(options.rounds + 1):
            for name, (pid, port) in servers.items():
                sent = posts(_HOOK, options.callbacks, number)
                cost = _cost(shared, pid, len(sent), partial(drive, port, sent, options.connections))
                # The first round is to warm up.
                if number:
                    costs[name].append(cost)
            print(f"round {number} of {options.rounds}", flush=True)
    sent_in_all = options.callbacks * (options.rounds + 1)
    for url, table in ((ours, "evidence"), (bare, "callbacks")):
        if _count(url, table) != sent_in_all:
            raise BenchError(f"{_count(url, table)} of {sent_in_all} callbacks are in {table}")
    return {
        name: Cost(median(one.own_us for one in each), median(one.postgres_us for one in each))
        for name, each in costs.items()
    }


def _cost(shared: Ground, pid: int, count: int, work: Callable[[], object]) -> Cost:
    before = used_by(pid), used_by(shared.postgres_pid)
    work()
    own, postgres = used_by(pid).since(before[0]), used_by(shared.postgres_pid).since(before[1])
    return Cost(1e6 * own.seconds / count, 1e6 * postgres.seconds / count)


@contextmanager
def _insert_floor(database_url: str, core: int, logs: Path) -> Iterator[tuple[int, int]]:
    port = free_port()
    app = "bench.peers.apps.insert_app:app"
    argv = [sys.executable, "-m", "granian", "--interface", "wsgi", app, "--port", str(port), *GRANIAN]
    env = {"PEER_DATABASE_URL": plain(database_url)}
    with serving(argv, cwd=REPOSITORY, env=env, port=port, core=core, log=logs / "insert_app.log") as pid:
        yield pid, port


def _floor(options: IntakeOptions, shared: Ground, template: str) -> Cost:
    database_url = copy_of(shared, template, "intake_rows")
    rows = rows_floor.prepared(lay_out(database_url, options.waiting))
    cost = _cost(shared, os.getpid(), len(rows), lambda: rows_floor.write(database_url, rows))
    _expect_rows(database_url, options)
    return cost


def _credited(options: IntakeOptions, shared: Ground, template: str) -> Cost:
    """One process does the relay's and a worker's part; RQ's hand-over of ids is not in it."""
    database_url = copy_of(shared, template, "intake_credited")
    lay_out(database_url, options.waiting)
    env = settings(database_url, shared.redis_url(2))
    services = build(load_settings(_env_file=None, **lower_case(env)))
    tasks = build_tasks(services)
    runner = TaskRunner(services.sessions, services.clock, tasks.handlers, TOPICS, tasks.batch_handlers)

    def drain() -> None:
        while True:
            with services.sessions.begin() as session:
                now = services.clock.now()
                due = outbox.hand_out(session, now=now, seconds=20, limit=_HANDED_OUT, topics=["evidence"])
            if not due:
                return
            for ids, topic in jobs_of(due):
                runner.run_all(ids, topic)

    cost = _cost(shared, os.getpid(), options.waiting, drain)
    services.close()
    _expect_rows(database_url, options)
    return cost


def _expect_rows(database_url: str, options: IntakeOptions) -> None:
    """Every payment credited and its SMS queued, whoever did it. Raises BenchError."""
    before = {"receipts": 2 * options.members}
    each = {"ledger_postings": 2}
    for table in _ROWS:
        expected = before.get(table, 0) + each.get(table, 1) * options.waiting
        if _count(database_url, table) != expected:
            raise BenchError(f"{_count(database_url, table)} rows in {table}, not {expected}")
    told = _count(database_url, "outbox WHERE topic = 'message'")
    done = _count(database_url, "outbox WHERE topic = 'evidence' AND state = 'done'")
    if (told, done) != (options.waiting, options.waiting):
        raise BenchError(f"{told} receipt SMS and {done} finished tasks for {options.waiting} payments")


def _count(database_url: str, table: str) -> int:
    with psycopg.connect(plain(database_url)) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()  # noqa: S608 -- our own words
    assert row is not None
    return int(row[0])


def _report(
    options: IntakeOptions, stored: Mapping[str, Cost], floor: Cost, credited: Cost, hops: Hops
) -> Report:
    ratios = {
        "wsgi_insert_floor": stored["kibaba"].own_us / stored["floor"].own_us,
        "psycopg_rows_floor": credited.own_us / floor.own_us,
        "hop_p99_draining": hops.draining_p99_ms / hops.alone_p99_ms,
    }
    both = (credited.own_us + credited.postgres_us) / (floor.own_us + floor.postgres_us)
    table: Sequence[Sequence[str]] = [
        ("a callback", "CPU us", "PostgreSQL us", "ratio"),
        _row("stored: Kibaba", stored["kibaba"], ratios["wsgi_insert_floor"]),
        _row("stored: bare WSGI callable, one committed insert", stored["floor"], 1),
        _row("credited, SMS queued: Kibaba", credited, ratios["psycopg_rows_floor"]),
        _row("credited: plain psycopg transaction each, same rows", floor, 1),
    ]
    notes = [
        f"{options.rounds} rounds of {options.callbacks} callbacks, interleaved; medians; fsync on.",
        f"{options.waiting:,} waiting callbacks credited; with PostgreSQL counted in {both:.2f} x the floor.",
        (
            f"USSD hop p99 {hops.alone_p99_ms:.1f} ms alone, {hops.draining_p99_ms:.1f} ms while "
            f"{options.waiting:,} callbacks drain in {hops.drain_seconds:.0f} s: "
            f"{ratios['hop_p99_draining']:.2f} x."
        ),
    ]
    figures: dict[str, Any] = {
        "options": asdict(options),
        **{f"stored_{name}": asdict(cost) for name, cost in stored.items()},
        "credited_kibaba": asdict(credited),
        "credited_floor": asdict(floor),
        "credited_ratio_with_postgres": round(both, 3),
        "hops": asdict(hops),
    }
    return Report("intake", figures, ratios, table, notes)


def _row(name: str, cost: Cost, ratio: float) -> tuple[str, ...]:
    return name, f"{cost.own_us:.0f}", f"{cost.postgres_us:.0f}", "1" if ratio == 1 else f"{ratio:.2f} x"
