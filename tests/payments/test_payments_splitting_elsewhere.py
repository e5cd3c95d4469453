"""A divided payment as others see it: the wallet's list, the registry, claims, members, the ledger."""

import pytest
from sqlalchemy import select

from core.phone import PhoneNumber
from payments.claims.model import AlreadyYours
from payments.claims.service import claim
from payments.claims.view import claims_for_staff
from payments.contributions.tables import Contribution
from payments.ledger.model import AccountKind
from payments.model import EvidenceChannel, PaymentState
from payments.receipts.parts import live_parts
from payments.reconciliation.view import day_totals
from payments.registry_postings.tables import RegistryCorrection, RegistryPosting
from payments.suspense.model import Act
from payments.suspense.tables import Decision
from payments.view import statement_of
from tests.payments.deciding import (
    STRANGER,
    do,
    held,
    kept,
    lost,
    saved,
    wish,
)
from tests.payments.divisions import ALL, credited, last_run, parts_of, split_wish, states, workers
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.world import START, World


def test_a_day_with_a_divided_payment_agrees_on_all_three_sides(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (one, 50_000), (other, 30_000)))
    world.settle(minutes=1)
    run = last_run(world)
    assert states(world) == {
        ("suspense", receipt.receipt): "resolved",
        ("suspense", f"{receipt.receipt}-3"): "open",
    }
    # It counts by its parts: two are at the registry, one waits.
    assert (run.received, run.received_cents, run.confirmed) == (3, ALL, 3)
    assert (run.posted, run.posted_cents) == (2, 80_000)
    assert (run.wallet_in_cents, run.acknowledged_cents) == (ALL, 80_000)
    do(world, wish(Act.MATCH, parts_of(world, receipt)[-1], member_id=one.id))
    world.settle(minutes=1)
    run = last_run(world)
    assert (run.received, run.posted, run.acknowledged, run.wallet_lines) == (3, 3, 3, 1)
    assert (run.received_cents, run.acknowledged_cents, run.breaks_open) == (ALL, ALL, 0)
    with world.sessions.begin() as session:
        totals = day_totals(session, world.calendar, world.calendar.day_of(START))
    assert totals.received == totals.confirmed == totals.posted == totals.acknowledged
    assert (totals.received.count, totals.received.amount_cents) == (3, ALL)
    assert totals.suspense.count == 0


def test_what_the_registry_has_otherwise_is_a_difference_of_that_part_and_is_posted_again(
    world: World,
) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    world.registry.refuses = "rjct.amount.invalid"
    do(world, split_wish(receipt, (one, 50_000), (other, 70_000)))
    world.settle(minutes=1)
    world.reconcile()
    assert {name: state for name, state in states(world).items() if state == "open"} == {
        ("rejected_by_registry", f"{receipt.receipt}-{place}"): "open" for place in (1, 2)
    }
    world.registry.refuses = ""
    for part in parts_of(world, receipt):
        do(world, wish(Act.REPOST, part))
    world.settle(minutes=1)
    world.reconcile()
    assert set(states(world).values()) == {"resolved"}
    assert world.registry.counts_cents == ALL


def test_who_claims_the_payment_that_was_divided_hears_of_their_part(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    with world.sessions.begin() as session:
        claim(session, one.id, receipt.receipt, now=world.clock.now())
        assert len(claims_for_staff(session)) == 1
    do(world, split_wish(receipt, (one, 50_000), (other, 70_000)))
    with world.sessions.begin() as session:
        assert claims_for_staff(session) == []
        outcome = claim(session, one.id, receipt.receipt, now=world.clock.now())
    assert isinstance(outcome, AlreadyYours)
    assert (outcome.amount.amount_cents, outcome.receipt) == (50_000, f"{receipt.receipt}-1")


def test_who_paid_for_another_sees_a_divided_payment_go_its_way_with_its_parts(world: World) -> None:
    owner, receipt = credited(world)
    asker, other = workers(world, 2)
    world.ask_to_save(owner, ALL)
    with world.sessions.begin() as session:
        asked = session.scalars(select(Contribution)).one()
        asked.asked_by, asked.receipt_id, asked.state = asker.id, receipt.id, "paid"

    def seen() -> list[tuple[int, PaymentState]]:
        with world.sessions.begin() as session:
            return [
                (line.amount.amount_cents, line.state)
                for line in statement_of(session, asker.id, 5)
                if line.receipt == receipt.receipt
            ]

    assert seen() == [(ALL, PaymentState.ACKNOWLEDGED)]
    do(world, split_wish(receipt, (owner, 50_000), (other, 30_000)))
    world.settle(minutes=2)
    assert seen() == [(ALL, PaymentState.CONFIRMED)]
    do(world, wish(Act.MATCH, parts_of(world, receipt)[-1], member_id=other.id))
    world.settle(minutes=2)
    assert seen() == [(ALL, PaymentState.ACKNOWLEDGED)]


def test_a_part_of_a_payment_with_a_long_code_can_be_claimed_by_its_code(world: World) -> None:
    world.wallet.receipts_to_give = ["MP261122.1405.L06941"]
    receipt = lost(world, ALL)
    one, other = workers(world, 2)
    do(world, split_wish(receipt, (one, 50_000), (other, 70_000)))
    with world.sessions.begin() as session:
        outcome = claim(session, one.id, "mp261122.1405.l06941-1", now=world.clock.now())
    assert isinstance(outcome, AlreadyYours)
    assert (outcome.amount.amount_cents, outcome.receipt) == (50_000, "MP261122.1405.L06941-1")


def test_more_evidence_of_a_divided_payment_moves_nothing(world: World) -> None:
    one, other = workers(world, 2)
    body = world.wallet.pay_by_hand(STRANGER, ALL, "WHO")
    world.confirm(body)
    world.settle(minutes=1)
    [receipt] = world.receipts()
    do(world, split_wish(receipt, (one, 50_000), (other, 60_000)))
    world.confirm(body)
    world.settle(minutes=2)
    assert [saved(world, member) for member in (one, other)] == [50_000, 60_000]
    assert held(world, AccountKind.SUSPENSE) == 10_000
    assert world.proof().receipts == 1


@pytest.mark.parametrize("told_by", ["list", "message", "prompt"])
def test_other_money_with_the_code_of_a_part_is_a_difference_and_never_taken_for_the_part(
    world: World, told_by: str
) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (one, 50_000), (other, 70_000)))
    world.settle(minutes=1)
    code = f"{receipt.receipt}-1"
    world.wallet.receipts_to_give = [code]
    if told_by == "prompt":
        world.ask_to_save(one, 50_000)
        world.settle(minutes=1)
        [checkout] = world.wallet.prompts
        world.tell(EvidenceChannel.STK_CALLBACK, world.wallet.end(checkout, "0"))
    else:
        body = world.wallet.pay_by_hand(PhoneNumber(one.phone), 50_000, one.number)
        if told_by == "message":
            world.confirm(body)
    # So that the list is read.
    world.confirm(world.wallet.pay_by_hand(STRANGER, 100, "X"))
    world.settle(minutes=30)
    world.reconcile()
    found = {name: state for name, state in states(world).items() if name[1] == code}
    assert found.pop(("not_in_ledger", code)) == "open"
    assert found == ({} if told_by == "list" else {("mismatch", code): "open"})
    assert [saved(world, member) for member in (one, other)] == [50_000, 70_000]
    assert {kept(world, part).amount_cents for part in parts_of(world, receipt)} == {50_000, 70_000}
    world.reconcile()
    assert states(world)["not_in_ledger", code] == "open"
    assert world.proof().holds


def test_a_code_that_another_payment_has_is_given_to_no_part(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    world.wallet.receipts_to_give = [f"{receipt.receipt}-2"]
    world.confirm(world.wallet.pay_by_hand(STRANGER, 700, "X"))
    world.settle(minutes=1)
    do(world, split_wish(receipt, (one, 50_000), (other, 70_000)))
    assert [part.receipt[-2:] for part in parts_of(world, receipt)] == ["-1", "-3"]


def test_a_split_leaves_one_posting_for_each_part_and_none_for_the_whole(world: World) -> None:
    owner, receipt = credited(world)
    other = world.member()
    do(world, split_wish(receipt, (owner, 100_000), (other, 20_000)))
    with world.sessions.begin() as session:
        postings = set(session.scalars(select(RegistryPosting.receipt_id)))
        assert postings == {part.id for part in live_parts(session, receipt.id)}
        correction = session.scalars(select(RegistryCorrection)).one()
        assert (correction.corrects, correction.why) == (receipt.id, "split")
        assert len(session.scalars(select(Decision)).all()) == 1


def test_the_shortcode_of_a_part_is_its_wholes(world: World) -> None:
    one, other = workers(world, 2)
    receipt = lost(world, ALL)
    do(world, split_wish(receipt, (one, 50_000), (other, 60_000)))
    assert {(part.wallet, part.shortcode, part.payer_index) for part in parts_of(world, receipt)} == {
        ("mpesa", SHORTCODE, kept(world, receipt).payer_index)
    }
