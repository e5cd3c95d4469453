"""How long a subscription holds: until its end, and only while its owner may still be told."""

from typing import Any

import pytest

from registry.server.model import Scope
from tests.registry.callback_receiver import Receiver
from tests.registry.dci_world import DciWorld, Partner, code_of, now_text

PROGRAMME = {"type": "programme", "value": "HABA"}


def wish(world: DciWorld, partner: Partner, receiver: Receiver, end_time: str | None = None) -> Any:
    """The entry of `subscribe_response` to a wish to hear of every new member."""
    criteria = {"frequency": {"end_time": end_time}} if end_time else {}
    assert code_of(partner.subscribe("MemberJoined", "Membership", PROGRAMME, criteria=criteria)) == ""
    world.work("dci_callback")
    [entry] = receiver.heard.pop()[1]["message"]["subscribe_response"]
    return entry


def told(world: DciWorld, receiver: Receiver) -> int:
    """How often somebody is told of one new member."""
    receiver.heard.clear()
    world.joined(world.member())
    world.work("dci_callback")
    return [path for path, _ in receiver.heard].count("/dci/registry/notify")


@pytest.mark.parametrize("end_time", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59+05:00"])
def test_a_far_off_end_is_none(world: DciWorld, partner: Partner, receiver: Receiver, end_time: str) -> None:
    assert wish(world, partner, receiver, end_time)["status"] == "succ"
    with world.sessions.begin() as session:
        [until] = session.connection().exec_driver_sql("SELECT until FROM dci_subscriptions").all()
    assert until == (None,)
    assert told(world, receiver) == 1


@pytest.mark.parametrize("end_time", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00"])
def test_an_end_that_is_no_instant_is_refused_and_spoils_nothing_for_others(
    world: DciWorld, partner: Partner, receiver: Receiver, end_time: str
) -> None:
    other = world.partner("other", callback_base=receiver.url)
    assert wish(world, other, receiver)["status"] == "succ"
    refused = wish(world, partner, receiver, end_time)
    assert (refused["status"], refused["status_reason_code"]) == ("rjct", "rjct.notify_details.invalid")
    assert told(world, receiver) == 1


def test_nobody_is_told_after_the_end(world: DciWorld, partner: Partner, receiver: Receiver) -> None:
    assert wish(world, partner, receiver, now_text(-1))["status"] == "succ"
    assert told(world, receiver) == 0


def test_what_has_come_to_its_end_is_subscribed_to_anew(
    world: DciWorld, partner: Partner, receiver: Receiver
) -> None:
    assert wish(world, partner, receiver, now_text(-1))["status"] == "succ"
    assert wish(world, partner, receiver)["status"] == "succ"
    assert told(world, receiver) == 1


MOVED = {"callback_base": "http://127.0.0.1:9/moved"}
NO_MORE = {"scopes": [Scope.SEARCH, Scope.NOTIFY]}


@pytest.mark.parametrize("withdrawn", [MOVED, {"callback_base": ""}, NO_MORE], ids=str)
def test_what_is_withdrawn_ends_the_telling_for_good(
    world: DciWorld, partner: Partner, receiver: Receiver, withdrawn: dict[str, Any]
) -> None:
    wish(world, partner, receiver)
    world.partner(**{"callback_base": receiver.url} | withdrawn)
    assert told(world, receiver) == 0
    [letter] = world.tasks("dci_callback", "dead")
    assert letter.payload["subscription"]
    assert world.tasks("dci_callback") == []


def test_an_answer_is_not_sent_to_an_address_that_is_withdrawn(
    world: DciWorld, partner: Partner, receiver: Receiver
) -> None:
    assert code_of(partner.search(("UIN", "12345678"), path="search")) == ""
    world.partner(**MOVED)
    world.work("dci_callback")
    assert receiver.heard == []
    assert len(world.tasks("dci_callback", "dead")) == 1


def test_who_has_moved_subscribes_anew_and_is_told_once(
    world: DciWorld, partner: Partner, receiver: Receiver
) -> None:
    wish(world, partner, receiver)
    moved = world.partner(callback_base=f"{receiver.url}/moved")
    assert wish(world, moved, receiver)["status"] == "succ"
    assert wish(world, moved, receiver)["status_reason_code"] == "rjct.event.already_subscribed"
    world.joined(world.member())
    world.work("dci_callback")
    assert [path for path, _ in receiver.heard] == ["/dci/moved/registry/notify"]
