"""The main way of a shilling: asked, prompted, paid, confirmed, posted, acknowledged, and told once."""

import uuid
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from core.money import Money
from core.phone import PhoneNumber
from members.model import Status
from members.tables import MemberRow
from payments.contributions.model import AlreadyOpen, NotAllowed, OutOfLimits, Requested
from payments.contributions.service import usual_amounts_of
from payments.model import PaymentState
from payments.view import payment_way, statement_of
from tests.payments.world import World


def test_a_paid_prompt_is_credited_confirmed_posted_and_acknowledged(world: World) -> None:
    member = world.member()
    contribution_id, checkout_id = world.prompted(member)
    world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    world.settle(minutes=1)

    proof = world.proof()
    assert proof.as_dict() == {
        "members": 1,
        "receipts": 1,
        "credited_cents": 5000,
        "suspense_cents": 0,
        "refunded_cents": 0,
        "refunds_payable_cents": 0,
        "corrected": 0,
        "postings_sum_cents": 0,
        "balances_equal_postings": True,
        "unknown": 0,
        "posted": 1,
        "acknowledged": 1,
    }
    assert world.messages() == ["receipt"]
    values = world.tasks("message")[0].payload["values"]
    assert (values["amount_cents"], values["balance_cents"], values["receipt"]) == (5000, 5000, "SKL0000001")
    with world.sessions.begin() as session:
        [payment] = statement_of(session, member.id, 5)
        assert (payment.state, payment.amount, payment.receipt) == (
            PaymentState.ACKNOWLEDGED,
            Money(5000),
            "SKL0000001",
        )
        way = [step.state for step in payment_way(session, contribution_id)]
        assert payment.receipt_id
        assert [step.state for step in payment_way(session, payment.receipt_id)] == way
    assert way == [
        PaymentState.ASKED,
        PaymentState.PROMPT_SENT,
        PaymentState.PROMPT_SENT,
        PaymentState.RECEIVED,
        PaymentState.CONFIRMED,
        PaymentState.POSTED,
        PaymentState.ACKNOWLEDGED,
    ]


def test_the_prompt_waits_for_the_session_to_end_and_names_what_was_asked(world: World) -> None:
    member = world.member()
    outcome = world.ask_to_save(member, 20000)
    assert isinstance(outcome, Requested)
    world.work()
    assert world.wallet.requests == []
    world.clock.forward(seconds=3)
    world.work()
    [request] = world.wallet.requests
    assert (request.amount, request.account, request.phone.e164) == (
        Money(20000),
        member.number,
        member.phone,
    )
    assert request.callback_url == f"https://kibaba.example/hooks/secret/stk/{outcome.contribution_id}"


def test_the_same_hop_again_gives_the_same_contribution(world: World) -> None:
    member = world.member()
    first = world.ask_to_save(member, key="hop-1")
    assert world.ask_to_save(member, key="hop-1") == first
    world.settle(minutes=1)
    assert len(world.wallet.requests) == 1


def test_a_phone_has_one_open_prompt(world: World) -> None:
    member = world.member()
    first = world.ask_to_save(member)
    assert isinstance(first, Requested)
    assert world.ask_to_save(member, 7000) == AlreadyOpen(first.contribution_id, Money(5000), "mpesa")


def test_amounts_outside_the_scheme_and_members_who_left_are_refused(world: World) -> None:
    member = world.member()
    limits = OutOfLimits(Money(1000), Money(25_000_000))
    assert world.ask_to_save(member, 900) == limits
    assert world.ask_to_save(member, 25_000_100) == limits
    assert world.ask_to_save(member, 5050) == limits
    assert world.ask_to_save(world.member(Status.CLOSED)) == NotAllowed("closed")
    member.id = uuid.uuid4()
    assert world.ask_to_save(member) == NotAllowed("unknown_member")
    assert world.tasks("prompt") == []


def test_usual_amounts_come_from_what_was_saved_most_often(world: World) -> None:
    member = world.member()
    for cents in (5000, 10000, 10000, 2000, 20000, 20000, 20000):
        world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), cents, member.number))
        world.work("evidence")
        world.clock.forward(minutes=1)
    with world.sessions.begin() as session:
        assert session.scalar(select(usual_amounts_of(MemberRow.id))) == [20000, 10000, 2000]


def test_a_phone_pays_no_more_in_a_day_than_the_scheme_allows(world: World) -> None:
    world.terms = replace(world.terms, day_began_at=world.clock.now() - timedelta(hours=9))
    member = world.member()
    for _ in range(2):
        contribution_id, checkout_id = world.prompted(member, 20_000_000)
        world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
        world.work("evidence")
    assert world.ask_to_save(member, 20_000_000) == OutOfLimits(Money(1000), Money(10_000_000))
    _, checkout_id = world.prompted(member, 10_000_000)
    world.call_back(world.wallet.end(checkout_id, "1032"))
    world.work("evidence")
    # What was cancelled is not counted.
    assert isinstance(world.ask_to_save(member, 10_000_000), Requested)


def test_the_next_day_counts_anew(world: World) -> None:
    member = world.member()
    contribution_id, checkout_id = world.prompted(member, 25_000_000)
    world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    world.work("evidence")
    world.clock.forward(hours=24)
    world.terms = replace(world.terms, day_began_at=world.clock.now() - timedelta(hours=9))
    assert isinstance(world.ask_to_save(member, 25_000_000), Requested)
