"""A wallet without a list, beside M-Pesa: nothing but its own answer is believed, and nobody pulls it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from core.money import Money
from core.phone import PhoneNumber
from payments.alerts.service import AlertKind
from payments.alerts.tables import Alert
from payments.alerts.watching import Lookout
from payments.contributions.model import Requested
from payments.model import EvidenceChannel
from payments.statements import import_statement
from payments.wallet_lines.service import keep_lines
from payments.wallet_lines.tables import PullRun
from payments.wallets.choosing import Wallets
from payments.wallets.protocol import PromptResult, Rejected, Unknown
from payments.wallets.statements import Statement, WholeStatement
from tests.payments.collecting_wallet import CollectingWallet
from tests.payments.world import HOOKS, PULL_DELAY, World


@pytest.fixture
def airtel(world: World) -> Iterator[CollectingWallet]:
    wallet = CollectingWallet(world.clock.now)
    world.wallets[wallet.name] = wallet
    world.terms = replace(world.terms, wallets=Wallets.only(wallet.name, wallet.shortcode))
    yield wallet
    with world.sessions.begin() as session:
        assert session.scalars(select(PullRun)).all() == []


def prompted(world: World, airtel: CollectingWallet) -> tuple[Requested, str]:
    outcome = world.ask_to_save(world.member())
    assert isinstance(outcome, Requested)
    world.clock.forward(seconds=3)
    world.work("prompt")
    return outcome, list(airtel.prompts)[-1]


def hear(world: World, body: str) -> None:
    world.tell(EvidenceChannel.STK_CALLBACK, body, wallet="airtel")
    world.work("evidence", "ask")


def test_a_callback_makes_us_ask_and_the_answer_is_credited_once(
    world: World, airtel: CollectingWallet
) -> None:
    asked, checkout_id = prompted(world, airtel)
    assert airtel.requests[0].callback_url == f"{HOOKS}/airtel/{asked.contribution_id}"
    told = airtel.end(checkout_id, "0")
    hear(world, told)
    hear(world, told)
    [receipt] = world.receipts()
    assert (receipt.wallet, receipt.shortcode, receipt.amount_cents) == ("airtel", "AIRTELFUND", 5000)
    assert world.contribution(asked.contribution_id).state == "paid"
    assert airtel.asks == [checkout_id]
    world.settle(minutes=10)
    assert world.messages() == ["receipt"]
    assert world.proof().credited_cents == 5000


def test_a_forged_success_credits_nothing(world: World, airtel: CollectingWallet) -> None:
    asked, checkout_id = prompted(world, airtel)
    forged = {"checkout_id": checkout_id, "code": "0", "receipt": "MP1.FORGED", "amount_cents": 5000}
    hear(world, json.dumps(forged))
    assert airtel.asks == [checkout_id]
    assert world.receipts() == []
    assert world.contribution(asked.contribution_id).state == "prompted"


def test_a_forged_failure_ends_nothing(world: World, airtel: CollectingWallet) -> None:
    asked, checkout_id = prompted(world, airtel)
    hear(world, json.dumps({"checkout_id": checkout_id, "code": "1032"}))
    assert world.contribution(asked.contribution_id).state == "prompted"
    assert world.messages() == []


def test_a_lost_answer_and_a_lost_callback_are_repaired_by_asking_under_our_own_name(
    world: World, airtel: CollectingWallet
) -> None:
    airtel.outcomes.append(Unknown("timeout"))
    asked, checkout_id = prompted(world, airtel)
    assert world.contribution(asked.contribution_id).state == "unknown"
    airtel.end(checkout_id, "0")
    world.settle(minutes=4)
    assert world.contribution(asked.contribution_id).state == "paid"
    assert len(airtel.requests) == 1
    assert world.proof().credited_cents == 5000


def test_paid_without_a_receipt_is_asked_about_until_there_is_one(
    world: World, airtel: CollectingWallet
) -> None:
    asked, checkout_id = prompted(world, airtel)
    airtel.hides_receipts = True
    hear(world, airtel.end(checkout_id, "0"))
    contribution = world.contribution(asked.contribution_id)
    assert (contribution.state, contribution.said_paid, world.receipts()) == ("unknown", True, [])
    airtel.hides_receipts = False
    world.settle(minutes=10)
    assert world.contribution(asked.contribution_id).state == "paid"
    assert len(world.receipts()) == 1


def test_a_wallet_that_does_not_answer_leaves_the_prompt_unknown_and_never_expired(
    world: World, airtel: CollectingWallet
) -> None:
    asked, _ = prompted(world, airtel)
    airtel.is_down = True
    world.settle(minutes=30, step_seconds=30)
    assert world.contribution(asked.contribution_id).state == "unknown"
    assert world.messages() == []
    airtel.is_down = False
    airtel.end(list(airtel.prompts)[-1], "1032")
    world.settle(minutes=60, step_seconds=60)
    assert world.contribution(asked.contribution_id).state == "cancelled"
    assert world.messages() == ["prompt_cancelled"]


def test_a_late_success_after_a_failure_is_credited(world: World, airtel: CollectingWallet) -> None:
    asked, checkout_id = prompted(world, airtel)
    hear(world, airtel.end(checkout_id, "1037"))
    assert world.contribution(asked.contribution_id).state == "expired"
    hear(world, airtel.end(checkout_id, "0"))
    assert world.contribution(asked.contribution_id).state == "paid"


def test_the_statement_confirms_what_was_credited_and_credits_what_was_not(
    world: World, airtel: CollectingWallet
) -> None:
    _, first = prompted(world, airtel)
    hear(world, airtel.end(first, "0"))
    world.settle(minutes=1)
    assert world.proof().posted == 0
    lost, second = prompted(world, airtel)
    airtel.is_down = True
    airtel.end(second, "0")
    world.settle(minutes=10, step_seconds=30)
    assert world.contribution(lost.contribution_id).state == "unknown"
    listed = WholeStatement(Statement(airtel.shortcode, tuple(airtel.lines), ()))
    import_statement(world.sessions, world.clock, "airtel", listed, pull_delay=PULL_DELAY)
    world.settle(minutes=2)
    assert world.contribution(lost.contribution_id).state == "paid"
    proof = world.proof()
    assert (proof.credited_cents, proof.suspense_cents, proof.acknowledged) == (10_000, 0, 2)


def test_a_prompt_turned_away_for_now_is_sent_again_under_the_same_name(
    world: World, airtel: CollectingWallet
) -> None:
    airtel.outcomes.append(Rejected("429", "busy", retry_seconds=30))
    asked = world.ask_to_save(world.member())
    assert isinstance(asked, Requested)
    world.settle(minutes=1)
    assert list(airtel.prompts) == [asked.contribution_id.hex]
    assert world.contribution(asked.contribution_id).checkout_id == asked.contribution_id.hex


def test_another_amount_than_asked_is_not_credited(
    world: World, airtel: CollectingWallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, checkout_id = prompted(world, airtel)
    airtel.end(checkout_id, "0")
    honest = airtel.ask(checkout_id)
    assert isinstance(honest, PromptResult)
    monkeypatch.setattr(airtel, "ask", lambda _: replace(honest, amount=Money(100)))
    world.settle(minutes=6)
    assert world.receipts() == []
    assert world.contribution(asked.contribution_id).state == "unknown"
    assert timedelta(minutes=5) < world.clock.now() - world.contribution(asked.contribution_id).requested_at


def test_the_list_of_one_wallet_is_missed_although_the_other_came(
    world: World, airtel: CollectingWallet, lookout: Lookout
) -> None:
    _, checkout_id = prompted(world, airtel)
    hear(world, airtel.end(checkout_id, "0"))
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 500, "WHO"))
    world.work("evidence")
    assert {receipt.wallet for receipt in world.receipts()} == {"airtel", "mpesa"}
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", world.wallet.lines, EvidenceChannel.STATEMENT, now=world.clock.now())
    world.clock.forward(days=1, hours=1)
    assert AlertKind.STATEMENT_MISSING in world.alerts(lookout)
    with world.sessions() as session:
        alerts = select(Alert.detail).where(Alert.kind == AlertKind.STATEMENT_MISSING)
        assert session.scalars(alerts).one() == f"airtel {airtel.shortcode}: 2026-11-22"


def test_a_success_after_a_cancelled_prompt_is_asked_about(world: World, airtel: CollectingWallet) -> None:
    asked, checkout = prompted(world, airtel)
    hear(world, airtel.end(checkout, "1032"))
    assert world.contribution(asked.contribution_id).state == "cancelled"
    hear(world, airtel.end(checkout, "0"))
    world.settle(minutes=30)
    assert len(world.receipts()) == 1


def test_what_was_paid_before_midnight_is_of_that_month_however_late_it_is_asked_about(
    world: World, airtel: CollectingWallet
) -> None:
    world.clock.instant = datetime(2026, 11, 30, 20, 55, tzinfo=UTC)
    _, checkout = prompted(world, airtel)
    world.clock.forward(minutes=2)
    heard_at = world.clock.now()
    world.tell(EvidenceChannel.STK_CALLBACK, airtel.end(checkout, "0"), wallet="airtel")
    # Nobody works for ten minutes, and in Nairobi it is December.
    world.clock.forward(minutes=10)
    world.work("evidence", "ask")
    [receipt] = world.receipts()
    assert receipt.paid_at == heard_at
