"""USSD as the aggregator drives it, against a gateway that listens."""

import re
from typing import Any

import pytest
from werkzeug.wrappers import Response

from sandbox.listener import Heard, Listener
from sandbox.testing import Box

PHONE = "/phones/+254712345678"


def menus(gateway: Listener, *screens: str) -> None:
    """Answers the dialogue's POSTs with these screens in turn, the last one for ever."""
    queue = list(screens)

    def reply(heard: Heard) -> Response | None:
        if not heard.path.endswith("/ussd"):
            return None
        return Response(queue.pop(0) if len(queue) > 1 else queue[0], mimetype="text/plain")

    gateway.answer = reply


def dial(box: Box, code: str = "*384*96#") -> Any:
    return box.call("POST", f"{PHONE}/dial", json={"code": code}).get_json()["screen"]


def answer(box: Box, text: str) -> Any:
    return box.call("POST", f"{PHONE}/answer", json={"text": text}).get_json()["screen"]


def test_a_dial_posts_the_five_fields(box: Box, gateway: Listener) -> None:
    menus(gateway, "CON Karibu")
    screen = dial(box)
    [heard] = gateway.heard
    assert heard.path == "/gateway/dev/africastalking/ussd"
    assert heard.headers["User-Agent"] == "at-ussd-api/1.0"
    assert heard.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert re.fullmatch(r"ATUid_[0-9a-f]{32}", heard.body.pop("sessionId"))
    assert heard.body == {
        "phoneNumber": "+254712345678",
        "serviceCode": "*384*96#",
        "text": "",
        "networkCode": "63902",
    }
    assert screen["text"] == "Karibu"
    assert screen["open"] is True


def test_text_is_the_whole_path_each_time(box: Box, gateway: Listener) -> None:
    menus(gateway, "CON a", "CON b", "CON c", "END d")
    dial(box)
    answer(box, "1")
    answer(box, "")
    screen = answer(box, "50")
    assert [one["text"] for one in gateway.at("/ussd")] == ["", "1", "1*", "1**50"]
    assert len({one["sessionId"] for one in gateway.at("/ussd")}) == 1
    assert screen["kind"] == "final"
    assert screen["open"] is False


def test_a_deep_link_sends_its_tail_first(box: Box, gateway: Listener) -> None:
    menus(gateway, "CON sure?", "END ok")
    dial(box, "*384*96*200#")
    answer(box, "1")
    assert [one["text"] for one in gateway.at("/ussd")] == ["200", "200*1"]
    assert gateway.heard[0].body["serviceCode"] == "*384*96#"


@pytest.mark.parametrize("code", ["*100#", "*384*961#", "*384*96", "hello", "*384*96*ab#", ""])
def test_codes_of_others_never_reach_the_gateway(box: Box, gateway: Listener, code: str) -> None:
    screen = dial(box, code)
    assert screen["kind"] == "error"
    assert screen["text"] == "Connection problem or invalid MMI code."
    box.pass_time(5)
    assert gateway.heard == []


@pytest.mark.parametrize("reply", ["Hello", "CONTINUE", "con hello", ""])
def test_a_body_without_con_or_end_is_the_networks_error(box: Box, gateway: Listener, reply: str) -> None:
    menus(gateway, reply)
    assert dial(box)["kind"] == "error"
    box.pass_time(1)
    [notice] = gateway.at("/ussd/end")
    assert notice["status"] == "Failed"
    assert notice["errorMessage"]


def test_an_http_error_is_the_networks_error(box: Box, gateway: Listener) -> None:
    gateway.answer = lambda _heard: Response("CON fine", status=500)
    assert dial(box)["kind"] == "error"


def test_a_dead_gateway_is_the_networks_error(tmp_path: Any) -> None:
    box = Box(tmp_path / "lonely", "http://127.0.0.1:9")
    try:
        assert dial(box)["kind"] == "error"
    finally:
        box.close()


def test_the_end_is_noticed_with_all_fields(box: Box, gateway: Listener) -> None:
    menus(gateway, "CON a", "END bye")
    dial(box)
    answer(box, "1")
    box.pass_time(1)
    [notice] = gateway.at("/gateway/dev/africastalking/ussd/end")
    assert set(notice) == {
        *("date", "sessionId", "serviceCode", "networkCode", "phoneNumber", "status", "cost"),
        *("durationInMillis", "hopsCount", "input", "lastAppResponse", "errorMessage"),
    }
    assert notice["status"] == "Success"
    assert notice["input"] == "1"
    assert notice["hopsCount"] == "2"
    assert notice["lastAppResponse"] == "bye"


def test_hanging_up_is_incomplete(box: Box, gateway: Listener) -> None:
    menus(gateway, "CON a")
    dial(box)
    screen = box.call("POST", f"{PHONE}/cancel").get_json()["screen"]
    assert screen["kind"] == "closed"
    box.pass_time(1)
    assert [one["status"] for one in gateway.at("end")] == ["Incomplete"]


def test_thirty_idle_seconds_are_incomplete(box: Box, gateway: Listener) -> None:
    menus(gateway, "CON a")
    dial(box)
    # The sandbox's clock goes on by itself too: a slow machine must not be taken for an idle caller.
    box.pass_time(20)
    answer(box, "1")
    box.pass_time(20)
    assert gateway.at("end") == []
    box.pass_time(12)
    assert [one["status"] for one in gateway.at("end")] == ["Incomplete"]


def test_a_session_lasts_180_seconds_at_most(box: Box, gateway: Listener) -> None:
    menus(gateway, "CON a")
    dial(box)
    for _ in range(7):
        box.pass_time(25)
        answer(box, "1")
    box.pass_time(6)
    assert [one["status"] for one in gateway.at("end")] == ["Incomplete"]
    assert len(gateway.at("/ussd")) == 8


def test_dialling_again_ends_the_open_dialogue(box: Box, gateway: Listener) -> None:
    menus(gateway, "CON a")
    first = dial(box)["session_id"]
    second = dial(box)["session_id"]
    box.pass_time(1)
    assert first != second
    assert [one["sessionId"] for one in gateway.at("end")] == [first]


def test_answering_nothing_is_a_conflict(box: Box) -> None:
    answered = box.call("POST", f"{PHONE}/answer", json={"text": "1"})
    assert answered.status_code == 409
    assert answered.get_json()["error"]


def test_the_typed_path_is_forgotten_when_the_dialogue_ends(box: Box, gateway: Listener) -> None:
    menus(gateway, "CON pin?", "END ok")
    dial(box)
    answer(box, "8642")
    box.pass_time(1)
    assert gateway.at("end")[0]["input"] == "8642"
    for query in ("SELECT * FROM dialogues", "SELECT * FROM callbacks", "SELECT * FROM agenda"):
        assert "8642" not in str([tuple(row) for row in box.world.store.rows(query)])


@pytest.mark.parametrize("number", ["12", "+1415555", "abc", "25471234567890"])
def test_numbers_that_are_no_kenyan_mobiles_are_refused(box: Box, number: str) -> None:
    assert box.call("POST", f"/phones/{number}/dial", json={"code": "*384*96#"}).status_code == 400
