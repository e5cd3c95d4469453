"""The probes as `bin/bench hop` puts them to Kibaba and to each peer, before anything is measured."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bench.ground import Ground
from bench.members import language_of, phone_of
from bench.probes.definitions import faults_of_our_menus
from bench.probes.endpoint import HttpEndpoint
from bench.probes.flow import KIBABA, SAMPLE
from bench.probes.subject import Inside, Subject
from bench.probes.suite import Finding, Verdict, findings
from bench.servers import Measured

# Bulk members have joined, have saved before and have no PIN.
_MEMBERS_FLOW = replace(KIBABA, join=(), to_amount=("2", "3"), to_list=("2",), pin="", pin_screen=())
# What Kibaba keeps beside sessions: since when the store has known everything. It must not expire.
_NO_SESSION = {"ussd:since"}


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
    inside = Inside(definition_faults=faults_of_our_menus, session_keys=lambda: _keys(ground, server))
    return _tally(Subject(_endpoint(server), _MEMBERS_FLOW, _people(), inside), ground, server)


def probe_peer(ground: Ground, server: Measured) -> Tally:
    """A peer with the sample flow."""
    inside = Inside(session_keys=lambda: _keys(ground, server))
    return _tally(Subject(_endpoint(server), SAMPLE, _people(), inside), ground, server)


def _tally(subject: Subject, ground: Ground, server: Measured) -> Tally:
    with ground.redis(server.redis_number) as client:
        client.flushdb()
    return Tally(tuple(findings(subject)))


def _endpoint(server: Measured) -> HttpEndpoint:
    return HttpEndpoint(f"http://127.0.0.1:{server.port}{server.path}")


def _people() -> Iterator[tuple[str, str]]:
    # Screens are recognised in English.
    for serial in itertools.count(1):
        if language_of(serial) == "en":
            yield phone_of(serial).e164, ""


def _keys(ground: Ground, server: Measured) -> Mapping[str, int]:
    with ground.redis(server.redis_number) as client:
        keys = {key.decode(errors="replace"): int(client.ttl(key)) for key in client.scan_iter(count=1000)}
    return {key: seconds for key, seconds in keys.items() if key not in _NO_SESSION}
