"""`python -m bench.probes URL`: puts the probes to an endpoint and prints what was right and what was not."""

import argparse
import csv
import itertools
import secrets
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from redis import Redis

from bench.probes.definitions import faults_of_our_menus
from bench.probes.endpoint import HttpEndpoint
from bench.probes.flow import FLOWS, KIBABA
from bench.probes.subject import Inside, Subject, keys_of
from bench.probes.suite import PROBES, Finding, Verdict, findings

_PEOPLE = Path(__file__).parents[2] / "sandbox" / "people.csv"
_POSTED_MAX = 6


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.probes", description=__doc__)
    parser.add_argument(
        "url", help="where USSD posts go, such as http://127.0.0.1:8000/gateway/dev/africastalking/ussd"
    )
    parser.add_argument("--flow", choices=sorted(FLOWS), default="kibaba", help="what its screens look like")
    parser.add_argument("--only", nargs="+", choices=list(PROBES), default=list(PROBES), metavar="PROBE")
    parser.add_argument("--redis", metavar="URL", help="its session store, for the probe of expiry")
    parser.add_argument("--quiet", action="store_true", help="verdicts without what was posted and seen")
    options = parser.parse_args()
    flow = FLOWS[options.flow]
    inside = Inside(definition_faults=faults_of_our_menus) if flow is KIBABA else Inside()
    if options.redis:
        client = Redis.from_url(options.redis)
        inside = replace(inside, session_keys=lambda: keys_of(client, flow))
    endpoint = HttpEndpoint(options.url)
    first = endpoint.post("ATUid_probe_hello", "+254700000000", "")
    if not first.is_screen:
        print(f"{options.url} gives no screens: {first.status} {first.text[:120]}", file=sys.stderr)
        return 2
    subject = Subject(endpoint, flow, people(), inside)
    wrong = 0
    for each in findings(subject, options.only):
        show(each, quiet=options.quiet)
        wrong += each.verdict is Verdict.WRONG
    return 1 if wrong else 0


def show(finding: Finding, *, quiet: bool) -> None:
    print(f"{finding.name:4} {finding.verdict.value:15} {finding.question}")
    print(f"{'':20} {finding.why}")
    if not quiet and finding.posted:
        posted = [f"{text!r}" for text in finding.posted[-_POSTED_MAX:]]
        more = "… " if len(finding.posted) > _POSTED_MAX else ""
        print(f"{'':20} posted {more}{', '.join(posted)}")
        print(f"{'':20} seen   {finding.seen!r}")


def people() -> Iterator[tuple[str, str]]:
    """Phones that hardly anybody has used, each with the national ID of a living adult of the sandbox."""
    first = secrets.randbelow(900_000) * 100
    with _PEOPLE.open(newline="", encoding="utf-8") as file:
        ids = [
            row["id"]
            for row in csv.DictReader(file)
            if row["status"] == "alive" and row["birth_date"] < "2000"
        ]
    start = secrets.randbelow(len(ids))
    for number in itertools.count():
        yield f"+2547{first + number:08}", ids[(start + number) % len(ids)]


if __name__ == "__main__":
    sys.exit(main())
