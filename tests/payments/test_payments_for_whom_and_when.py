"""For another member, for another month: who is credited, who hears what, what the registry is told."""

import uuid

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.contributions import service as contributions
from payments.contributions.model import NotAllowed, Requested, RequestOutcome
from payments.contributions.tables import Contribution
from payments.ledger.service import savings
from payments.model import Channel, PaymentState
from payments.view import Intent, intent_of, statement_of
from payments.wishes import OtherMember, Wish, wishes_among
from tests.payments.world import World


def ask(
    world: World, payer: MemberRow, owner: MemberRow | None = None, period: str | None = None
) -> RequestOutcome:
    owner = owner or payer
    with world.sessions.begin() as session:
        return contributions.request(
            session,
            world.terms,
            key=uuid.uuid4().hex,
            member_id=owner.id,
            phone=PhoneNumber(payer.phone),
            amount_cents=5000,
            channel=Channel.USSD,
            now=world.clock.now(),
            asked_by=None if owner is payer else payer.id,
            period=period,
        )


def prompted(
    world: World, payer: MemberRow, owner: MemberRow | None = None, period: str | None = None
) -> str:
    outcome = ask(world, payer, owner, period)
    assert isinstance(outcome, Requested)
    world.clock.forward(seconds=3)
    world.work("prompt")
    return list(world.wallet.prompts)[-1]


def saved(world: World, member: MemberRow) -> int:
    with world.sessions.begin() as session:
        return savings(session, member.id).amount_cents


def shown(world: World, member: MemberRow) -> list[PaymentState]:
    with world.sessions.begin() as session:
        return [payment.state for payment in statement_of(session, member.id, 10)]


def told(world: World) -> list[tuple[str, str]]:
    return [(row.payload["template"], row.payload["member_id"]) for row in world.tasks("message")]


def test_the_one_it_is_for_is_credited_and_the_payer_hears_that_it_arrived(world: World) -> None:
    payer, owner = world.member(), world.member()
    checkout = prompted(world, payer, owner)
    [request] = world.wallet.requests
    assert (request.phone, request.account) == (PhoneNumber(payer.phone), owner.number)
    world.call_back(world.wallet.end(checkout, "0"))
    world.settle(minutes=2)
    assert (saved(world, owner), saved(world, payer)) == (5000, 0)
    assert told(world) == [("receipt", str(owner.id)), ("paid_for", str(payer.id))]
    paid_for = world.tasks("message")[1].payload["values"]
    assert paid_for["number"] == owner.number
    assert "balance_cents" not in paid_for
    assert shown(world, owner) == shown(world, payer) == [PaymentState.ACKNOWLEDGED]
    [record] = world.registry.posts
    assert (record.member_number, record.payer) == (owner.number, PhoneNumber(payer.phone))


def test_a_paybill_message_that_comes_first_is_theirs_too_and_nobody_hears_twice(world: World) -> None:
    payer, owner = world.member(), world.member()
    checkout = prompted(world, payer, owner, "2026-09")
    callback = world.wallet.end(checkout, "0")
    world.confirm(world.wallet.confirmation_of(checkout))
    world.work("evidence")
    world.call_back(callback)
    world.settle(minutes=2)
    assert (saved(world, owner), saved(world, payer)) == (5000, 0)
    assert [template for template, _ in told(world)] == ["receipt", "paid_for"]
    assert [record.period for record in world.registry.posts] == ["2026-09"]


def test_a_payment_says_for_whom_and_when_it_is_before_and_after_it_came(world: World) -> None:
    payer, owner = world.member(), world.member()
    checkout = prompted(world, payer, owner, "2026-09")
    wished = Intent("2026-09", owner.id, owner.number, payer.id)

    def seen(member: MemberRow) -> list[Intent | None]:
        with world.sessions.begin() as session:
            return [intent_of(session, payment.id) for payment in statement_of(session, member.id, 10)]

    assert seen(payer) == [wished]
    world.call_back(world.wallet.end(checkout, "0"))
    world.settle(minutes=2)
    assert seen(payer) == seen(owner) == [wished]
    # Money that nobody asked us for has only what its payer typed.
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(payer.phone), 700, payer.number))
    world.settle(minutes=1)
    assert None in seen(payer)


def test_a_statement_tells_apart_what_is_for_others_and_what_others_paid(world: World) -> None:
    payer, owner = world.member(), world.member()

    def special(member: MemberRow) -> list[Wish]:
        with world.sessions.begin() as session:
            payments = statement_of(session, member.id, 10)
            return list(wishes_among(session, member.id, payments).values())

    checkout = prompted(world, payer, owner, "2026-09")
    for_owner = Wish("2026-09", OtherMember(owner.id, owner.number), None)
    assert (special(payer), special(owner)) == ([for_owner], [])
    world.call_back(world.wallet.end(checkout, "0"))
    world.settle(minutes=2)
    # A member's own payment of this month is nothing special.
    world.call_back(world.wallet.end(prompted(world, payer), "0"))
    world.settle(minutes=2)
    assert special(payer) == [for_owner]
    assert special(owner) == [Wish("2026-09", None, OtherMember(payer.id, payer.number))]


def test_a_prompt_that_fails_is_told_to_the_payer_alone(world: World) -> None:
    payer, owner = world.member(), world.member()
    world.call_back(world.wallet.end(prompted(world, payer, owner), "1"))
    world.settle(minutes=10)
    assert {member for _, member in told(world)} == {str(payer.id)}
    assert shown(world, owner) == []
    assert len(shown(world, payer)) == 1


def test_nobody_pays_into_a_closed_membership_of_another(world: World) -> None:
    payer, owner = world.member(), world.member()
    with world.sessions.begin() as session:
        session.get_one(MemberRow, owner.id).status = "closed"
    assert ask(world, payer, owner) == NotAllowed("closed")


@pytest.mark.parametrize("period", ["2026-08", "2027-02"])
def test_the_registry_is_told_the_month_a_contribution_is_for(world: World, period: str) -> None:
    payer = world.member()
    world.call_back(world.wallet.end(prompted(world, payer, period=period), "0"))
    world.settle(minutes=2)
    assert [record.period for record in world.registry.posts] == [period]


def test_without_one_it_is_the_month_of_the_payment(world: World) -> None:
    world.call_back(world.wallet.end(prompted(world, world.member()), "0"))
    world.settle(minutes=2)
    assert [record.period for record in world.registry.posts] == ["2026-11"]


def test_the_database_knows_what_a_month_is(world: World) -> None:
    with pytest.raises(IntegrityError, match="period"):
        ask(world, world.member(), period="2026-13")
    with world.sessions.begin() as session:
        assert session.scalars(select(Contribution)).all() == []
