"""What members are told of their money when they ask by SMS."""

from core import outbox
from tests.payments.world import World


def test_a_member_who_asks_is_told_the_balance_as_it_is_now(world: World) -> None:
    member = world.member()
    contribution_id, checkout_id = world.prompted(member)
    world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    world.settle(minutes=1)
    with world.sessions.begin() as session:
        payload = {"member_id": str(member.id)}
        outbox.add(session, "balance", "sms-1", payload, now=world.clock.now())
    world.settle(minutes=1)
    [asked] = [task for task in world.tasks("message") if task.key == "balance:sms-1"]
    assert asked.payload["template"] == "balance"
    assert asked.payload["values"]["balance_cents"] == 5000


def test_a_prompt_that_cannot_be_sent_as_asked_fails_and_says_so(world: World) -> None:
    world.prompting._description = "longer than thirteen characters"
    member = world.member()
    world.ask_to_save(member, 5000)
    world.settle(minutes=1)
    assert world.proof().unknown == 0
    assert world.messages() == ["prompt_failed"]
