"""`bin/bench hop`: what one USSD hop costs Kibaba and its peers, side by side in one run."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.cores import Cores, choose_cores
from bench.flows import kibaba_dialogs, sample_dialogs
from bench.ground import Ground, ground
from bench.kibaba import kibaba
from bench.load import Dialog
from bench.peers.recipes import RECIPES, install, peer
from bench.probing import Tally, probe_kibaba, probe_peer
from bench.report import Report
from bench.servers import Measured, Round, run_round

KIBABA = "kibaba"
_WARM_UP_SEED = 999
_FIRST_REDIS_NUMBER = 1
# A machine that is shared with others is faster now and slower then, for a second or so: everybody is
# measured for less than that at a time, by turns, and a round is many turns.
_DIALOGS_AT_A_TIME = 250

Deal = Callable[[int, int], list[Dialog]]


@dataclass(frozen=True, slots=True)
class HopOptions:
    """How much to measure. `dialogs` per round must not exceed `members`."""

    rounds: int = 5
    dialogs: int = 2000
    connections: int = 8
    members: int = 10_000
    peers: bool = True
    probes: bool = True


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server, how its dialogs are made (count, seed), and how its probes went."""

    server: Measured
    deal: Deal
    tally: Tally | None


def run(options: HopOptions, state: Path) -> Report:
    """Measure everything once. Raises BenchError or WrongAnswerError."""
    recipes = RECIPES if options.peers else ()
    for recipe in recipes:
        install(recipe, state / "peers")
    cores = choose_cores()
    # This process, its load generator and both stores share a core; what is measured has the other.
    os.sched_setaffinity(0, {cores.load})
    with ground(state / "ground") as shared, _contestants(options, shared, cores, state) as contestants:
        rounds = _measure(shared, contestants, options)
    return _report(contestants, rounds, options)


@contextmanager
def _contestants(
    options: HopOptions, shared: Ground, cores: Cores, state: Path
) -> Iterator[Sequence[Contestant]]:
    logs = state / "log"
    with ExitStack() as stack:
        found = []
        own = stack.enter_context(
            kibaba(
                shared,
                members=options.members,
                redis_number=_FIRST_REDIS_NUMBER,
                core=cores.server,
                logs=logs,
            )
        )
        tally = probe_kibaba(shared, own) if options.probes else None
        found.append(Contestant(own, _deal_kibaba(own.path, options.members), tally))
        for number, recipe in enumerate(RECIPES if options.peers else (), _FIRST_REDIS_NUMBER + 1):
            server = stack.enter_context(
                peer(
                    recipe,
                    shared,
                    redis_number=number,
                    core=cores.server,
                    peers=state / "peers",
                    logs=logs,
                )
            )
            tally = probe_peer(shared, server) if options.probes else None
            found.append(Contestant(server, _deal_sample(server.path), tally))
        yield found


def _deal_kibaba(path: str, members: int) -> Deal:
    return lambda count, seed: kibaba_dialogs(path, count, seed, members=members)


def _deal_sample(path: str) -> Deal:
    return lambda count, seed: sample_dialogs(path, count, seed)


def _measure(
    shared: Ground, contestants: Sequence[Contestant], options: HopOptions
) -> Mapping[str, list[Round]]:
    """All rounds, interleaved, so that whatever else the machine does falls on everybody."""
    for each in contestants:
        run_round(shared, each.server, each.deal(options.dialogs, _WARM_UP_SEED), options.connections)
    rounds: dict[str, list[Round]] = {each.server.name: [] for each in contestants}
    turns = max(1, options.dialogs // _DIALOGS_AT_A_TIME)
    for number in range(options.rounds):
        slices: dict[str, list[Round]] = {name: [] for name in rounds}
        for turn in range(turns):
            for each in contestants:
                dialogs = each.deal(options.dialogs // turns, number * turns + turn)
                slices[each.server.name].append(run_round(shared, each.server, dialogs, options.connections))
        for name, parts in slices.items():
            rounds[name].append(Round.of(parts))
        print(f"round {number + 1} of {options.rounds}", flush=True)
    return rounds


def _report(
    contestants: Sequence[Contestant], rounds: Mapping[str, list[Round]], options: HopOptions
) -> Report:
    figures = {each.server.name: figures_of(rounds[each.server.name]) for each in contestants}
    for each in contestants:
        if each.tally is not None:
            figures[each.server.name]["probes"] = each.tally.counts()
    ratios = {name: _ratio(rounds[KIBABA], other) for name, other in rounds.items() if name != KIBABA}
    head = (
        "server", "CPU us/hop", "of it user", "Kibaba's ratio", "Redis us", "PostgreSQL us", "hops/s",
        "p50 ms", "p99 ms", "probes right/wrong/-",
    )  # fmt: skip
    table = [head, *(_row(name, figure, ratios.get(name)) for name, figure in figures.items())]
    notes = [
        *(
            f"{each.server.name}: wrong in {', '.join(each.tally.wrong())}."
            for each in contestants
            if each.tally is not None and each.tally.wrong()
        ),
        (
            f"{options.rounds} rounds of {options.dialogs} dialogs of 3 hops, by turns of "
            f"{min(options.dialogs, _DIALOGS_AT_A_TIME)}; medians, ratios within a round; "
            f"{options.connections} connections; {options.members:,} members in PostgreSQL."
        ),
    ]
    return Report("hop", {"options": _plain(options), **figures}, ratios, table, notes)


def _ratio(own: Sequence[Round], other: Sequence[Round]) -> float:
    """The median of what is compared within each round."""
    return median(ours.server_us / theirs.server_us for ours, theirs in zip(own, other, strict=True))


def figures_of(rounds: Sequence[Round]) -> dict[str, Any]:
    """Medians over the rounds, and the rounds themselves."""

    def middle(figure: Callable[[Round], float], digits: int = 1) -> float:
        return round(median(map(figure, rounds)), digits)

    return {
        "server_us_per_hop": middle(lambda each: each.server_us),
        "user_us_per_hop": middle(lambda each: each.user_us),
        "redis_us_per_hop": middle(lambda each: each.redis_us),
        "postgres_us_per_hop": middle(lambda each: each.postgres_us),
        "all_us_per_hop": middle(lambda each: each.all_us),
        "hops_per_second": middle(lambda each: each.outcome.hops / each.outcome.seconds, 0),
        "p50_ms": middle(lambda each: each.outcome.percentile_ms(0.5), 2),
        "p99_ms": middle(lambda each: each.outcome.percentile_ms(0.99), 2),
        "hops_per_round": rounds[0].outcome.hops,
        "rounds_server_us_per_hop": [round(each.server_us, 1) for each in rounds],
    }


def _row(name: str, figure: Mapping[str, Any], ratio: float | None) -> tuple[str, ...]:
    probes = figure.get("probes")
    return (
        name,
        f"{figure['server_us_per_hop']:.0f}",
        f"{figure['user_us_per_hop']:.0f}",
        "1" if ratio is None else f"{ratio:.2f} x",
        f"{figure['redis_us_per_hop']:.0f}",
        f"{figure['postgres_us_per_hop']:.0f}",
        f"{figure['hops_per_second']:.0f}",
        f"{figure['p50_ms']:.2f}",
        f"{figure['p99_ms']:.2f}",
        f"{probes['right']}/{probes['wrong']}/{probes['not_applicable']}" if probes else "not run",
    )


def _plain(options: HopOptions) -> dict[str, int]:
    return {
        "rounds": options.rounds,
        "dialogs": options.dialogs,
        "connections": options.connections,
        "members": options.members,
    }
