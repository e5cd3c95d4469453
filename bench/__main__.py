"""`bin/bench NAME`: runs one benchmark, prints its table, writes `var/bench/NAME.json`."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from bench import hop, intake, jobs, pages, reconcile, scale
from bench.load import WrongAnswerError
from bench.processes import BenchError
from bench.report import Report
from operations.embedded import EmbeddedError
from operations.state import state_from_environment

_SMALL_MEMBERS = 300


def main() -> int:
    options = _options()
    state: Path = state_from_environment().root / "bench"
    try:
        report = _RUNS[options.name](options, state)
        report.print()
        print(report.write(state))
        if options.publish:
            report.publish()
    except (BenchError, EmbeddedError, WrongAnswerError) as error:
        print(f"bin/bench: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, about in (
        ("hop", "processor time of a USSD hop, beside four peers"),
        ("scale", "the same with a thousand and a million members; memory after many sessions"),
        ("intake", "a callback until it is stored, and until it is credited, beside two floors"),
    ):
        one = names.add_parser(name, help=about, description=about)
        one.add_argument("--rounds", type=int, default=5, help="of which the median counts (5)")
        dialogs = hop.HopOptions().dialogs if name == "hop" else 1000
        one.add_argument(
            "--dialogs", type=int, default=dialogs, help=f"per round, three hops each ({dialogs})"
        )
        one.add_argument(
            "--quick", action="store_true", help="tiny counts: shows that it works, measures nothing"
        )
        one.add_argument("--publish", action="store_true", help="put the table into docs/benchmarks.md")
        if name == "intake":
            one.add_argument("--waiting", type=int, default=10_000, help="callbacks to drain (10000)")
        elif name == "hop":
            one.add_argument("--alone", action="store_true", help="without peers, so without a network")
        else:
            one.add_argument(
                "--sessions", type=int, default=100_000, help="before memory is looked at (100000)"
            )
    _add_pages(names)
    one = names.add_parser("jobs", help="contributions posted to the registry and read back")
    one.add_argument("--contributions", type=int, default=jobs.JobsOptions().contributions, help="(100000)")
    one.add_argument("--quick", action="store_true", help="two thousand: shows that it works")
    one.add_argument("--publish", action="store_true", help="put the table into docs/benchmarks.md")
    about = "a statement of a million lines against a million receipts, beside four diffs"
    _reconcile_options(names.add_parser("reconcile", help=about, description=about))
    return parser.parse_args()


def _add_pages(names: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "staff pages with a thousand members, and with a million and five million payments"
    one = names.add_parser("pages", help=about, description=about)
    one.add_argument("--rounds", type=int, default=40, help="requests of each page (40)")
    one.add_argument("--members", type=int, default=1_000_000, help="of the big house (1000000)")
    one.add_argument("--days", type=int, default=365, help="through which they paid (365)")
    one.add_argument("--quick", action="store_true", help="two small houses: shows that it works")
    one.add_argument("--publish", action="store_true", help="put the table into docs/benchmarks.md")


def _reconcile_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("--lines", type=int, default=1_000_000, help="of the statement (1000000)")
    one.add_argument("--rounds", type=int, default=3, help="of which the fastest counts (3)")
    one.add_argument("--ten-fold", action="store_true", help="and once with ten times the lines")
    one.add_argument("--alone", action="store_true", help="without peers, so without a network")
    one.add_argument("--quick", action="store_true", help="2,000 lines: shows that it works")
    one.add_argument("--publish", action="store_true", help="put the table into docs/benchmarks.md")


def _hop(options: argparse.Namespace, state: Path) -> Report:
    given = hop.HopOptions(options.rounds, options.dialogs, peers=not options.alone)
    if options.quick:
        given = hop.HopOptions(
            1, 60, members=_SMALL_MEMBERS, peers=not options.alone, probes=not options.alone
        )
    return hop.run(given, state)


def _scale(options: argparse.Namespace, state: Path) -> Report:
    given = scale.ScaleOptions(options.rounds, options.dialogs, sessions=options.sessions)
    if options.quick:
        given = scale.ScaleOptions(1, 60, few=_SMALL_MEMBERS, many=2 * _SMALL_MEMBERS, sessions=200)
    return scale.run(given, state)


def _jobs(options: argparse.Namespace, state: Path) -> Report:
    return jobs.run(jobs.JobsOptions(2000 if options.quick else options.contributions), state)


def _intake(options: argparse.Namespace, state: Path) -> Report:
    given = intake.IntakeOptions(
        options.rounds, waiting=options.waiting, members=max(10_000, options.waiting)
    )
    if options.quick:
        # Processor time is counted in hundredths of a second, and storing sixty may take none.
        given = intake.IntakeOptions(1, 600, members=_SMALL_MEMBERS, waiting=_SMALL_MEMBERS, dialogs=60)
    return intake.run(given, state)


def _pages(options: argparse.Namespace, state: Path) -> Report:
    given = pages.PagesOptions(options.rounds, many=options.members, days=options.days)
    if options.quick:
        given = pages.PagesOptions(3, many=2_000, days=40)
    return pages.run(given, state)


def _reconcile(options: argparse.Namespace, state: Path) -> Report:
    lines, rounds = (2000, 1) if options.quick else (options.lines, options.rounds)
    given = reconcile.ReconcileOptions(lines, rounds, peers=not options.alone, ten_fold=options.ten_fold)
    return reconcile.run(given, state)


_RUNS: Final[Mapping[str, Callable[[argparse.Namespace, Path], Report]]] = {
    "hop": _hop,
    "scale": _scale,
    "intake": _intake,
    "jobs": _jobs,
    "pages": _pages,
    "reconcile": _reconcile,
}
if __name__ == "__main__":
    sys.exit(main())
