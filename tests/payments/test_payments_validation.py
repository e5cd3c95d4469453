"""What a wallet is told before somebody's hand payment: wrong numbers are turned away, the rest is taken."""

import pytest

from core.money import Money
from members.model import Status
from payments.schemes.rules import scheme_on
from payments.validation import Judgement, judge
from payments.wallets.protocol import HandPayment
from tests.payments.one_person import Pair
from tests.payments.world import START, World

SCHEME = scheme_on("KE", START.date())


def judged(world: World, account: str, cents: int = 5000) -> Judgement:
    payment = HandPayment("SKL0000001", world.wallet.shortcode, Money(cents, "KES"), START, account)
    with world.sessions.begin() as session:
        return judge(session, payment, SCHEME)


def test_a_members_number_phone_and_id_are_taken_and_every_slip_is_turned_away(world: World) -> None:
    member = world.member()
    for account in (
        member.number,
        f" {member.number[:3]} {member.number[3:]}",
        member.phone,
        member.identifier,
    ):
        assert judged(world, account) is Judgement.ACCEPT
    for place in range(len(member.number)):
        slip = f"{member.number[:place]}{(int(member.number[place]) + 1) % 10}{member.number[place + 1 :]}"
        assert judged(world, slip) is Judgement.NO_SUCH_ACCOUNT


@pytest.mark.parametrize("account", ["", "SAVE", "mama wanjiru"])
def test_words_are_taken_for_the_payer_may_tell_whose_money_it_is(world: World, account: str) -> None:
    assert judged(world, account) is Judgement.ACCEPT


def test_a_closed_membership_is_turned_away_unless_it_was_made_one_with_another(
    world: World,
) -> None:
    closed = world.member(Status.CLOSED)
    assert judged(world, closed.number) is Judgement.NO_SUCH_ACCOUNT
    pair = Pair(world)
    pair.decide()
    assert judged(world, pair.closed.number) is Judgement.ACCEPT


def test_an_amount_outside_the_limits_is_turned_away(world: World) -> None:
    number = world.member().number
    below = SCHEME.payment_min_cents - 1
    assert judged(world, number, below) is Judgement.AMOUNT_OUT_OF_LIMITS
    assert judged(world, number, SCHEME.payment_max_cents + 1) is Judgement.AMOUNT_OUT_OF_LIMITS
