"""`bin/bench scale`: whether a hop costs the same with a million members, and what sessions leave behind."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.cores import choose_cores, resident_bytes
from bench.flows import kibaba_dialogs, kibaba_dials
from bench.ground import Ground, ground
from bench.hop import figures_of
from bench.kibaba import kibaba, worker_of
from bench.load import drive
from bench.processes import BenchError
from bench.report import Report
from bench.servers import Measured, Round, run_round

_WARM_UP_SEED = 999
_DIALS_AT_ONCE = 5_000
# All that is stored begins so. Since when the store has known everything is no session and does not expire.
_KEYS, _SINCE_KEY = "ussd:*", b"ussd:since"


@dataclass(frozen=True, slots=True)
class ScaleOptions:
    """How much to measure. `dialogs` per round must not exceed `few`, nor `sessions` times one `many`."""

    rounds: int = 5
    dialogs: int = 1000
    connections: int = 8
    few: int = 1_000
    many: int = 1_000_000
    sessions: int = 100_000


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What many sessions left: bytes of the web process before and after, and their keys."""

    bytes_before: int
    bytes_after: int
    keys: int
    endless_keys: int
    redis_bytes: int


def run(options: ScaleOptions, state: Path) -> Report:
    """Measure everything once. Raises BenchError or WrongAnswerError."""
    cores = choose_cores()
    os.sched_setaffinity(0, {cores.load})
    counts = {"few": options.few, "many": options.many}
    with ground(state / "ground") as shared, ExitStack() as stack:
        servers: dict[str, tuple[Measured, int]] = {}
        for number, (name, members) in enumerate(counts.items(), 1):
            print(f"{members} members", flush=True)
            running = kibaba(
                shared,
                members=members,
                redis_number=number,
                core=cores.server,
                logs=state / "log",
                name=f"kibaba-{name}",
            )
            servers[name] = (stack.enter_context(running), members)
        rounds = _measure(shared, servers, options)
        after = _many_sessions(shared, servers["many"][0], options)
    if after.endless_keys:
        raise BenchError(f"{after.endless_keys} of {after.keys} session keys never expire")
    return _report(rounds, after, options)


def _measure(
    shared: Ground, servers: Mapping[str, tuple[Measured, int]], options: ScaleOptions
) -> Mapping[str, list[Round]]:
    rounds: dict[str, list[Round]] = {name: [] for name in servers}
    for seed in (_WARM_UP_SEED, *range(options.rounds)):
        for name, (server, members) in servers.items():
            dialogs = kibaba_dialogs(server.path, options.dialogs, seed, members=members)
            done = run_round(shared, server, dialogs, options.connections)
            if seed != _WARM_UP_SEED:
                rounds[name].append(done)
        print(f"round {seed + 1} of {options.rounds}" if seed != _WARM_UP_SEED else "warm", flush=True)
    return rounds


def _many_sessions(shared: Ground, server: Measured, options: ScaleOptions) -> Afterwards:
    """Every session is another member's dial, so that the store holds them all at the end."""
    worker = worker_of(server.pid)
    with shared.redis(server.redis_number) as client:
        client.flushdb()
        before = resident_bytes(worker)
        for first in range(1, options.sessions + 1, _DIALS_AT_ONCE):
            count = min(_DIALS_AT_ONCE, options.sessions + 1 - first)
            drive(server.port, kibaba_dials(server.path, first, count), options.connections)
        print(f"{options.sessions} sessions", flush=True)
        left = [int(client.ttl(key)) for key in client.scan_iter(_KEYS, count=5000) if key != _SINCE_KEY]
        memory = int(client.info("memory")["used_memory"])
    return Afterwards(before, resident_bytes(worker), len(left), sum(seconds < 0 for seconds in left), memory)


def _report(rounds: Mapping[str, list[Round]], after: Afterwards, options: ScaleOptions) -> Report:
    figures = {name: figures_of(each) for name, each in rounds.items()}
    few, many = figures["few"], figures["many"]
    ratios = {"members_1m_over_1k": many["server_us_per_hop"] / few["server_us_per_hop"]}
    table = [
        ("members", "CPU us/hop", "PostgreSQL us", "Redis us", "p50 ms", "p99 ms"),
        *_rows({f"{options.few:,}": few, f"{options.many:,}": many}),
    ]
    megabytes = after.bytes_after / 1e6
    notes = [
        (
            f"{options.many:,} over {options.few:,} members: {ratios['members_1m_over_1k']:.3f} x in the web "
            f"process, {many['all_us_per_hop'] / few['all_us_per_hop']:.3f} x with both stores counted in."
        ),
        (
            f"After {options.sessions:,} sessions the web process holds {megabytes:.0f} MB "
            f"({after.bytes_before / 1e6:.0f} MB before); {after.keys:,} session keys, every one expires."
        ),
    ]
    content = {
        **figures,
        "resident_mb": round(megabytes, 1),
        "resident_mb_before": round(after.bytes_before / 1e6, 1),
        "sessions": options.sessions,
        "session_keys": after.keys,
        "session_keys_without_ttl": after.endless_keys,
        "redis_mb": round(after.redis_bytes / 1e6, 1),
        "few_members": options.few,
        "many_members": options.many,
    }
    return Report("scale", content, ratios, table, notes)


def _rows(figures: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, ...]]:
    for name, figure in figures.items():
        yield (
            name,
            f"{figure['server_us_per_hop']:.0f}",
            f"{figure['postgres_us_per_hop']:.0f}",
            f"{figure['redis_us_per_hop']:.0f}",
            f"{figure['p50_ms']:.2f}",
            f"{figure['p99_ms']:.2f}",
        )
