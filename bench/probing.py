"""The probes as `bin/bench hop` puts them to Kibaba and to each peer, before anything is measured."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bench.ground import Ground
from bench.members import language_of, phone_of
from bench.probes.definitions import faults_of_our_menus
from bench.probes.endpoint import HttpEndpoint
from bench.probes.flow import KIBABA, SAMPLE, Flow
from bench.probes.subject import Inside, Subject, keys_of
from bench.probes.suite import Finding, Verdict, findings
from bench.servers import Measured

# Bulk members have joined, have saved before and have no PIN.
_MEMBERS_FLOW = replace(KIBABA, join=(), to_amount=("2", "4"), to_list=("2",), pin="", pin_screen=())


@dataclass(frozen=True, slots=True)
class Tally:
    """The findings of one subject."""

    findings: tuple[Finding, ...]

    def counts(self) -> dict[str, int]:
        return {
            verdict.name.lower(): sum(each.verdict is verdict for each in self.findings)
            for verdict in Verdict
        }

    def wrong(self) -> list[str]:
        return [each.name for each in self.findings if each.verdict is Verdict.WRONG]


def probe_kibaba(ground: Ground, server: Measured) -> Tally:
    """Kibaba on bulk members. Its suite in `tests/probes` also looks where this cannot."""
    return _tally(ground, server, _MEMBERS_FLOW, Inside(definition_faults=faults_of_our_menus))


def probe_peer(ground: Ground, server: Measured) -> Tally:
    """A peer with the sample flow."""
    return _tally(ground, server, SAMPLE, Inside())


def _tally(ground: Ground, server: Measured, flow: Flow, inside: Inside) -> Tally:
    endpoint = HttpEndpoint(f"http://127.0.0.1:{server.port}{server.path}")
    with ground.redis(server.redis_number) as client:
        client.flushdb()
        inside = replace(inside, session_keys=lambda: keys_of(client, flow))
        return Tally(tuple(findings(Subject(endpoint, flow, _people(), inside))))


def _people() -> Iterator[tuple[str, str]]:
    # Screens are recognised in English.
    for serial in itertools.count(1):
        if language_of(serial) == "en":
            yield phone_of(serial).e164, ""
