"""A wallet that is switched off, or has another shortcode by now: nothing waits for it for good."""

from collections.abc import Callable

import pytest

from core.outbox import OutboxRow
from core.phone import PhoneNumber
from payments.alerts.service import open_alerts
from payments.contributions.model import AlreadyOpen, Requested
from tests.payments.scripted_wallet import SHORTCODE, ScriptedWallet
from tests.payments.world import World

OTHER = "600200"
Switch = Callable[[World], None]


def switch_off(world: World) -> None:
    world.wallets.pop(world.wallet.name)


def change_shortcode(world: World) -> None:
    world.wallets[world.wallet.name] = ScriptedWallet(world.clock.now, shortcode=OTHER)


SWITCHES = pytest.mark.parametrize("switch", [switch_off, change_shortcode])


def in_trouble(world: World) -> list[OutboxRow]:
    """Tasks that were given up, or failed at all."""
    tasks = [row for topic in ("ask", "prompt", "pull", "claim_again") for row in world.tasks(topic)]
    return [row for row in tasks if row.state == "dead" or row.failures]


@SWITCHES
def test_a_prompt_of_a_wallet_that_is_off_frees_its_phone_and_is_given_up_after_a_day(
    world: World, switch: Switch
) -> None:
    member = world.member()
    contribution_id, _ = world.prompted(member)
    switch(world)
    assert isinstance(world.ask_to_save(member), AlreadyOpen)
    world.settle(minutes=5)
    assert world.contribution(contribution_id).state == "unknown"
    assert isinstance(world.ask_to_save(member), Requested)
    assert world.messages().count("prompt_unknown") == 1
    world.settle(minutes=25 * 60, step_seconds=1800)
    # Nobody calls it failed: it may have been paid.
    assert world.contribution(contribution_id).state == "unknown"
    assert [row.state for row in world.tasks("ask")] == ["done"]
    assert in_trouble(world) == []


def test_money_for_a_prompt_of_the_old_shortcode_is_credited_when_it_comes(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    change_shortcode(world)
    world.settle(minutes=5)
    assert world.contribution(contribution_id).state == "unknown"
    world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    world.settle(minutes=5)
    assert world.contribution(contribution_id).state == "paid"
    assert world.proof().credited_cents == 5000
    [receipt] = world.receipts()
    assert receipt.shortcode == SHORTCODE
    assert in_trouble(world) == []


def test_a_wallet_that_is_on_again_is_asked_again(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    switch_off(world)
    world.settle(minutes=5)
    world.wallet.end(checkout_id, "0")
    world.wallets[world.wallet.name] = world.wallet
    world.settle(minutes=30, step_seconds=60)
    assert world.contribution(contribution_id).state == "paid"
    assert world.proof().credited_cents == 5000


@SWITCHES
def test_what_was_not_sent_before_its_wallet_was_off_has_failed(world: World, switch: Switch) -> None:
    member = world.member()
    asked = world.ask_to_save(member)
    assert isinstance(asked, Requested)
    switch(world)
    # A worker may be older than the settings by which somebody asked.
    world.clock.forward(seconds=30)
    world.work("prompt")
    assert world.contribution(asked.contribution_id).state == "requested"
    world.settle(minutes=1)
    assert world.contribution(asked.contribution_id).state == "failed"
    assert world.messages() == ["prompt_failed"]
    assert world.wallet.requests == []
    assert in_trouble(world) == []


def test_a_prompt_whose_sender_died_before_its_wallet_was_off_is_unknown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = world.ask_to_save(world.member())
    assert isinstance(asked, Requested)
    world.clock.forward(seconds=3)

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(type(world.prompting), "_record", die)
        [row] = world.tasks("prompt")
        with pytest.raises(SystemExit):
            world.prompting.run(world.task(row))
    switch_off(world)
    world.settle(minutes=1)
    assert world.contribution(asked.contribution_id).state == "unknown"
    assert in_trouble(world) == []


def test_a_prompt_that_was_asked_about_for_the_first_time_after_a_day_frees_its_phone_too(
    world: World,
) -> None:
    contribution_id, _ = world.prompted(world.member())
    switch_off(world)
    world.clock.forward(hours=25)
    world.work()
    assert world.contribution(contribution_id).state == "unknown"
    assert [row.state for row in world.tasks("ask")] == ["done"]


@SWITCHES
def test_the_list_of_an_account_that_is_not_on_is_not_read(world: World, switch: Switch) -> None:
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 5000, "WHO"))
    world.work("evidence")
    switch(world)
    # A claim has the list of each account read that ever had money.
    world.write("claim", world.member(), "NOTKNOWN01")
    world.settle(minutes=5)
    assert {row.state for row in world.tasks("pull")} == {"done"}
    assert in_trouble(world) == []


@SWITCHES
def test_that_its_list_could_not_be_read_ends_with_it(world: World, switch: Switch) -> None:
    world.wallet.is_down = True
    world.pull()
    world.settle(minutes=2)
    with world.sessions.begin() as session:
        assert [alert.kind for alert in open_alerts(session)] == ["pull_failed"]
    switch(world)
    world.settle(minutes=30)
    with world.sessions.begin() as session:
        assert open_alerts(session) == []
