"""Rooms that are loaded when somebody comes: once, whoever comes together, and again after a failure."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from ussd_app.on_demand import OnDemand

TOGETHER = 4


def saying(word: bytes) -> WSGIApplication:
    def app(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
        return [word]

    return app


def ask(app: WSGIApplication, path: str) -> bytes:
    return b"".join(app({"PATH_INFO": path}, lambda *_: lambda _body: None))


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        *(("/room", b"room"), ("/room/", b"room"), ("/room/a/b", b"room"), ("/den/x", b"room")),
        *(("/", b"hall"), ("/roomy", b"hall"), ("/a/room", b"hall"), ("", b"hall"), ("//room", b"hall")),
    ],
)
def test_only_what_lies_below_the_names_is_the_room_s(path: str, answer: bytes) -> None:
    assert ask(OnDemand(saying(b"hall"), {"room", "den"}, lambda: saying(b"room")), path) == answer


def test_nothing_is_loaded_until_somebody_comes() -> None:
    loaded: list[str] = []

    def load() -> WSGIApplication:
        loaded.append("room")
        return saying(b"room")

    app = OnDemand(saying(b"hall"), {"room"}, load)
    ask(app, "/elsewhere")
    assert loaded == []
    assert ask(app, "/room") == ask(app, "/room") == b"room"
    assert loaded == ["room"]


def test_who_comes_together_waits_for_one_loading_and_the_hall_serves_on() -> None:
    begun, may_end, loads = threading.Event(), threading.Event(), []

    def load() -> WSGIApplication:
        loads.append(threading.get_ident())
        begun.set()
        assert may_end.wait(30)
        return saying(b"room")

    app = OnDemand(saying(b"hall"), {"room"}, load)
    with ThreadPoolExecutor(TOGETHER) as people:
        asked = [people.submit(ask, app, "/room") for _ in range(TOGETHER)]
        assert begun.wait(30)
        assert ask(app, "/") == b"hall"
        may_end.set()
        assert [one.result(30) for one in asked] == [b"room"] * TOGETHER
    assert len(loads) == 1


def test_a_room_that_could_not_be_loaded_is_tried_again() -> None:
    results: list[Exception | WSGIApplication] = [OSError("the disk is away"), saying(b"room")]

    def load() -> WSGIApplication:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    app = OnDemand(saying(b"hall"), {"room"}, load)
    with pytest.raises(OSError, match="away"):
        ask(app, "/room")
    assert ask(app, "/room") == b"room"
