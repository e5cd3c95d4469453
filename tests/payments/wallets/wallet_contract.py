"""What every wallet must do, as claims; each world a wallet is tried in says how to bring them about.

`WalletContract` holds for all; then a wallet either lists payments (`ListingContract`) or does not
(`EnquiryContract`).
"""

from datetime import datetime, timedelta
from typing import Protocol

import pytest

from core.phone import PhoneNumber
from payments.wallets.protocol import (
    Accepted,
    AskOutcome,
    Fate,
    LineKind,
    PromptRequest,
    PromptResult,
    PullFailed,
    PullNotOffered,
    Rejected,
    StillOpen,
    Unknown,
    UnreadableMessage,
    Wallet,
    WalletLine,
)


class Stage(Protocol):
    """A wallet and the world around it. What a test arranges holds until it arranges something else."""

    @property
    def wallet(self) -> Wallet:
        """The wallet under test."""
        ...

    def wish(self) -> PromptRequest:
        """A request for a payment from a phone nobody has asked yet."""
        ...

    def now(self) -> datetime:
        """The world's own time."""
        ...

    def payers_will(self, outcome: str) -> None:
        """How prompts end from now on: paid, cancelled, insufficient, timeout, wrong_pin, or open."""
        ...

    def fail_with(self, fault: str) -> None:
        """One of: busy (refused before any work), hang (work done, no answer), down (nobody listens)."""
        ...

    def end_the_token(self) -> None:
        """The token the wallet holds is good no longer."""
        ...

    def prompts_received(self) -> int:
        """Payment requests that arrived at the provider, good or bad."""
        ...

    def ended(self, checkout_id: str) -> AskOutcome:
        """What asking gives once the prompt has ended."""
        ...

    def callback(self, checkout_id: str) -> str:
        """The callback for a prompt that has ended, as it was posted."""
        ...


class ListingStage(Stage, Protocol):
    """A wallet whose list can be read and that announces hand payments."""

    def hand_payments(self, accounts: list[str]) -> list[str]:
        """People pay KES 70 by hand; the confirmations as they were posted."""
        ...

    def pulls_fail(self) -> None:
        """The provider's list cannot be had."""
        ...


def pulled(stage: Stage) -> list[WalletLine]:
    span = timedelta(minutes=5)
    return [line for page in stage.wallet.pull(stage.now() - span, stage.now() + span) for line in page]


def paid_prompt(stage: Stage) -> str:
    stage.payers_will("paid")
    accepted = stage.wallet.prompt(stage.wish())
    assert isinstance(accepted, Accepted)
    outcome = stage.ended(accepted.checkout_id)
    assert isinstance(outcome, PromptResult)
    return accepted.checkout_id


def name_of_nothing(stage: Stage) -> str:
    """The name of a prompt that was never sent."""
    return stage.wallet.checkout_id_for(stage.wish().contribution_id) or "ws_CO_1"


class WalletContract:
    """Subclass as `Test…` with a fixture `stage`."""

    def test_a_prompt_is_accepted_once_and_open_until_answered(self, stage: Stage) -> None:
        stage.payers_will("open")
        accepted = stage.wallet.prompt(stage.wish())
        assert isinstance(accepted, Accepted)
        assert stage.wallet.ask(accepted.checkout_id) == StillOpen()
        assert stage.prompts_received() == 1

    def test_the_callback_of_a_paid_prompt_names_it_and_its_receipt(self, stage: Stage) -> None:
        checkout_id = paid_prompt(stage)
        result = stage.wallet.read_prompt_result(stage.callback(checkout_id))
        assert (result.checkout_id, result.fate) == (checkout_id, Fate.PAID)
        assert result.receipt
        assert result.amount in {None, stage.wish().amount}

    @pytest.mark.parametrize(
        ("outcome", "fates", "may_still_pay"),
        [
            ("cancelled", {Fate.CANCELLED}, False),
            ("insufficient", {Fate.FAILED}, False),
            ("wrong_pin", {Fate.FAILED}, False),
            ("timeout", {Fate.FAILED, Fate.EXPIRED}, True),
        ],
    )
    def test_asking_and_callback_agree_on_a_failure(
        self, stage: Stage, outcome: str, fates: set[Fate], may_still_pay: bool
    ) -> None:
        stage.payers_will(outcome)
        accepted = stage.wallet.prompt(stage.wish())
        assert isinstance(accepted, Accepted)
        asked = stage.ended(accepted.checkout_id)
        told = stage.wallet.read_prompt_result(stage.callback(accepted.checkout_id))
        assert isinstance(asked, PromptResult)
        assert asked.fate in fates
        assert asked.may_still_pay is may_still_pay
        assert asked.told
        assert told.fate is not Fate.PAID
        assert told.receipt is None
        # A callback that only makes us ask need not say why it failed.
        assert told.ask_first or (told.code, told.told) == (asked.code, asked.told)

    def test_a_refusal_before_any_work_names_its_waiting_time_and_is_not_sent_again(
        self, stage: Stage
    ) -> None:
        stage.fail_with("busy")
        outcome = stage.wallet.prompt(stage.wish())
        assert isinstance(outcome, Rejected)
        assert outcome.retry_seconds
        assert stage.prompts_received() == 1

    def test_work_done_without_an_answer_is_unknown_and_not_sent_again(self, stage: Stage) -> None:
        stage.fail_with("hang")
        assert isinstance(stage.wallet.prompt(stage.wish()), Unknown)
        assert stage.prompts_received() == 1

    def test_nobody_listening_means_nothing_was_sent(self, stage: Stage) -> None:
        stage.fail_with("down")
        outcome = stage.wallet.prompt(stage.wish())
        assert isinstance(outcome, Rejected)
        assert outcome.retry_seconds
        assert isinstance(stage.wallet.ask(name_of_nothing(stage)), Unknown)

    def test_a_token_that_has_ended_is_replaced_unnoticed(self, stage: Stage) -> None:
        paid_prompt(stage)
        stage.end_the_token()
        assert isinstance(stage.wallet.prompt(stage.wish()), Accepted)

    @pytest.mark.parametrize("raw", ["", "{}", "[]", "null", "<html>", '{"Body": 1}'])
    def test_what_is_not_the_wallets_message_is_unreadable(self, stage: Stage, raw: str) -> None:
        with pytest.raises(UnreadableMessage):
            stage.wallet.read_prompt_result(raw)
        with pytest.raises(UnreadableMessage):
            stage.wallet.read_hand_payment(raw)


class EnquiryContract:
    """For wallets without a list: their prompts have names of ours, and enquiry tells the receipt."""

    def test_asking_about_a_paid_prompt_tells_the_same_receipt_as_its_callback(self, stage: Stage) -> None:
        checkout_id = paid_prompt(stage)
        asked = stage.ended(checkout_id)
        assert isinstance(asked, PromptResult)
        assert asked.fate is Fate.PAID
        assert asked.receipt
        assert asked.receipt == stage.wallet.read_prompt_result(stage.callback(checkout_id)).receipt
        assert asked.amount in {None, stage.wish().amount}

    def test_a_prompt_without_an_answer_can_be_asked_about_by_our_own_name(self, stage: Stage) -> None:
        stage.payers_will("paid")
        wish = stage.wish()
        stage.fail_with("hang")
        assert isinstance(stage.wallet.prompt(wish), Unknown)
        checkout_id = stage.wallet.checkout_id_for(wish.contribution_id)
        assert checkout_id
        outcome = stage.ended(checkout_id)
        assert isinstance(outcome, PromptResult)
        assert outcome.fate is Fate.PAID

    def test_the_same_wish_sent_twice_is_one_prompt(self, stage: Stage) -> None:
        stage.payers_will("open")
        wish = stage.wish()
        first = stage.wallet.prompt(wish)
        again = stage.wallet.prompt(wish)
        assert isinstance(first, Accepted)
        assert again == first

    def test_what_the_wallet_never_heard_of_has_failed_and_is_asked_about_once_more(
        self, stage: Stage
    ) -> None:
        outcome = stage.wallet.ask(name_of_nothing(stage))
        assert isinstance(outcome, PromptResult)
        assert (outcome.fate, outcome.may_still_pay) == (Fate.FAILED, True)

    def test_there_is_no_list_and_it_says_so(self, stage: Stage) -> None:
        assert not stage.wallet.can_pull
        with pytest.raises(PullNotOffered):
            pulled(stage)


class ListingContract:
    """For wallets whose list can be read."""

    def test_asking_about_a_paid_prompt_proves_payment_without_receipt(self, stage: ListingStage) -> None:
        outcome = stage.ended(paid_prompt(stage))
        assert isinstance(outcome, PromptResult)
        assert (outcome.fate, outcome.receipt, outcome.amount) == (Fate.PAID, None, None)

    def test_the_callback_of_a_paid_prompt_has_amount_payer_and_time(self, stage: ListingStage) -> None:
        result = stage.wallet.read_prompt_result(stage.callback(paid_prompt(stage)))
        assert result.amount == stage.wish().amount
        assert result.paid_at is not None
        assert isinstance(result.payer, PhoneNumber)
        assert not result.ask_first

    def test_hand_payments_and_the_pulled_list_name_the_same_money(self, stage: ListingStage) -> None:
        accounts = [f"40000{n:04}" for n in range(5)]
        told = [stage.wallet.read_hand_payment(raw) for raw in stage.hand_payments(accounts)]
        assert sorted(payment.account for payment in told) == accounts
        lines = pulled(stage)
        assert {(line.receipt, line.account, line.amount) for line in lines} == {
            (payment.receipt, payment.account, payment.amount) for payment in told
        }
        assert {line.kind for line in lines} == {LineKind.CREDIT}
        assert all(payment.shortcode == stage.wallet.shortcode for payment in told)

    def test_an_empty_list_is_empty(self, stage: ListingStage) -> None:
        assert pulled(stage) == []

    def test_a_list_that_cannot_be_had_is_not_an_empty_one(self, stage: ListingStage) -> None:
        stage.pulls_fail()
        with pytest.raises(PullFailed):
            pulled(stage)

    def test_no_list_is_had_while_nobody_listens(self, stage: ListingStage) -> None:
        stage.fail_with("down")
        with pytest.raises(PullFailed):
            pulled(stage)
