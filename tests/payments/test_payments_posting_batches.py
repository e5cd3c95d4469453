"""Posting in batches: few calls, order per member, one bad record, half-stored batches."""

import threading
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from core import outbox
from core.outbox import OutboxRow, Task
from core.phone import PhoneNumber
from payments.receipts.tables import Receipt
from payments.registry_postings.corrections import MERGED
from payments.registry_postings.restating import put_back_posting, restate
from payments.registry_postings.service import LANES, lane_of, queue_if_confirmed
from payments.registry_postings.tables import RegistryPosting
from payments.suspense.model import Act
from tests.databases import is_kept_waiting
from tests.end_to_end.waiting import wait_for
from tests.payments.deciding import do, wish
from tests.payments.world import World


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def save(world: World, count: int, members: int = 1) -> None:
    """So many confirmed payments, whose posting tasks wait."""
    world.registry.is_down = True
    people = [world.member() for _ in range(members)]
    for number in range(count):
        member = people[number % members]
        world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 100 * (number + 1), member.number))
        # Nobody pays twice in one second.
        world.clock.forward(seconds=1)
    world.work("evidence")
    world.settle(minutes=1, step_seconds=5)
    world.registry.is_down = False


def postings(world: World) -> list[RegistryPosting]:
    with world.sessions.begin() as session:
        query = select(RegistryPosting).order_by(RegistryPosting.paid_at, RegistryPosting.receipt_id)
        return list(session.scalars(query))


def test_what_waits_in_a_lane_goes_in_one_message_in_order_under_one_transaction_id(world: World) -> None:
    save(world, 12)
    world.settle(minutes=3, step_seconds=5)
    assert world.proof().acknowledged == 12
    assert max(world.registry.batches) > 1
    assert len(world.registry.posts) == 12
    assert [record.amount.amount_cents for record in world.registry.posts] == sorted(
        record.amount.amount_cents for record in world.registry.posts
    )
    assert len({posting.transaction_id for posting in postings(world)}) == len(world.registry.batches)


def paid_but_not_queued(world: World, count: int) -> Sequence[Receipt]:
    """A member's confirmed receipts, oldest first, as before any of them was queued."""
    save(world, count)
    with world.sessions.begin() as session:
        session.execute(delete(RegistryPosting))
        session.execute(delete(OutboxRow).where(OutboxRow.topic == "post"))
        return session.scalars(select(Receipt).order_by(Receipt.paid_at, Receipt.id)).all()


def posted_cents(world: World) -> list[int]:
    return [record.amount.amount_cents for record in world.registry.posts]


def test_the_order_is_that_of_paying_whoever_queued_first(world: World) -> None:
    first, second = paid_but_not_queued(world, 2)
    with world.sessions.begin() as session:
        queue_if_confirmed(session, second, now=world.clock.now())
        queue_if_confirmed(session, first, now=world.clock.now() + timedelta(seconds=1))
    world.settle(minutes=2, step_seconds=5)
    assert posted_cents(world) == [first.amount_cents, second.amount_cents]


def test_a_payment_waits_for_an_earlier_one_that_is_being_queued(world: World) -> None:
    first, second = paid_but_not_queued(world, 2)
    with world.sessions() as slow:
        queue_if_confirmed(slow, first, now=world.clock.now())
        with world.sessions.begin() as session:
            queue_if_confirmed(session, second, now=world.clock.now())
        [row] = [task for task in world.tasks("post") if task.state == "pending"]
        task = Task(row.id, row.topic, row.key, row.payload, 1, row.created_at)
        at_work = threading.Thread(target=world.posting.run, args=(task,))
        at_work.start()
        wait_for(lambda: is_kept_waiting(slow), "the later payment to wait")
        slow.commit()
        at_work.join()
    world.settle(minutes=2, step_seconds=5)
    assert posted_cents(world) == [first.amount_cents, second.amount_cents]
    assert world.proof().acknowledged == 2


def test_members_of_all_lanes_are_posted(world: World) -> None:
    save(world, 20, members=10)
    world.settle(minutes=4, step_seconds=5)
    assert world.proof().acknowledged == 20
    assert {lane_of(uuid.UUID(int=number)) for number in range(100)} == set(range(LANES))


def test_one_bad_record_is_found_and_rejected_with_the_registrys_words_and_the_others_pass(
    world: World,
) -> None:
    save(world, 9)
    world.registry.refuses_receipts = {"SKL0000004"}
    world.settle(minutes=4, step_seconds=5)
    states = [posting.state for posting in postings(world)]
    assert (states.count("acknowledged"), states.count("rejected")) == (8, 1)
    [rejected] = [posting for posting in postings(world) if posting.state == "rejected"]
    assert rejected.last_error == "rjct.amount.invalid will not have it"


def test_a_half_stored_batch_is_completed_under_the_same_ids_and_nothing_is_doubled(world: World) -> None:
    save(world, 10)
    world.registry.halves = 1
    world.settle(minutes=4, step_seconds=5)
    assert world.proof().acknowledged == 10
    assert len(world.registry.stored) == 10
    told = {(record.transaction_id, record.reference_id) for record in world.registry.posts}
    assert len(told) == 10


def test_what_the_registry_never_shows_does_not_hold_up_its_lane(world: World) -> None:
    save(world, 1)
    world.registry.forgets = 1000
    world.settle(minutes=5, step_seconds=10)
    assert world.proof().acknowledged == 0
    world.registry.forgets = 0
    apart = [task.key for task in world.tasks("post") if task.key.startswith("apart:")]
    assert len(apart) == 1
    world.settle(minutes=3, step_seconds=10)
    assert world.proof().acknowledged == 1


def test_what_staff_have_told_again_is_looked_for_each_time_that_the_registry_loses_it(world: World) -> None:
    save(world, 1)
    [receipt] = world.receipts()
    for _ in range(2):
        world.registry.forgets = 1000
        world.settle(minutes=5, step_seconds=10)
        # The registry refuses what it lost before, and staff have it told again.
        world.registry.forgets, world.registry.refuses = 0, "rjct.amount.invalid"
        world.settle(minutes=3, step_seconds=10)
        world.registry.refuses = ""
        do(world, wish(Act.REPOST, receipt))
    world.registry.forgets = 1000
    world.settle(minutes=5, step_seconds=10)
    world.registry.forgets = 0
    world.settle(minutes=3, step_seconds=10)
    assert world.proof().acknowledged == 1


def a_batch(world: World) -> tuple[RegistryPosting, RegistryPosting]:
    """Two postings of one batch that is acknowledged: the one whose task formed it, and another."""
    save(world, 3)
    world.settle(minutes=3, step_seconds=5)
    tasks = {task.key: task.id for task in world.tasks("post")}
    leader = next(
        row for row in reversed(postings(world)) if tasks[str(row.receipt_id)] == row.transaction_id
    )
    others = [row for row in postings(world) if row.receipt_id != leader.receipt_id]
    return leader, next(row for row in others if row.transaction_id == leader.transaction_id)


def restate_all(world: World, rows: Sequence[RegistryPosting]) -> uuid.UUID:
    """These are another member's, says staff; returns whose."""
    other = world.member()
    with world.sessions.begin() as session:
        for row in rows:
            receipt = session.get_one(Receipt, row.receipt_id, with_for_update=True)
            assert restate(session, receipt, other.id, MERGED, now=world.clock.now())
    return other.id


def test_a_task_that_is_put_back_leads_another_batch_which_is_announced_too(world: World) -> None:
    leader, follower = a_batch(world)
    restate_all(world, [leader])
    world.settle(minutes=3, step_seconds=5)
    now = {row.receipt_id: row for row in postings(world)}
    assert {row.state for row in now.values()} == {"acknowledged"}
    assert now[leader.receipt_id].transaction_id != now[follower.receipt_id].transaction_id
    announced = {task.payload.get("transaction_id") for task in world.tasks("dci_event")}
    assert {str(row.transaction_id) for row in now.values()} <= announced


def test_what_is_restated_while_its_task_is_being_finished_is_told_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry has it, and the task that told of it has nothing left to do but to be written off."""
    save(world, 1)
    finish = outbox.finish

    def late(session: Session, task_id: uuid.UUID, *, now: datetime) -> None:
        rows = postings(world)
        if task_id in {task.id for task in world.tasks("post")} and rows[0].state == "acknowledged":
            monkeypatch.undo()
            restate_all(world, rows)
        finish(session, task_id, now=now)

    monkeypatch.setattr(outbox, "finish", late)
    world.settle(minutes=3, step_seconds=5)
    [row] = postings(world)
    assert (row.state, row.reference_id == row.receipt_id) == ("acknowledged", False)
    assert {task.state for task in world.tasks("post")} == {"done"}


def test_what_a_task_leaves_of_its_batch_when_it_leads_another_is_looked_for_still(world: World) -> None:
    save(world, 12)
    world.registry.halves = 1
    tasks = {task.key: task.id for task in world.tasks("post")}
    # Until the first half of a batch is there, and its leader's receipt among it.
    while not (taken := {row.transaction_id for row in postings(world) if row.state == "posted"}):
        world.clock.forward(seconds=1)
        world.work("post")
    world.clock.forward(seconds=1)
    world.work("post")
    [batch_id] = taken
    batch = [row for row in postings(world) if row.transaction_id == batch_id]
    [leader] = [row for row in batch if tasks[str(row.receipt_id)] == batch_id]
    assert (leader.state, {row.state for row in batch}) == ("acknowledged", {"acknowledged", "posted"})
    restate_all(world, [leader])
    world.settle(minutes=5)
    assert {row.state for row in postings(world)} == {"acknowledged"}


def test_one_that_is_put_back_leaves_its_batch_to_the_task_that_leads_it(world: World) -> None:
    leader, follower = a_batch(world)
    world.registry.forgets = 1000
    member_id = restate_all(world, [leader, follower])
    world.settle(minutes=1)
    calls = len(world.registry.batches)
    with world.sessions.begin() as session:
        assert put_back_posting(session, follower.receipt_id, member_id, now=world.clock.now())
    row = next(task for task in world.tasks("post") if task.key == str(follower.receipt_id))
    assert world.posting.run(Task(row.id, row.topic, row.key, row.payload, 1, row.created_at)) is None
    assert len(world.registry.batches) == calls
    # It is the other's to work it still.
    world.registry.forgets = 0
    world.settle(minutes=4)
    assert {one.state for one in postings(world)} == {"acknowledged"}


def test_a_registry_that_asks_for_patience_gets_it(world: World) -> None:
    save(world, 1)
    world.registry.is_down, world.registry.retry_seconds = True, 300.0
    world.settle(minutes=2, step_seconds=5)
    [waiting] = [task for task in world.tasks("post") if task.state == "pending"]
    assert (waiting.due_at - world.clock.now()).total_seconds() > 100


def test_a_task_whose_receipt_went_with_another_batch_does_nothing(world: World) -> None:
    save(world, 3)
    world.settle(minutes=3, step_seconds=5)
    calls = len(world.registry.batches)
    for row in world.tasks("post"):
        task = Task(row.id, row.topic, row.key, row.payload, 1, row.created_at)
        assert world.posting.run(task) is None
    assert len(world.registry.batches) == calls


def test_staff_may_put_a_rejected_one_back_and_it_keeps_its_ids(world: World) -> None:
    save(world, 3)
    world.registry.refuses = "rjct.amount.invalid"
    world.settle(minutes=3, step_seconds=5)
    before = {posting.receipt_id: posting.transaction_id for posting in postings(world)}
    world.registry.refuses = ""
    first = next(iter(before))
    with world.sessions.begin() as session:
        session.execute(
            update(RegistryPosting).where(RegistryPosting.receipt_id == first).values(state="pending")
        )
    row = next(task for task in world.tasks("post") if task.key == str(first))
    task = Task(row.id, row.topic, row.key, row.payload, 1, row.created_at)
    world.posting.run(task)
    world.clock.forward(seconds=2)
    world.posting.run(task)
    states = {posting.receipt_id: posting.state for posting in postings(world)}
    assert states.pop(first) == "acknowledged"
    assert set(states.values()) == {"rejected"}
    assert {posting.receipt_id: posting.transaction_id for posting in postings(world)} == before
