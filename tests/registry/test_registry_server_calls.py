"""What is answered later: searches, subscriptions, status, and the events that subscribers are told of."""

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from core import outbox
from core.ids import new_id
from registry.keys import public_keys
from registry.signature import verify
from registry.tables import DciMessageRow
from tests.registry.callback_receiver import Receiver
from tests.registry.dci_world import DciWorld, Partner, code_of, search_item
from ussd_app.dci.jobs import dci_handlers


def correlation_of(answer: Any) -> str:
    assert answer["message"]["ack_status"] == "ACK", answer
    return str(answer["message"]["correlation_id"])


def status_of(partner: Partner, txn_type: str, kind: str, value: Any, **more: Any) -> Any:
    asked = {"reference_id": "s-1", "txn_type": txn_type, "attribute_type": kind, "attribute_value": value}
    message = {"transaction_id": "t-1", "txnstatus_request": asked | {"locale": "eng"}}
    return partner.say("sync/txn/status", "txn-status", message, **more)


def received(world: DciWorld, batch: uuid.UUID) -> None:
    with world.sessions.begin() as session:
        outbox.add(
            session,
            "dci_event",
            f"contributions:{batch}",
            {"transaction_id": str(batch)},
            now=world.services.clock.now(),
        )
    world.work("dci_event")


def test_a_search_is_answered_by_a_signed_call(world: DciWorld, partner: Partner, receiver: Receiver) -> None:
    member = world.member("12345678")
    correlation_id = correlation_of(partner.search(("UIN", "12345678"), path="search"))
    assert receiver.heard == []
    world.work("dci_callback")
    [(path, envelope)] = receiver.heard
    assert path == "/dci/registry/on-search"
    assert (envelope["header"]["action"], envelope["header"]["status"]) == ("on-search", "succ")
    assert envelope["message"]["correlation_id"] == correlation_id
    [item] = envelope["message"]["search_response"]
    number = item["data"]["reg_records"][0]["member_identifier"][0]["identifier_value"]
    assert number == member.number
    with world.app.test_client() as http:
        keys = public_keys(http.get("/.well-known/jwks.json").get_json())
    verify(
        envelope["signature"],
        envelope["header"],
        envelope["message"],
        find_key=keys.get,
        now=world.services.clock.now(),
    )


def test_a_call_that_fails_is_made_again_under_the_same_message_id(
    world: DciWorld, partner: Partner, receiver: Receiver
) -> None:
    partner.search(("UIN", "12345678"), path="search")
    receiver.says = [
        (503, {}),
        (200, {"message": {"ack_status": "ERR", "error": {"code": "err.request.timeout"}}}),
    ]
    for _ in range(3):
        [task] = world.tasks("dci_callback")
        with world.sessions.begin() as session:
            row = session.merge(task)
            row.leased_until = None
        world.runner.run(task.id, "dci_callback")
    assert len({envelope["header"]["message_id"] for _, envelope in receiver.heard}) == 1
    assert len(receiver.heard) == 3
    assert world.tasks("dci_callback") == []


def test_what_was_asked_is_kept_until_its_answer_is_delivered(
    world: DciWorld, partner: Partner, receiver: Receiver
) -> None:
    partner.search(("UIN", "12345678"), path="search")
    partner.subscribe("MemberJoined", "Membership", {"type": "programme", "value": "HABA"})
    receiver.says = [(503, {}), (503, {})]
    world.work("dci_callback")
    assert all(row.body for row in messages(world))
    world.work("dci_callback")
    assert [(row.body, row.state) for row in messages(world)] == [(None, "succ")] * 2
    assert all(row.answered_at for row in messages(world))


def messages(world: DciWorld) -> list[DciMessageRow]:
    with world.sessions.begin() as session:
        return list(session.scalars(select(DciMessageRow)))


def refused(code: str) -> dict[str, Any]:
    return {"message": {"ack_status": "ERR", "error": {"code": code}}}


@pytest.mark.parametrize(
    ("answer", "is_delivered"),
    [
        ((200, refused("rjct.message_id.duplicate")), True),
        ((409, refused("rjct.message_id.duplicate")), True),
        ((400, {"errors": [{"code": "rjct.reference_id.invalid"}]}), True),
        ((204, ""), True),
        ((200, {}), True),
        ((200, "<html>"), False),
        ((400, "<html>"), False),
        ((401, refused("err.request.unauthorized")), False),
    ],
    ids=str,
)
def test_what_has_arrived_is_not_sent_again(
    world: DciWorld, partner: Partner, receiver: Receiver, answer: tuple[int, Any], is_delivered: bool
) -> None:
    partner.search(("UIN", "12345678"), path="search")
    receiver.says = [answer]
    world.work("dci_callback")
    assert (world.tasks("dci_callback") == []) is is_delivered


def test_the_status_of_a_search_is_pending_and_then_done(
    world: DciWorld, partner: Partner, receiver: Receiver
) -> None:
    correlation_id = correlation_of(partner.search(("UIN", "12345678"), ("X", "1"), path="search"))
    for kind, value in (("transaction_id", "t-1"), ("correlation_id", correlation_id)):
        answer = status_of(partner, "search", kind, value)["message"]["txnstatus_response"]
        states = [item["status"] for item in answer["txn_status"]["search_response"]]
        assert states == ["pdng", "pdng"]
    world.work("dci_callback")
    answer = status_of(partner, "search", "reference_id_list", ["r-1"])["message"]["txnstatus_response"]
    [item] = answer["txn_status"]["search_response"]
    assert (item["status"], item["status_reason_code"]) == ("rjct", "rjct.search_criteria.invalid")
    assert "data" not in item


def test_the_status_is_also_told_by_a_call(world: DciWorld, partner: Partner, receiver: Receiver) -> None:
    partner.search(("UIN", "12345678"), path="search")
    asked = {"reference_id": "s", "txn_type": "search", "attribute_type": "transaction_id"}
    message = {"transaction_id": "t-2", "txnstatus_request": asked | {"attribute_value": "t-1"}}
    correlation_of(partner.say("txn/status", "txn-status", message))
    world.work("dci_callback")
    assert {path for path, _ in receiver.heard} == {
        "/dci/registry/on-search",
        "/dci/registry/txn/on-status",
    }


@pytest.mark.parametrize(
    ("txn_type", "kind", "value", "code"),
    [
        ("search", "transaction_id", "never", "err.request.not_found"),
        ("search", "correlation_id", "never", "err.request.not_found"),
        ("notify", "transaction_id", "t-1", "err.request.bad"),
        ("search", "message_id", "t-1", "err.request.bad"),
        ("search", "reference_id_list", "t-1", "err.request.bad"),
        ("search", "transaction_id", ["t-1"], "err.request.bad"),
    ],
)
def test_a_status_nobody_can_tell_is_refused(
    partner: Partner, txn_type: str, kind: str, value: Any, code: str
) -> None:
    assert code_of(status_of(partner, txn_type, kind, value)) == code


def test_nobody_learns_the_status_of_anothers_search(world: DciWorld, partner: Partner) -> None:
    partner.search(("UIN", "12345678"), path="search")
    other = world.partner("other")
    assert code_of(status_of(other, "search", "transaction_id", "t-1")) == "err.request.not_found"


def test_who_subscribed_hears_of_a_contribution_of_that_member_only(
    world: DciWorld, partner: Partner, receiver: Receiver
) -> None:
    member, other = world.member(), world.member()
    wanted = {"type": "NSSF_NO", "value": member.number}
    correlation_of(partner.subscribe("ContributionReceived", "Contribution", wanted))
    world.work("dci_callback")
    [(path, answer)] = receiver.heard
    [entry] = answer["message"]["subscribe_response"]
    assert (path, entry["status"]) == ("/dci/registry/on-subscribe", "succ")
    batch = new_id()
    mine = world.contribution(member, batch=batch)
    world.contribution(other, batch=batch)
    received(world, batch)
    world.work("dci_callback")
    _, (path, told) = receiver.heard
    [event] = told["message"]["notify_event"]
    assert (path, told["header"]["action"]) == ("/dci/registry/notify", "notify")
    assert (event["reference_id"], event["data"]["reg_event_type"]) == (str(mine.id), "ContributionReceived")
    assert event["data"]["reg_records"]["amount"] == "200.00"


def test_who_subscribed_to_the_programme_hears_of_everybody_and_of_new_members(
    world: DciWorld, partner: Partner, receiver: Receiver
) -> None:
    programme = {"type": "programme", "value": "HABA"}
    partner.subscribe("ContributionReceived", "Contribution", programme)
    partner.subscribe("MemberJoined", "Membership", programme)
    world.work("dci_callback")
    receiver.heard.clear()
    member, batch = world.member(), new_id()
    world.contribution(member, batch=batch)
    world.contribution(world.member(), batch=batch)
    received(world, batch)
    world.joined(member)
    world.work("dci_callback")
    events = [event for _, told in receiver.heard for event in told["message"]["notify_event"]]
    assert sorted(event["data"]["reg_event_type"] for event in events) == [
        "ContributionReceived",
        "ContributionReceived",
        "MemberJoined",
    ]


def test_an_event_announced_twice_is_told_once(world: DciWorld, partner: Partner, receiver: Receiver) -> None:
    partner.subscribe("MemberJoined", "Membership", {"type": "programme", "value": "HABA"})
    world.work("dci_callback")
    member = world.member()
    world.joined(member)
    [task] = world.tasks("dci_event", "done")
    dci_handlers(world.services)["dci_event"](
        outbox.Task(task.id, task.topic, task.key, task.payload, 2, task.created_at)
    )
    world.work("dci_callback")
    assert [path for path, _ in receiver.heard].count("/dci/registry/notify") == 1


def test_a_subscription_ends_when_it_is_asked_to(
    world: DciWorld, partner: Partner, receiver: Receiver
) -> None:
    partner.subscribe("MemberJoined", "Membership", {"type": "programme", "value": "HABA"})
    world.work("dci_callback")
    code = receiver.heard[0][1]["message"]["subscribe_response"][0]["subscriptions"][0]["code"]
    other = world.partner("other", callback_base=receiver.url)
    for who, name in (
        (other, "subscription_codes"),
        (partner, "sunscription_codes"),
        (partner, "subscription_codes"),
    ):
        message = {"transaction_id": str(uuid.uuid4()), "timestamp": "x", name: [code, "never"]}
        correlation_of(who.say("unsubscribe", "unsubscribe", message))
        world.work("dci_callback")
    outcomes = [
        [entry.get("status_reason_code", "succ") for entry in told["message"]["subscriptions"]]
        for path, told in receiver.heard
        if path.endswith("on-unsubscribe")
    ]
    unknown = "rjct.subscription_code.invalid"
    assert outcomes == [
        ["rjct.requester.invalid", unknown],
        ["succ", unknown],
        ["rjct.event.already_unsubscribed", unknown],
    ]
    world.joined(world.member())
    assert world.tasks("dci_callback") == []
    answer = status_of(partner, "subscribe", "subscription_code_list", [code])
    assert answer["message"]["txnstatus_response"]["txn_status"][0]["status"] == "unsubscribe"


@pytest.mark.parametrize(
    ("event", "record_type", "wanted", "code"),
    [
        ("Birth", "Membership", {"type": "programme", "value": "HABA"}, "rjct.notify_types.invalid"),
        ("MemberJoined", "Person", {"type": "programme", "value": "HABA"}, "rjct.notify_details.invalid"),
        ("MemberJoined", "Membership", {"type": "programme", "value": "X"}, "rjct.notify_details.invalid"),
        ("MemberJoined", "Membership", {}, "rjct.notify_details.invalid"),
        ("MemberJoined", "Membership", {"type": "UIN", "value": "x"}, "rjct.person_id.invalid"),
        ("MemberJoined", "Membership", {"type": "UIN", "value": "7654321"}, "rjct.person_id.invalid"),
    ],
)
def test_a_wish_that_cannot_be_granted_says_why(
    world: DciWorld,
    partner: Partner,
    receiver: Receiver,
    event: str,
    record_type: str,
    wanted: Any,
    code: str,
) -> None:
    correlation_of(partner.subscribe(event, record_type, wanted))
    world.work("dci_callback")
    [(_, told)] = receiver.heard
    [entry] = told["message"]["subscribe_response"]
    assert (entry["status"], entry["status_reason_code"]) == ("rjct", code)


def test_the_same_wish_twice_is_one_subscription(
    world: DciWorld, partner: Partner, receiver: Receiver
) -> None:
    for _ in range(2):
        partner.subscribe("MemberJoined", "Membership", {"type": "programme", "value": "HABA"})
    world.work("dci_callback")
    states = [
        told["message"]["subscribe_response"][0].get("status_reason_code") for _, told in receiver.heard
    ]
    assert states == [None, "rjct.event.already_subscribed"]


def test_without_an_address_nothing_is_promised(world: DciWorld) -> None:
    partner = world.partner(callback_base="")
    assert code_of(partner.search(("UIN", "12345678"), path="search")) == "err.sender_uri.invalid"
    assert world.tasks("dci_callback") == []


def test_an_answer_to_what_we_never_asked_is_refused(world: DciWorld) -> None:
    civil = world.partner("civil", speaks_for="civil")
    message = {"transaction_id": "never", "search_response": [search_item(("UIN", "1"))]}
    answer = civil.say("on-search", "on-search", message, header={"status": "succ", "total_count": None})
    assert code_of(answer) == "err.request.not_found"


def test_old_messages_are_forgotten(world: DciWorld, partner: Partner) -> None:
    partner.search(("UIN", "12345678"))
    with world.sessions.begin() as session:
        session.connection().exec_driver_sql(
            "UPDATE dci_messages SET received_at = received_at - interval '31 days'"
        )
        outbox.add(session, "dci_forget", "today", {}, now=world.services.clock.now())
    world.work("dci_forget")
    with world.sessions.begin() as session:
        assert session.scalars(select(DciMessageRow)).all() == []
