"""A prompt is sent at most once; what is not known is asked about and never assumed."""

import json
import uuid

import pytest

from core.phone import PhoneNumber
from payments.alerts.service import AlertKind
from payments.alerts.watching import Lookout
from payments.contributions.model import Requested
from payments.model import ContributionState
from payments.wallets.protocol import Fate, Rejected, Unknown
from tests.payments.scripted_wallet import FATES, SHORTCODE, ScriptedWallet
from tests.payments.world import World


def _requested(world: World) -> uuid.UUID:
    outcome = world.ask_to_save(world.member())
    assert isinstance(outcome, Requested)
    world.clock.forward(seconds=3)
    return outcome.contribution_id


def test_a_prompt_whose_sender_died_is_never_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    contribution_id = _requested(world)

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        # The wallet takes the prompt; we die before we can write that down.
        patched.setattr(type(world.prompting), "_record", die)
        [row] = world.tasks("prompt")
        with pytest.raises(SystemExit):
            world.prompting.run(world.task(row))
    assert world.contribution(contribution_id).state == "prompting"
    world.work("prompt")
    assert len(world.wallet.requests) == 1
    assert world.contribution(contribution_id).state == "unknown"
    [checkout_id] = world.wallet.prompts
    world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    world.settle(minutes=1)
    assert world.contribution(contribution_id).state == "paid"
    assert world.proof().acknowledged == 1


def test_a_lost_accept_and_a_lost_callback_are_found_on_the_wallets_list(world: World) -> None:
    world.wallet.outcomes.append(Unknown("timeout"))
    contribution_id, checkout_id = world.prompted(world.member())
    world.wallet.end(checkout_id, "0")
    world.settle(minutes=8)
    assert world.contribution(contribution_id).state == "paid"
    assert world.proof().acknowledged == 1
    assert world.messages() == ["prompt_unknown", "receipt"]


def test_a_lost_callback_is_repaired_by_asking_and_the_list(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    world.wallet.end(checkout_id, "0")
    world.settle(minutes=1)
    contribution = world.contribution(contribution_id)
    assert (contribution.state, contribution.said_paid) == ("paid", True)
    assert len(world.wallet.asks) == 1
    assert world.proof().credited_cents == 5000


def test_paid_without_a_receipt_stays_unknown_while_the_list_is_away(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    world.wallet.end(checkout_id, "0")
    hidden, world.wallet.lines = world.wallet.lines, []
    world.settle(minutes=30)
    assert world.contribution(contribution_id).state == "unknown"
    assert world.messages() == ["prompt_unknown"]
    assert world.proof().unknown == 1
    world.wallet.lines = hidden
    world.settle(minutes=10)
    assert world.contribution(contribution_id).state == "paid"
    assert world.proof().unknown == 0


def test_an_ignored_prompt_expires_only_after_a_complete_list_did_not_have_it(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    world.wallet.is_down = True
    world.settle(minutes=30)
    assert world.contribution(contribution_id).state == "unknown"
    world.wallet.is_down = False
    world.wallet.prompts[checkout_id].code = "1032"
    world.settle(minutes=10)
    assert world.contribution(contribution_id).state in {"cancelled", "expired"}
    assert world.messages() != []


def test_a_prompt_nobody_answers_expires_and_is_told(world: World) -> None:
    world.wallet.outcomes.append(Unknown("timeout"))
    contribution_id, _ = world.prompted(world.member())
    world.settle(minutes=4)
    assert world.contribution(contribution_id).state == "unknown"
    world.settle(minutes=10)
    assert world.contribution(contribution_id).state == "expired"
    assert world.messages() == ["prompt_unknown", "prompt_expired"]


def test_asking_follows_the_life_of_a_prompt(world: World) -> None:
    world.prompted(world.member())
    asked_at = []
    ask = ScriptedWallet.ask

    def asking(wallet: ScriptedWallet, checkout_id: str) -> object:
        asked_at.append((world.clock.now() - sent_at).total_seconds())
        return ask(wallet, checkout_id)

    sent_at = world.clock.now()
    ScriptedWallet.ask = asking  # type: ignore[method-assign, assignment]
    try:
        world.settle(minutes=5, step_seconds=5)
    finally:
        ScriptedWallet.ask = ask  # type: ignore[method-assign]
    assert asked_at == [30, 60, 120, 300]


def test_a_failure_that_may_still_be_paid_is_asked_about_once_more(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    world.call_back(world.wallet.end(checkout_id, "1037"), contribution_id)
    world.settle(minutes=5)
    assert world.wallet.asks == [checkout_id]
    assert world.contribution(contribution_id).state == "expired"
    assert world.messages() == ["prompt_unreachable"]


def test_a_late_success_whose_callback_is_lost_is_found_by_asking_once_more(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    world.call_back(world.wallet.end(checkout_id, "1037"), contribution_id)
    world.work()
    world.clock.forward(seconds=20)
    world.wallet.end(checkout_id, "0")
    world.settle(minutes=5)
    assert world.contribution(contribution_id).state == "paid"
    assert world.proof().credited_cents == 5000


def test_a_failure_whose_money_comes_later_still_is_paid_when_only_the_list_tells(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FATES, "1037", Fate.FAILED)
    contribution_id, checkout_id = world.prompted(world.member())
    world.call_back(world.wallet.end(checkout_id, "1037"), contribution_id)
    world.settle(minutes=5)
    assert world.contribution(contribution_id).state == "failed"
    world.wallet.end(checkout_id, "0")
    world.add_task("pull", {"wallet": "mpesa", "shortcode": SHORTCODE})
    world.settle(minutes=5)
    assert world.contribution(contribution_id).state == "paid"
    assert world.proof().credited_cents == 5000


def test_a_code_nobody_knows_is_asked_about_and_no_crash(world: World) -> None:
    contribution_id, checkout_id = world.prompted(world.member())
    world.call_back(world.wallet.end(checkout_id, "777"), contribution_id)
    world.work()
    assert world.contribution(contribution_id).state == "unknown"
    world.settle(minutes=10)
    assert checkout_id in world.wallet.asks
    assert world.contribution(contribution_id).state == "expired"


def test_a_refusal_is_final_and_told(world: World) -> None:
    world.wallet.outcomes.append(Rejected("400.002.02", "Bad Request - Invalid PhoneNumber"))
    contribution_id = _requested(world)
    world.settle(minutes=3)
    assert world.contribution(contribution_id).state == "failed"
    assert len(world.wallet.requests) == 1
    assert world.messages() == ["prompt_failed"]


def test_a_refusal_for_now_is_tried_three_times_at_most(world: World) -> None:
    busy = Rejected("500.001.1001", "Unable to lock subscriber", retry_seconds=60)
    world.wallet.outcomes += [busy, busy, busy, busy]
    contribution_id = _requested(world)
    world.settle(minutes=10)
    assert len(world.wallet.requests) == 3
    assert world.contribution(contribution_id).state == "failed"


def test_a_refusal_for_now_is_followed_by_a_prompt(world: World) -> None:
    world.wallet.outcomes.append(Rejected("500.003.02", "System is busy", retry_seconds=10))
    contribution_id = _requested(world)
    world.settle(minutes=1)
    assert len(world.wallet.prompts) == 1
    assert world.contribution(contribution_id).state == ContributionState.PROMPTED


def test_a_prompt_for_a_call_made_long_ago_is_not_sent(world: World) -> None:
    contribution_id = _requested(world)
    world.clock.forward(minutes=20)
    world.work()
    assert world.wallet.requests == []
    assert world.contribution(contribution_id).state == "expired"
    assert world.messages() == ["prompt_failed"]


def test_an_answer_that_arrives_after_the_lease_is_kept_without_disturbing_a_newer_prompt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the wallet was slow, another worker gave the prompt up as unknown and the member tried again."""
    member = world.member()
    outcome = world.ask_to_save(member)
    assert isinstance(outcome, Requested)
    world.clock.forward(seconds=3)
    [row] = world.tasks("prompt")
    prompt = ScriptedWallet.prompt

    def slow(wallet: ScriptedWallet, request: object) -> object:
        answer = prompt(wallet, request)  # type: ignore[arg-type]
        monkeypatch.undo()
        world.prompting.run(world.task(row))
        world.prompted(member, 7000)
        return answer

    monkeypatch.setattr(ScriptedWallet, "prompt", slow)
    world.prompting.run(world.task(row))
    contribution = world.contribution(outcome.contribution_id)
    assert contribution.state == "unknown"
    assert contribution.checkout_id in world.wallet.prompts
    for checkout_id in list(world.wallet.prompts):
        world.wallet.end(checkout_id, "0")
    world.settle(minutes=8)
    assert world.proof().credited_cents == 12000
    assert world.proof().unknown == 0


def test_money_that_was_taken_back_is_no_answer_to_a_prompt_that_the_wallet_calls_paid(world: World) -> None:
    member = world.member()
    world.wallet.is_down = True
    contribution_id, checkout_id = world.prompted(member)
    # Of the same amount and phone, but paid for a prompt that was over by then.
    world.call_back(world.wallet.end(checkout_id, "1032"), contribution_id)
    world.work("evidence")
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.work("evidence")
    [receipt] = world.receipts()
    assert world.contribution(contribution_id).receipt_id is None
    world.wallet.take_back(receipt.receipt)
    world.wallet.is_down = False
    world.pull()
    world.call_back(json.dumps({"checkout_id": checkout_id, "code": "0"}), contribution_id)
    world.work("evidence")
    contribution = world.contribution(contribution_id)
    assert (contribution.state, contribution.receipt_id) == ("unknown", None)
    # Money that stays is, also when it came later.
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.settle(minutes=20)
    stays = next(one for one in world.receipts() if one.receipt != receipt.receipt)
    assert world.contribution(contribution_id).receipt_id == stays.id


def test_what_nobody_knows_for_two_minutes_is_said_once_and_then_how_it_ended(world: World) -> None:
    world.wallet.outcomes.append(Unknown("timeout"))
    contribution_id, checkout_id = world.prompted(world.member())
    world.wallet.is_down = True
    world.settle(minutes=4)
    assert world.contribution(contribution_id).state == "unknown"
    assert world.messages() == ["prompt_unknown"]
    world.wallet.is_down = False
    world.wallet.end(checkout_id, "0")
    world.settle(minutes=10)
    assert world.messages() == ["prompt_unknown", "receipt"]


def test_a_refusal_that_is_our_fault_calls_staff_and_is_over_when_it_is_not_met_again(
    world: World, lookout: Lookout
) -> None:
    world.wallet.outcomes.append(Rejected("400.002.02", "Bad Request - Invalid Passkey", alert=True))
    _requested(world)
    world.work("prompt")
    assert world.alerts(lookout) == {AlertKind.WALLET_REFUSES}
    world.clock.forward(hours=2)
    assert world.alerts(lookout) == set()
