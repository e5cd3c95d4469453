"""A wish to be told of somebody ends as live, refused, or in front of staff: never in silence."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from core import outbox
from core.ids import new_id
from core.outbox import Later, Task
from members.tables import MemberRow
from registry.asking.watches import settle_watches
from registry.asking.watching import NeverSettled, PeopleWatching
from registry.client import DciClient
from registry.tables import DciWatchRow
from tests.registry.dci_world import DciWorld
from tests.registry.registry_replies import ScriptedRegistry, a_connection, ack, err
from ussd_app.identifiers import identifier_of

ALREADY = "rjct.event.already_subscribed"


@pytest.fixture
def watching(
    world: DciWorld, open_client: Callable[..., DciClient], registry: ScriptedRegistry
) -> PeopleWatching:
    registry.serves("/registry/subscribe")
    return PeopleWatching(world.sessions, open_client(a_connection()), identifier_of, world.services.clock)


def a_task(world: DciWorld, member: MemberRow) -> Task:
    subject = str(member.id)
    return Task(new_id(), "watch", subject, {"subject": subject}, 1, world.services.clock.now())


def a_day_older(task: Task) -> Task:
    created_at = task.created_at - timedelta(days=1, seconds=1)
    return Task(task.id, task.topic, task.key, task.payload, 5, created_at)


def states(world: DciWorld) -> list[str]:
    with world.sessions.begin() as session:
        return list(session.scalars(select(DciWatchRow.state)))


def test_what_was_taken_is_asked_again_until_it_is_answered_and_then_shown_to_staff(
    world: DciWorld, watching: PeopleWatching, registry: ScriptedRegistry
) -> None:
    task = a_task(world, world.member())
    registry.says(ack(), err("rjct.reference_id.duplicate"), ack())
    assert isinstance(watching.run(task), Later)
    assert isinstance(watching.run(task), Later)
    with pytest.raises(NeverSettled):
        watching.run(a_day_older(task))
    assert len({envelope["message"]["transaction_id"] for envelope in registry.envelopes}) == 1
    assert states(world) == ["waiting", "waiting"]


def test_who_says_at_once_that_it_watches_already_watches(
    world: DciWorld, watching: PeopleWatching, registry: ScriptedRegistry
) -> None:
    registry.says(err(ALREADY))
    assert watching.run(a_task(world, world.member())) is None
    assert states(world) == ["live", "live"]


def test_who_says_later_that_it_watches_already_watches(
    world: DciWorld, watching: PeopleWatching, registry: ScriptedRegistry
) -> None:
    member = world.member()
    registry.says(ack())
    with world.sessions.begin() as session:
        outbox.add(session, "watch", str(member.id), {}, now=world.services.clock.now())
    watching.run(a_task(world, member))
    items = [
        {"reference_id": f"{member.id}:death", "status": "rjct", "status_reason_code": ALREADY},
        {"reference_id": f"{member.id}:name_change", "status": "rjct", "status_reason_code": "rjct.x"},
    ]
    with world.sessions.begin() as session:
        told = {"subscribe_response": items}
        settle_watches(session, "civil", str(member.id), told, world.services.clock.now())
        # Nothing is left to be asked: it does not stay in its queue until it would be asked again.
        assert not outbox.is_pending(session, "watch", str(member.id))
    assert sorted(states(world)) == ["live", "refused"]


@pytest.mark.parametrize("odd", ["\x00", "\ud800"], ids=repr)
def test_an_answer_with_words_that_cannot_be_kept_settles_what_it_can(
    world: DciWorld, watching: PeopleWatching, registry: ScriptedRegistry, odd: str
) -> None:
    member = world.member()
    registry.says(ack())
    watching.run(a_task(world, member))
    items = [
        {"reference_id": f"{member.id}:{odd}", "status": "succ"},
        {"reference_id": f"{member.id}:death", "status": "succ", "subscriptions": {"code": odd}},
        {"reference_id": f"{member.id}:name_change", "status": "rjct", "status_reason_code": odd},
    ]
    with world.sessions.begin() as session:
        told = {"subscribe_response": items}
        settle_watches(session, "civil", str(member.id), told, world.services.clock.now())
    assert sorted(states(world)) == ["live", "refused"]
