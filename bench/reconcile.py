"""`bin/bench reconcile`: a day's statement imported and compared with ledger and registry, beside four diffs.

Ours reads the portal's export of thirteen columns, keeps its lines, credits or puts into suspense what the
ledger did not know, opens breaks and writes the audit, committed. The peers are handed two clean tables of
four columns and print four counts.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cores import used_by
from bench.evening import Evening, filled, fresh
from bench.ground import Ground, ground
from bench.peers.recipes import Recipe, install
from bench.processes import BenchError
from bench.report import Report
from operations.state import REPOSITORY

_PACKAGES = ("fastrecon==0.9.3", "duckdb==2.0.1", "polars==2.1.0", "pandas==3.1.1", "pyarrow==26.0.1")
_DIFFS = Recipe("diffs", "diffs", _PACKAGES, (), "four ways to compare two tables")
_PEERS = ("fastrecon", "duckdb", "polars", "pandas")
_MEMORY_MB_MAX = 400
_CHUNK_BYTES = 2**20
_TENFOLD_ROUNDS_MAX = 2


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
    """`ten_fold`: once more with ten times the lines, to see whether the time grows with them alone."""

    lines: int = 1_000_000
    rounds: int = 3
    peers: bool = True
    ten_fold: bool = False


@dataclass(frozen=True, slots=True)
class Files:
    """The export that we read, and the two tables that the peers are given."""

    statement: Path
    ledger: Path
    listed: Path


def run(options: ReconcileOptions, state: Path) -> Report:
    """Measure rounds in turn; the fastest of each counts. Raises BenchError when a finding is wrong."""
    if options.peers:
        install(_DIFFS, state / "peers")
    with ground(state / "ground") as shared:
        evening = Evening(options.lines)
        files = _files(evening, state)
        ours: list[dict[str, Any]] = []
        floors: list[dict[str, Any]] = []
        peers: dict[str, list[dict[str, Any]]] = {name: [] for name in _PEERS if options.peers}
        with filled(shared, evening) as start:
            for _ in range(options.rounds):
                ours.append(_ours(shared, evening, start, files.statement))
                floors.append(_floor(shared, files.ledger))
                for name, found in peers.items():
                    found.append(_peer(name, state, files, evening))
        tenfold = _tenfold(shared, options, state) if options.ten_fold else None
    best = {name: _best(found) for name, found in peers.items()}
    return _report(options, _best(ours), _best(floors), best, tenfold)


def _files(evening: Evening, state: Path) -> Files:
    place = state / f"evening-{evening.count}"
    files = Files(place / "statement.csv", place / "ledger.csv", place / "listed.csv")
    if not files.listed.exists():
        place.mkdir(parents=True, exist_ok=True)
        evening.write_statement(files.statement)
        evening.write_sides(files.ledger, place / "unfinished.csv")
        (place / "unfinished.csv").rename(files.listed)
    return files


def _ours(shared: Ground, evening: Evening, start: str, statement: Path) -> dict[str, Any]:
    with fresh(shared, start) as url:
        before = used_by(shared.postgres_pid)
        figures = _told([sys.executable, "-m", "bench.reconciling", url, str(statement)], REPOSITORY)
        figures["postgres_cpu_seconds"] = used_by(shared.postgres_pid).since(before).seconds
    figures["all_cpu_seconds"] = figures["cpu_seconds"] + figures["postgres_cpu_seconds"]
    _expect(evening, figures)
    return figures


def _floor(shared: Ground, table: Path) -> dict[str, Any]:
    """What it costs to keep one of the peers' tables at all: one COPY, one unique index, committed."""
    with shared.admin() as admin, admin.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS reconcile_floor")
        cursor.execute(
            "CREATE TABLE reconcile_floor (ref text PRIMARY KEY, amount bigint, ts bigint, acct text)"
        )
        before, started, used = used_by(shared.postgres_pid), time.monotonic(), time.process_time()
        with (
            table.open("rb") as file,
            cursor.copy("COPY reconcile_floor FROM STDIN (FORMAT csv, HEADER)") as copy,
        ):
            while chunk := file.read(_CHUNK_BYTES):
                copy.write(chunk)
        figures = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - used}
        cursor.execute("DROP TABLE reconcile_floor")
    # A connection that has ended has told all that it used.
    figures["postgres_cpu_seconds"] = used_by(shared.postgres_pid).since(before).seconds
    return figures


def _expect(evening: Evening, figures: dict[str, Any]) -> None:
    planted, breaks = evening.planted, figures["breaks"]
    wanted = {
        "not_on_statement": planted.missing_on_statement,
        "amount_differs": planted.changed,
        "rejected_by_registry": planted.rejected,
        "registry_amount_differs": planted.registry_differs,
    }
    found = {name: breaks.get(name, 0) for name in wanted}
    known = (figures["applied"], figures["repeated"])
    if found != wanted or known != (planted.missing_in_ledger, planted.listed_twice):
        raise BenchError(f"found {found}, applied and repeated {known}; planted {planted}")


def _peer(name: str, state: Path, files: Files, evening: Evening) -> dict[str, Any]:
    python = state / "peers" / _DIFFS.home / "bin" / "python"
    program = REPOSITORY / "bench" / "peers" / "apps" / "diffs.py"
    figures = _told([str(python), str(program), name, str(files.ledger), str(files.listed)], state)
    planted = evening.planted
    wanted = [
        planted.missing_on_statement, planted.missing_in_ledger, planted.changed, planted.listed_twice
    ]  # fmt: skip
    if figures["found"] != wanted:
        raise BenchError(f"{name} found {figures['found']}, planted were {wanted}")
    return figures


def _tenfold(shared: Ground, options: ReconcileOptions, state: Path) -> dict[str, Any]:
    """The fastest of two rounds at most, for the million is the fastest of several."""
    evening = Evening(10 * options.lines)
    statement = _files(evening, state).statement
    with filled(shared, evening) as start:
        return _best([_ours(shared, evening, start, statement) for _ in range(_tenfold_rounds(options))])


def _tenfold_rounds(options: ReconcileOptions) -> int:
    return min(options.rounds, _TENFOLD_ROUNDS_MAX)


def _told(argv: list[str], directory: Path) -> dict[str, Any]:
    done = subprocess.run(argv, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{argv[1:3]} failed: {done.stderr.strip().splitlines()[-1:]}")
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def _best(found: list[dict[str, Any]]) -> dict[str, Any]:
    return min(found, key=lambda figures: figures["seconds"])


def _report(
    options: ReconcileOptions,
    ours: dict[str, Any],
    floor: dict[str, Any],
    peers: dict[str, dict[str, Any]],
    tenfold: dict[str, Any] | None,
) -> Report:
    ratios = {name: ours["seconds"] / found["seconds"] for name, found in peers.items()}
    cpu_ratios = {name: ours["all_cpu_seconds"] / found["cpu_seconds"] for name, found in peers.items()}
    table = [["", "seconds", "CPU seconds", "peak MB", "ours over it", "by CPU"]]
    everything = f"{ours['cpu_seconds']:.1f} + {ours['postgres_cpu_seconds']:.1f}"
    name = "Kibaba: import, credit, suspense, breaks, audit, committed"
    table.append([name, f"{ours['seconds']:.2f}", everything, f"{ours['peak_mb']:.0f}", "1", "1"])
    for peer, found in peers.items():
        cells = (f"{found['seconds']:.2f}", f"{found['cpu_seconds']:.1f}", f"{found['peak_mb']:.0f}")
        table.append([f"{peer}: diff only", *cells, f"{ratios[peer]:.2f}", f"{cpu_ratios[peer]:.2f}"])
    floor_cpu = floor["cpu_seconds"] + floor["postgres_cpu_seconds"]
    both = f"{floor['cpu_seconds']:.1f} + {floor['postgres_cpu_seconds']:.1f}"
    cells = (f"{floor['seconds']:.2f}", both, "-")
    above = (f"{ours['seconds'] / floor['seconds']:.2f}", f"{ours['all_cpu_seconds'] / floor_cpu:.2f}")
    table.append(["floor: one bare COPY into a table with one unique index", *cells, *above])
    notes = [
        f"{options.lines:,} lines against as many receipts; fastest of {options.rounds} rounds, in turn.",
        f"Import: {ours['import_seconds']:.2f} s; {ours['applied']:,} lines credited or put into suspense.",
        f"Comparison: {ours['compare_seconds']:.2f} s.",
        f"The application held {ours['peak_mb']:.0f} MB at most (limit {_MEMORY_MB_MAX}).",
        "Ours: CPU seconds of the application + of PostgreSQL. Peers: starting Python is not counted.",
    ]
    if tenfold is not None:
        ratios["ten_million_over_one"] = tenfold["seconds"] / ours["seconds"]
        times = f"{tenfold['seconds']:.1f} s, {ratios['ten_million_over_one']:.1f} times as long"
        rounds = _tenfold_rounds(options)
        notes.append(f"Ten times the lines took {times}; {tenfold['peak_mb']:.0f} MB; fastest of {rounds}.")
    figures = {"ours": ours, "floor": floor, "peers": peers, "ten_fold": tenfold, "cpu_ratios": cpu_ratios}
    return Report("reconcile", figures, ratios, table, notes)
