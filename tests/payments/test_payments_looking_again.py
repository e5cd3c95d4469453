"""Money that named somebody once: it waits for a second sign, and is looked at again when there is one."""

from sqlalchemy import text

from payments.looking_again import PAGE
from payments.receipts.model import NAMED_ONCE
from payments.receipts.service import reverse
from payments.receipts.tables import Receipt
from payments.suspense.model import Place
from payments.suspense.places import Standing, move
from tests.payments.hand_payers import STRANGER, decided_by_staff, pay, phone_of
from tests.payments.world import World


def test_the_first_payment_from_a_phone_new_to_a_member_waits_and_both_are_asked(
    world: World,
) -> None:
    member = world.member()
    receipt = pay(world, STRANGER, member.number)
    assert (receipt.member_id, receipt.match_why) == (None, NAMED_ONCE)
    world.settle(minutes=1)
    assert world.messages() == ["named", "right_number"]
    [to_member, to_payer] = world.tasks("message")
    assert receipt.receipt not in str(to_member.payload), "who was named by mistake must not know the code"
    assert to_payer.payload["values"]["number"] == member.number


def test_a_number_typed_again_at_another_time_frees_what_waited(world: World) -> None:
    member = world.member()
    assert pay(world, STRANGER, member.number).member_id is None
    assert pay(world, STRANGER, member.number).member_id is None, "the same sitting is the same slip"
    world.clock.forward(hours=1)
    assert pay(world, STRANGER, member.number).member_id == member.id
    world.work()
    assert {receipt.member_id for receipt in world.receipts()} == {member.id}
    assert world.messages().count("receipt") == len(world.receipts())
    assert pay(world, STRANGER, member.identifier).member_id == member.id
    assert pay(world, STRANGER, world.member().number).member_id is None


def test_two_references_of_one_member_are_enough_when_one_is_the_number(world: World) -> None:
    """Also from the phone of another member; an ID alone may be learnt wrong, and is never enough twice."""
    member, payer = world.member(national_id="23456789"), world.member()
    for typed, is_credited in (("23456789", False), ("23456789", False), (member.number, True)):
        assert (pay(world, phone_of(payer), typed).member_id == member.id) is is_credited
        world.clock.forward(hours=2)
    world.work()
    assert {receipt.member_id for receipt in world.receipts()} == {member.id}


def test_what_staff_decided_is_not_looked_at_again(world: World) -> None:
    member, other = world.member(), world.member()
    first = pay(world, STRANGER, member.number)
    world.clock.forward(hours=2)
    decided_by_staff(world, first, other)
    assert pay(world, STRANGER, member.number).member_id is None
    world.clock.forward(hours=2)
    assert pay(world, STRANGER, member.number).member_id == member.id
    world.work()
    assert next(one for one in world.receipts() if one.id == first.id).member_id == other.id


def test_who_pays_for_many_is_believed_of_each_the_second_time(world: World) -> None:
    """A village's agent: between two payments for one member lie those for all the others."""
    members = [world.member() for _ in range(12)]
    for is_known in (False, True):
        for member in members:
            assert pay(world, STRANGER, member.number).member_id == (member.id if is_known else None)
        world.clock.forward(hours=2)
    world.work()
    assert None not in {receipt.member_id for receipt in world.receipts()}


def _copies(world: World, receipt: Receipt, count: int, *, reversed_too: bool = False) -> None:
    """As much more money of the same phone for the same member, whose ids come before all others."""
    reversed_at = "now()" if reversed_too else "NULL"
    columns = "wallet, shortcode, amount_cents, currency, source, match_step, match_why, payer_index"
    columns += ", particulars, paid_at, recorded_at"
    statement = text(
        f"INSERT INTO receipts (id, receipt, reversed_at, {columns}) "  # noqa: S608
        f"SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'COPY' || n, {reversed_at}, "
        f"{columns} FROM receipts, generate_series(1, :count) AS n WHERE receipt = :receipt"
    )
    with world.sessions.begin() as session:
        session.execute(statement, {"count": count, "receipt": receipt.receipt})


def test_however_much_waits_a_credit_queues_one_task_that_goes_page_by_page(world: World) -> None:
    member, other = world.member(), world.member()
    _copies(world, pay(world, STRANGER, other.number), 2 * PAGE + 1)
    waiting = [pay(world, STRANGER, member.number) for _ in range(2)]
    world.say_yes(STRANGER, waiting[0].receipt)
    assert len(world.tasks("look_again")) == 1
    world.work("look_again")
    assert len(world.tasks("look_again")) == 3
    freed = [receipt for receipt in world.receipts() if receipt.member_id is not None]
    assert {receipt.id for receipt in freed} == {receipt.id for receipt in waiting}
    assert {receipt.member_id for receipt in freed} == {member.id}


def test_what_the_wallet_took_back_or_staff_decided_queues_nothing(world: World) -> None:
    member = world.member()
    first, second = (pay(world, STRANGER, member.number) for _ in range(2))
    _copies(world, first, 3, reversed_too=True)
    with world.sessions.begin() as session:
        move(
            session,
            session.get_one(Receipt, second.id),
            Standing(Place.REFUND),
            key="staff",
            corrects=None,
            now=world.clock.now(),
        )
    world.say_yes(STRANGER, first.receipt)
    assert [receipt.receipt for receipt in world.receipts() if receipt.member_id] == [first.receipt]
    assert world.tasks("look_again") == []


def test_a_credit_taken_back_before_it_was_looked_at_frees_nothing(world: World) -> None:
    member = world.member()
    first, second = (pay(world, STRANGER, member.number) for _ in range(2))
    world.say_yes(STRANGER, first.receipt)
    world.wallet.take_back(first.receipt)
    with world.sessions.begin() as session:
        now = world.clock.now()
        reverse(session, session.get_one(Receipt, first.id), occurred_at=now, now=now)
    world.work("look_again")
    assert next(one for one in world.receipts() if one.id == second.id).member_id is None


def test_a_task_queued_before_there_were_pages_is_worked(world: World) -> None:
    member = world.member()
    first, second = (pay(world, STRANGER, member.number) for _ in range(2))
    decided_by_staff(world, first, member)
    world.add_task("look_again", {"receipt_id": str(second.id)})
    world.work("look_again")
    assert {receipt.member_id for receipt in world.receipts()} == {member.id}
