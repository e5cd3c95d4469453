"""The probes tell right from wrong: on the sample flow as peers serve it, whose faults are known."""

import itertools
import json
from collections.abc import Callable

import pytest

from bench.peers.apps.menu import next_screen
from bench.probes.endpoint import Seen
from bench.probes.flow import SAMPLE
from bench.probes.septets import septets
from bench.probes.subject import Inside, Subject
from bench.probes.suite import PROBES, Verdict, finding

Serve = Callable[[dict[str, str], str, str, str], str]


class Served:
    """An endpoint that keeps its sessions in a dictionary."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.sessions: dict[str, str] = {}

    def post(self, session_id: str, phone: str, text: str) -> Seen:
        try:
            return Seen(200, self._serve(self.sessions, session_id, phone, text))
        except KeyError:
            return Seen(500, "Internal Server Error")


def by_hand(sessions: dict[str, str], session_id: str, _phone: str, text: str) -> str:
    """As the hand-written peers do: one stage per session id, the last answer counts."""
    stored = sessions.get(session_id)
    sessions[session_id], screen = next_screen(stored.encode() if stored else None, text)
    return screen


def leaky(sessions: dict[str, str], session_id: str, phone: str, text: str) -> str:
    """One session for everybody, as a menu object that is shared by all requests."""
    return by_hand(sessions, "shared", phone, text) if text else by_hand(sessions, session_id, phone, text)


def subject_of(serve: Serve, inside: Inside | None = None) -> Subject:
    people = ((f"+2547{number:08}", "") for number in itertools.count())
    return Subject(Served(serve), SAMPLE, people, inside or Inside())


def verdict(serve: Serve, name: str, inside: Inside | None = None) -> Verdict:
    return finding(subject_of(serve, inside), name).verdict


@pytest.mark.parametrize("name", ["P1", "P2", "P3", "P5", "P11", "P13", "P16"])
def test_what_a_hand_written_view_does_wrong_is_found(name: str) -> None:
    assert verdict(by_hand, name) is Verdict.WRONG


@pytest.mark.parametrize("name", ["P4", "P6", "P10", "P12"])
def test_what_it_does_right_is_left_alone(name: str) -> None:
    assert verdict(by_hand, name) is Verdict.RIGHT


@pytest.mark.parametrize("name", ["P7", "P8", "P9", "P14", "P15", "P17"])
def test_what_cannot_be_seen_from_outside_is_not_judged(name: str) -> None:
    assert verdict(by_hand, name) is Verdict.NOT_APPLICABLE


def test_screens_are_measured_once_some_were_seen() -> None:
    subject = subject_of(by_hand)
    assert finding(subject, "P18").verdict is Verdict.NOT_APPLICABLE
    finding(subject, "P4")
    assert finding(subject, "P18").verdict is Verdict.RIGHT


def test_callers_who_get_each_others_answers_are_found() -> None:
    assert verdict(leaky, "P6") is Verdict.WRONG


def test_a_server_that_breaks_is_wrong_not_an_error_of_the_probe() -> None:
    def broken(sessions: dict[str, str], session_id: str, _phone: str, text: str) -> str:
        if text:
            raise KeyError(json.dumps([len(sessions), session_id]))
        return "CON Contribute\n1. Contribute"

    assert verdict(broken, "P1") is Verdict.WRONG


def test_keys_without_an_end_are_found() -> None:
    assert verdict(by_hand, "P7", Inside(session_keys=lambda: {"a": 100, "b": -1})) is Verdict.WRONG
    assert verdict(by_hand, "P7", Inside(session_keys=lambda: {"a": 100})) is Verdict.RIGHT


def test_a_definition_that_nobody_checks_is_wrong() -> None:
    assert verdict(by_hand, "P8", Inside(definition_faults=lambda _fault: [])) is Verdict.WRONG


def test_line_breaks_that_callers_see_as_codes_are_found() -> None:
    def coded(sessions: dict[str, str], session_id: str, phone: str, text: str) -> str:
        return by_hand(sessions, session_id, phone, text).replace("shillings", "shillings&#10;")

    inside = Inside(xml_reply=lambda _phone: "Haba Fund&amp;#10;1. Contribute\n")
    assert verdict(coded, "P10", inside) is Verdict.WRONG


def test_septets_are_counted_by_the_standard_and_not_by_bytes() -> None:
    assert septets("é") == 1
    assert septets("€") == 2
    assert septets("KES 200\n1 Ndiyo") == 15
    assert septets("\u2019") is None


def test_every_probe_of_the_list_exists() -> None:
    assert list(PROBES) == [f"P{number}" for number in range(1, 19)]
