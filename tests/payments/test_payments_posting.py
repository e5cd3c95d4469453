"""The central registry: told once, in order for each member, and believed only when read back."""

import uuid

import pytest
from sqlalchemy import select

from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.registry_postings.model import Booking
from payments.registry_postings.tables import RegistryPosting
from tests.payments.world import World


def _save(world: World, member: MemberRow, cents: int = 5000) -> None:
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), cents, member.number))
    world.clock.forward(seconds=1)


def _postings(world: World) -> list[RegistryPosting]:
    with world.sessions.begin() as session:
        return list(session.scalars(select(RegistryPosting).order_by(RegistryPosting.created_at)))


def test_only_what_the_wallet_lists_is_posted(world: World) -> None:
    member = world.member()
    _save(world, member)
    hidden, world.wallet.lines = world.wallet.lines, []
    world.settle(minutes=2)
    assert world.proof().credited_cents == 5000
    assert world.registry.posts == []
    world.wallet.lines = hidden
    _save(world, member)
    world.settle(minutes=2)
    assert world.proof().acknowledged == 2


def test_suspense_is_not_posted(world: World) -> None:
    world.confirm(world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 5000, "nobody"))
    world.settle(minutes=2)
    assert world.registry.posts == []


def test_an_hour_without_the_registry_loses_nothing_and_keeps_the_order(world: World) -> None:
    members = [world.member(), world.member()]
    world.registry.is_down = True
    for cents in (1000, 2000, 3000):
        for member in members:
            _save(world, member, cents)
        world.settle(minutes=20, step_seconds=30)
    assert world.proof().acknowledged == 0
    world.registry.is_down = False
    world.settle(minutes=3, step_seconds=5)
    assert world.proof().acknowledged == 6
    for member in members:
        amounts = [
            stored.amount.amount_cents
            for stored in world.registry.stored.values()
            if stored.member_number == member.number
        ]
        assert amounts == [1000, 2000, 3000]


def test_an_answer_that_was_lost_is_read_back_and_not_posted_twice(world: World) -> None:
    world.registry.loses_answers = 1
    _save(world, world.member())
    world.settle(minutes=1)
    assert len(world.registry.posts) == 1
    assert world.proof().acknowledged == 1


def test_what_the_registry_took_and_forgot_is_told_again_under_the_same_ids(world: World) -> None:
    world.registry.forgets = 1
    _save(world, world.member())
    world.settle(minutes=1)
    first, second = world.registry.posts
    assert first == second
    assert world.proof().acknowledged == 1


def test_a_crash_after_posting_is_followed_by_reading_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save(world, world.member())
    world.work("evidence")
    world.clock.forward(seconds=10)
    world.work("pull")
    [row] = world.tasks("post")
    post = type(world.registry).post

    def die_after(registry: object, record: object) -> object:
        post(registry, record)  # type: ignore[arg-type]
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(type(world.registry), "post", die_after)
        with pytest.raises(SystemExit):
            world.posting.run(world.task(row))
    world.settle(minutes=1)
    assert len(world.registry.posts) == 1
    assert world.proof().acknowledged == 1


def test_a_record_that_reads_back_differently_is_a_case_for_staff(world: World) -> None:
    world.registry.changes_amount_by_cents = 1
    _save(world, world.member())
    world.settle(minutes=1)
    [posting] = _postings(world)
    assert (posting.state, posting.read_back_amount_cents) == ("rejected", 5001)
    assert posting.last_error == "read back: amount differ"
    assert world.proof().acknowledged == 0


def test_a_record_that_the_registry_holds_as_rejected_is_a_case_for_staff(world: World) -> None:
    world.registry.booking = Booking.REJECTED
    _save(world, world.member())
    world.settle(minutes=1)
    [posting] = _postings(world)
    assert (posting.state, posting.read_back_amount_cents) == ("rejected", None)
    assert posting.last_error == "read back: the registry has rejected it"
    assert world.proof().acknowledged == 0


@pytest.mark.parametrize("answers_lost", [0, 1])
def test_what_the_registry_has_not_decided_is_waited_for_and_not_told_again(
    world: World, answers_lost: int
) -> None:
    member = world.member()
    world.registry.booking = Booking.PENDING
    world.registry.loses_answers = answers_lost
    _save(world, member)
    world.settle(minutes=5)
    [posting] = _postings(world)
    assert posting.state == "posted"
    # It waits beside its lane.
    world.registry.booking = Booking.BOOKED
    _save(world, member)
    world.settle(minutes=2)
    assert world.proof().acknowledged == 2
    assert len(world.registry.posts) == 2


def test_a_refused_record_does_not_hold_up_the_next(world: World) -> None:
    member = world.member()
    world.registry.refuses = "rjct.amount.invalid"
    _save(world, member)
    world.settle(minutes=1)
    world.registry.refuses = ""
    _save(world, member)
    world.settle(minutes=1)
    assert [posting.state for posting in _postings(world)] == ["rejected", "acknowledged"]


def test_the_record_names_member_amount_period_and_receipt(world: World) -> None:
    member = world.member()
    _save(world, member)
    world.settle(minutes=1)
    [record] = world.registry.posts
    assert (record.member_number, record.amount.amount_cents, record.period, record.receipt) == (
        member.number,
        5000,
        "2026-11",
        "SKL0000001",
    )
    assert record.payer == PhoneNumber(member.phone)
    assert isinstance(record.transaction_id, uuid.UUID)
