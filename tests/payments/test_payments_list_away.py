"""A wallet's list that cannot be read, or not in time: one try waits, what came is kept, nothing hangs."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import select

from core.phone import PhoneNumber
from payments.alerts.service import AlertKind, open_alerts
from payments.contributions.model import Requested
from payments.model import ContributionState
from payments.wallet_lines.tables import PullRun
from payments.wallets.protocol import PullFailed, Unknown, WalletLine
from tests.payments.world import World

Pages = Iterator[list[WalletLine]]


def test_however_many_payments_come_one_try_of_the_list_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = world.member()
    calls = []
    real = world.wallet.pull

    def fails(_start: datetime, _end: datetime) -> Pages:
        calls.append(world.clock.now())
        if calls:
            raise PullFailed("timeout")
        yield []

    monkeypatch.setattr(world.wallet, "pull", fails)
    for _ in range(50):
        world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
        world.work()
        world.clock.forward(seconds=4)
    assert len([task for task in world.tasks("pull") if task.state == "pending"]) <= 4
    calls.clear()
    for _ in range(60):
        world.work()
        world.clock.forward(seconds=1)
    assert 1 <= len(calls) <= 2
    # And all of them are read once it is back.
    monkeypatch.setattr(world.wallet, "pull", real)
    world.settle(minutes=3)
    assert len(world.receipts()) == 50
    assert all(task.state == "done" for task in world.tasks("pull"))
    assert len(world.registry.stored) == 50


def test_a_list_that_takes_too_long_is_told_of_and_what_came_is_credited(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = world.member()
    world.wallet.page_size = 10
    for _ in range(40):
        world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    real = world.wallet.pull

    def slow(start: datetime, end: datetime) -> Pages:
        for page in real(start, end):
            world.clock.forward(seconds=25)
            yield page

    monkeypatch.setattr(world.wallet, "pull", slow)
    world.add_task("pull", {"wallet": "mpesa", "shortcode": world.wallet.shortcode})
    world.work("pull")
    with world.sessions() as session:
        [run] = session.scalars(select(PullRun)).all()
        kinds = [alert.kind for alert in open_alerts(session)]
    assert (run.complete, run.error) == (False, "the list was not read to its end in 60 s")
    assert kinds == [AlertKind.PULL_FAILED]
    assert 0 < len(world.receipts()) < 40
    assert any(task.state == "pending" for task in world.tasks("pull"))


def test_a_prompt_older_than_any_list_reaches_is_asked_about_no_more(world: World) -> None:
    member = world.member()
    world.wallet.outcomes = [Unknown("timeout")]
    outcome = world.ask_to_save(member)
    assert isinstance(outcome, Requested)
    world.clock.forward(seconds=3)
    world.work("prompt")
    world.wallet.prompts.clear()
    world.wallet.is_down = True
    for _ in range(100):
        world.work()
        world.clock.forward(minutes=30)
    world.wallet.is_down = False
    for _ in range(24):
        world.work()
        world.clock.forward(minutes=60)
    assert world.contribution(outcome.contribution_id).state == ContributionState.UNKNOWN
    assert {task.state for task in world.tasks("ask")} == {"done"}
