"""What every wallet must do, as claims; each world a wallet is tried in says how to bring them about."""

from datetime import datetime, timedelta
from typing import Protocol

import pytest

from core.money import Money
from core.phone import PhoneNumber
from payments.wallets.protocol import (
    Accepted,
    AskOutcome,
    Fate,
    LineKind,
    PromptRequest,
    PromptResult,
    PullFailed,
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
        """A request for KES 50 from a phone nobody has asked yet."""
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


class WalletContract:
    """Subclass as `Test…` with a fixture `stage`."""

    def test_a_prompt_is_accepted_once_and_open_until_answered(self, stage: Stage) -> None:
        stage.payers_will("open")
        accepted = stage.wallet.prompt(stage.wish())
        assert isinstance(accepted, Accepted)
        assert stage.wallet.ask(accepted.checkout_id) == StillOpen()
        assert stage.prompts_received() == 1

    def test_asking_about_a_paid_prompt_proves_payment_without_receipt(self, stage: Stage) -> None:
        outcome = stage.ended(paid_prompt(stage))
        assert isinstance(outcome, PromptResult)
        assert (outcome.fate, outcome.receipt, outcome.amount) == (Fate.PAID, None, None)

    def test_the_callback_of_a_paid_prompt_has_receipt_and_amount(self, stage: Stage) -> None:
        checkout_id = paid_prompt(stage)
        result = stage.wallet.read_prompt_result(stage.callback(checkout_id))
        assert (result.checkout_id, result.fate, result.amount) == (checkout_id, Fate.PAID, Money(5000))
        assert result.receipt
        assert result.paid_at is not None
        assert isinstance(result.payer, PhoneNumber)

    @pytest.mark.parametrize(
        ("outcome", "fate", "may_still_pay"),
        [
            ("cancelled", Fate.CANCELLED, False),
            ("insufficient", Fate.FAILED, False),
            ("wrong_pin", Fate.FAILED, False),
            ("timeout", Fate.FAILED, True),
        ],
    )
    def test_asking_and_callback_agree_on_a_failure(
        self, stage: Stage, outcome: str, fate: Fate, may_still_pay: bool
    ) -> None:
        stage.payers_will(outcome)
        accepted = stage.wallet.prompt(stage.wish())
        assert isinstance(accepted, Accepted)
        asked = stage.ended(accepted.checkout_id)
        told = stage.wallet.read_prompt_result(stage.callback(accepted.checkout_id))
        assert isinstance(asked, PromptResult)
        assert (asked.fate, asked.may_still_pay, asked.code) == (fate, may_still_pay, told.code)
        assert asked.told == told.told != ""
        assert told.receipt is None

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
        assert isinstance(stage.wallet.ask("ws_CO_1"), Unknown)
        with pytest.raises(PullFailed):
            pulled(stage)

    def test_a_token_that_has_ended_is_replaced_unnoticed(self, stage: Stage) -> None:
        paid_prompt(stage)
        stage.end_the_token()
        assert isinstance(stage.wallet.prompt(stage.wish()), Accepted)

    def test_hand_payments_and_the_pulled_list_name_the_same_money(self, stage: Stage) -> None:
        accounts = [f"40000{n:04}" for n in range(5)]
        told = [stage.wallet.read_hand_payment(raw) for raw in stage.hand_payments(accounts)]
        assert sorted(payment.account for payment in told) == accounts
        lines = pulled(stage)
        assert {(line.receipt, line.account, line.amount) for line in lines} == {
            (payment.receipt, payment.account, payment.amount) for payment in told
        }
        assert {line.kind for line in lines} == {LineKind.CREDIT}
        assert all(payment.shortcode == stage.wallet.shortcode for payment in told)

    def test_an_empty_list_is_empty(self, stage: Stage) -> None:
        assert pulled(stage) == []

    def test_a_list_that_cannot_be_had_is_not_an_empty_one(self, stage: Stage) -> None:
        stage.pulls_fail()
        with pytest.raises(PullFailed):
            pulled(stage)

    @pytest.mark.parametrize("raw", ["", "{}", "[]", "null", "<html>", '{"Body": 1}'])
    def test_what_is_not_the_wallets_message_is_unreadable(self, stage: Stage, raw: str) -> None:
        with pytest.raises(UnreadableMessage):
            stage.wallet.read_prompt_result(raw)
        with pytest.raises(UnreadableMessage):
            stage.wallet.read_hand_payment(raw)
