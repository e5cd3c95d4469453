"""USSD hops while the relay and the workers drain waiting callbacks, as `bin/run` starts them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.callbacks import lay_out, plain
from bench.cores import Cores
from bench.flows import kibaba_dialogs
from bench.ground import Ground
from bench.kibaba import PATH, serve, settings
from bench.load import Dialog, Outcome, drive, kernel_notes
from bench.processes import STOP_SECONDS_MAX, BenchError
from operations.embedded.spawn import spawn
from operations.state import REPOSITORY

_CONNECTIONS = 2
_DRAIN_SECONDS_MAX = 300.0
_ROUND_DIALOGS = 20
_LOOK_SECONDS = 0.05
_SEED = 7
_LEFT = "SELECT count(*) FROM outbox WHERE topic = 'evidence' AND state = 'pending'"


@dataclass(frozen=True, slots=True)
class Hops:
    """The slowest hundredth of hops with nothing else to do, and while callbacks drain."""

    alone_p99_ms: float
    draining_p99_ms: float
    hops_alone: int
    hops_draining: int
    drain_seconds: float


def hops_while_draining(
    shared: Ground, database_url: str, cores: Cores, logs: Path, *, dialogs: int, waiting: int
) -> Hops:
    """Measure once. Raises BenchError when the callbacks do not drain."""
    count = _members(database_url)
    with (
        kernel_notes(),
        serve(shared, database_url, redis_number=3, core=cores.server, logs=logs) as web,
    ):
        calls = kibaba_dialogs(PATH, min(count, 2 * dialogs + _ROUND_DIALOGS), _SEED, members=count)
        _call(web.port, calls[:_ROUND_DIALOGS])
        alone = Outcome()
        for place in range(_ROUND_DIALOGS, _ROUND_DIALOGS + dialogs, _ROUND_DIALOGS):
            # In rounds, as later: the first hop on a new connection takes longer.
            alone.latencies += _call(web.port, calls[place : place + _ROUND_DIALOGS]).latencies
        rest = calls[_ROUND_DIALOGS + dialogs :]
        lay_out(database_url, waiting)
        with ExitStack() as stack:
            stack.enter_context(
                _running(shared, database_url, ["workers.run", "relay", "money", "money"], logs)
            )
            _wait_for_the_first(database_url, waiting)
            draining, seconds = _hops_until_drained(web.port, database_url, rest)
    return Hops(
        alone.percentile_ms(0.99),
        draining.percentile_ms(0.99),
        len(alone.latencies),
        len(draining.latencies),
        seconds,
    )


def _hops_until_drained(port: int, database_url: str, calls: Sequence[Dialog]) -> tuple[Outcome, float]:
    heard, began, place = Outcome(), time.monotonic(), 0
    # One connection, kept: a server process that begins and ends for each look would do so during the hops.
    with psycopg.connect(plain(database_url), autocommit=True) as looking:
        while left := _number(looking, _LEFT):
            if time.monotonic() - began > _DRAIN_SECONDS_MAX:
                raise BenchError(f"{left} callbacks were not drained")
            # A call of a member who called before goes on where it was, so nobody calls twice.
            if place < len(calls):
                heard.latencies += _call(port, calls[place : place + _ROUND_DIALOGS]).latencies
                place += _ROUND_DIALOGS
            else:
                time.sleep(_LOOK_SECONDS)
    if not heard.latencies:
        raise BenchError("the callbacks drained before anybody called")
    return heard, time.monotonic() - began


def _call(port: int, calls: Sequence[Dialog]) -> Outcome:
    # We share a core with what drains; nobody who calls does.
    return drive(port, calls, _CONNECTIONS, callers_have_a_processor=True)


def _wait_for_the_first(database_url: str, waiting: int) -> None:
    deadline = time.monotonic() + _DRAIN_SECONDS_MAX
    with psycopg.connect(plain(database_url), autocommit=True) as looking:
        while _number(looking, _LEFT) == waiting:
            if time.monotonic() > deadline:
                raise BenchError("nothing drains")
            time.sleep(_LOOK_SECONDS)


@contextmanager
def _running(shared: Ground, database_url: str, module: list[str], logs: Path) -> Iterator[None]:
    env = {**os.environ, **settings(database_url, shared.redis_url(3))}
    with (logs / f"{'-'.join(module)}.log").open("wb") as output:
        process = spawn([sys.executable, "-m", *module], cwd=REPOSITORY, env=env, output=output)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _members(database_url: str) -> int:
    with psycopg.connect(plain(database_url)) as connection:
        return _number(connection, "SELECT count(*) FROM members")


def _number(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])
