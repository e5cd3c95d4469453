"""Messages understood together mean what they mean one by one, and a receipt is credited once."""

import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from random import Random

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError

from core import outbox
from core.outbox import OutboxRow, Task
from core.phone import PhoneNumber
from payments.contributions import service as contributions
from payments.ledger.tables import LedgerBalance
from payments.model import Channel
from payments.receipts import service as receipts
from payments.receipts.tables import Receipt
from tests.databases import empty, is_kept_waiting
from tests.end_to_end.waiting import wait_for
from tests.payments.world import World

ENDINGS = ("0", "0", "0", "0", "1", "1032", "1037")


def lay_out(world: World, seed: int) -> list[uuid.UUID]:
    """A heap of messages of all kinds, doubled, reordered, right and wrong."""
    random = Random(seed)  # noqa: S311 -- it must be repeatable, not secret
    members = [world.member() for _ in range(5)]
    messages: list[Callable[[], uuid.UUID]] = []
    for member in members:
        contribution_id, checkout_id = world.prompted(member)
        code = random.choice(ENDINGS)
        body = world.wallet.end(checkout_id, code)
        reference = random.choice((str(contribution_id), "", str(uuid.UUID(int=7))))
        messages += [partial(world.call_back, body, reference)] * random.choice((0, 1, 1, 2))
        if code == "0" and random.random() < 0.7:
            hidden = random.choice(({}, {"payer_mask": "2547 ***** 001"}))
            confirmation = world.wallet.confirmation_of(checkout_id, **hidden)
            messages += [partial(world.confirm, confirmation)] * random.choice((1, 2))
    for _ in range(8):
        payer, named = random.choice(members), random.choice(members)
        account = random.choice((named.number, named.number, named.identifier, "", "WRONG"))
        body = world.wallet.pay_by_hand(PhoneNumber(payer.phone), random.choice((3000, 5000)), account)
        messages += [partial(world.confirm, body)] * random.choice((0, 1, 1, 2))
    messages.append(lambda: world.confirm("no message of any wallet"))
    random.shuffle(messages)
    return [send() for send in messages]


def meaning_of(world: World, told: Sequence[uuid.UUID]) -> tuple[object, ...]:
    """All that members, staff and the fund see of it. Which of two messages said it first may differ."""
    receipts_seen = sorted(
        (one.receipt, one.amount_cents, str(one.member_id is None), one.match_step)
        for one in world.receipts()
    )
    with world.sessions.begin() as session:
        sms = sorted(
            (row.payload["template"], row.payload["values"].get("receipt", ""))
            for row in session.scalars(select(OutboxRow).where(OutboxRow.topic == "message"))
        )
    return receipts_seen, sms, world.proof()


@pytest.mark.parametrize("seed", range(8))
def test_together_messages_mean_what_they_mean_one_by_one(engine: Engine, seed: int) -> None:
    together = World(engine)
    told = lay_out(together, seed)
    together.settle()
    first = meaning_of(together, told)
    assert all(together.verdict(one) for one in told)
    empty(engine.url)
    engine.dispose()
    alone = World(engine)
    alone.runner._batches = {}
    told = lay_out(alone, seed)
    alone.settle()
    assert meaning_of(alone, told) == first


def test_what_is_ordinary_is_left_to_nobody(world: World) -> None:
    tasks = ordinary(world)
    assert world.batch_intake.run(tasks) == []
    assert world.proof().credited_cents == 6 * 5000
    assert world.messages() == ["receipt"] * 6
    assert world.proof().holds


def ordinary(world: World) -> list[Task]:
    """Three paid prompts, each confirmed by hand's channel too, and three payments to a member's number."""
    for _ in range(3):
        member = world.member()
        contribution_id, checkout_id = world.prompted(member)
        world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
        world.confirm(world.wallet.confirmation_of(checkout_id))
    for _ in range(3):
        member = world.member()
        world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    with world.sessions.begin() as session:
        ids = session.scalars(select(OutboxRow.id).where(OutboxRow.topic == "evidence")).all()
        return outbox.claim_many(session, ids, now=world.clock.now(), lease_seconds=60)


def test_an_sms_of_a_batch_tells_the_balance_its_money_made(world: World) -> None:
    member = world.member()
    for cents in (3000, 4000, 5000):
        world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), cents, member.number))
    world.work("evidence")
    with world.sessions.begin() as session:
        told = [
            (row.payload["values"]["amount_cents"], row.payload["values"]["balance_cents"])
            for row in session.scalars(select(OutboxRow).where(OutboxRow.topic == "message"))
        ]
    balance = 0
    for cents, made in sorted(told, key=lambda one: one[1]):
        balance += cents
        assert made == balance
    assert balance == 12_000


def test_a_batch_that_fails_is_worked_one_by_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(receipts, "record_many", fails)
    for _ in range(3):
        member = world.member()
        world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.work("evidence")
    assert world.proof().credited_cents == 15_000
    assert world.messages() == ["receipt"] * 3


def test_two_workers_with_the_same_batch_credit_once(world: World) -> None:
    tasks = ordinary(world)
    start = threading.Barrier(2)
    finished: list[bool] = []

    def work() -> None:
        start.wait()
        with suppress(DBAPIError):
            world.batch_intake.run(tasks)
            finished.append(True)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert finished == [True, True]
    assert world.proof().credited_cents == 6 * 5000
    assert world.messages() == ["receipt"] * 6


def test_a_batch_holds_no_balance_while_it_waits_for_a_receipt(world: World) -> None:
    """Whoever holds the receipt goes on to the balances: two that hold what the other wants never end."""
    member = world.member()
    confirmation = world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    world.confirm(confirmation)
    world.work("evidence")
    world.confirm(confirmation)
    contribution_id, checkout_id = world.prompted(member)
    world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    thread = threading.Thread(target=world.work, args=("evidence",))
    with world.sessions.begin() as session:
        session.scalars(select(Receipt).with_for_update()).one()
        thread.start()
        wait_for(lambda: is_kept_waiting(session), "the batch to wait for the receipt")
        # Raises where somebody holds one of them.
        assert session.scalars(select(LedgerBalance).with_for_update(nowait=True)).all()
    thread.join()
    assert world.proof().credited_cents == 10_000
    assert world.contribution(contribution_id).state == "paid"


def test_who_pays_for_another_is_told_of_it_from_a_batch_too(world: World) -> None:
    for _ in range(2):
        payer, member = world.member(), world.member()
        with world.sessions.begin() as session:
            contributions.request(
                session,
                world.terms,
                key=uuid.uuid4().hex,
                member_id=member.id,
                phone=PhoneNumber(payer.phone),
                amount_cents=5000,
                channel=Channel.USSD,
                now=world.clock.now(),
                asked_by=payer.id,
            )
        world.clock.forward(seconds=3)
        world.work("prompt")
        world.call_back(world.wallet.end(list(world.wallet.prompts)[-1], "0"))
    world.work("evidence")
    assert sorted(world.messages()) == ["paid_for", "paid_for", "receipt", "receipt"]
