"""Whose money it is: an exact reference, a known payer, and suspense rather than a guess."""

from dataclasses import replace

import pytest
from sqlalchemy import select, text

from core.outbox import OutboxRow
from core.phone import PhoneNumber
from members.model import Status
from members.tables import MemberRow
from payments.looking_again import PAGE
from payments.particulars import Particulars
from payments.receipts.model import NAMED_ONCE, PAYER_UNNAMED
from payments.receipts.service import reverse
from payments.receipts.tables import Receipt
from payments.suspense.model import Place
from payments.suspense.places import Standing, move
from payments.suspense.suggesting import suggest
from tests.payments.world import World

STRANGER = PhoneNumber("+254733000111")


def _pay(world: World, phone: PhoneNumber, account: str, **hidden: object) -> Receipt:
    world.confirm(world.wallet.pay_by_hand(phone, 5000, account, **hidden))
    world.work("evidence")
    return world.receipts()[-1]


def _decided_by_staff(world: World, receipt: Receipt, member: MemberRow) -> None:
    to, now = Standing(Place.MEMBER, member.id), world.clock.now()
    with world.sessions.begin() as session:
        move(session, session.get_one(Receipt, receipt.id), to, key="staff", corrects=None, now=now)


def _knows(world: World, phone: PhoneNumber, member: MemberRow) -> None:
    """The phone pays for the member, and says that the number is right."""
    receipt = _pay(world, phone, member.number)
    world.say_yes(phone, receipt.receipt)
    assert world.receipts()[-1].member_id == member.id


def _phone(member: MemberRow) -> PhoneNumber:
    return PhoneNumber(member.phone)


def test_an_exact_member_number_from_its_members_own_phone_is_enough(world: World) -> None:
    member = world.member()
    typed = f" {member.number[:3]} {member.number[3:6]}-{member.number[6:]} "
    receipt = _pay(world, _phone(member), typed)
    assert (receipt.member_id, receipt.match_step) == (member.id, "member_number")


def test_one_wrong_digit_of_a_member_number_never_reaches_another_member(world: World) -> None:
    member, _ = world.member(), world.member()
    last = member.number[-1]
    for digit in set("0123456789") - {last}:
        assert _pay(world, STRANGER, member.number[:-1] + digit).member_id is None


@pytest.mark.parametrize("shown", [{}, {"payer_mask": "2547 ***** 111"}])
def test_an_id_alone_waits_in_suspense_and_suggests_its_member(world: World, shown: dict[str, str]) -> None:
    """An ID has no check digit: from a phone we do not know it may be a slip that hit somebody else."""
    member = world.member(national_id="23456789")
    receipt = _pay(world, STRANGER, "23456789", **shown)
    assert (receipt.member_id, receipt.match_step) == (None, "suspense")
    assert receipt.match_why == "an ID as reference, and nothing about the payer speaks for the member"
    with world.sessions.begin() as session:
        [first, *_] = suggest(session, session.get_one(Receipt, receipt.id))
    assert first.member_id == member.id


@pytest.mark.parametrize("plain", [True, False])
def test_an_id_typed_at_its_members_own_phone_is_enough(world: World, *, plain: bool) -> None:
    member = world.member(national_id="23456789")
    shown = {"payer": member.phone} if plain else {"payer_hash": _phone(member).wallet_hash}
    receipt = _pay(world, _phone(member), "23456789", **shown)
    assert (receipt.member_id, receipt.match_step) == (member.id, "national_id")


@pytest.mark.parametrize(
    ("masked_name", "is_credited"),
    [("W****** M*****", True), ("W*****", False), ("W******", False), ("W****** O*****", False), ("", False)],
)
def test_an_id_with_the_whole_name_of_its_member_is_enough(
    world: World, masked_name: str, *, is_credited: bool
) -> None:
    member = world.member(national_id="23456789")
    with world.sessions.begin() as session:
        session.get_one(MemberRow, member.id).masked_name = masked_name
    shown = {"payer_name": "WANJIKU NJERI MWANGI", "payer_hash": STRANGER.wallet_hash}
    receipt = _pay(world, STRANGER, "23456789", **shown)
    assert receipt.member_id == (member.id if is_credited else None)


def test_an_id_from_a_phone_that_paid_for_its_member_before_is_enough(world: World) -> None:
    member, other = world.member(national_id="23456789"), world.member(national_id="23456780")
    _knows(world, STRANGER, member)
    assert _pay(world, STRANGER, member.identifier).member_id == member.id
    assert _pay(world, STRANGER, other.identifier).member_id is None


def test_a_pull_that_shows_the_members_own_phone_credits_what_came_with_an_id_alone(world: World) -> None:
    member = world.member(national_id="23456789")
    assert _pay(world, _phone(member), "23456789", payer_mask="2547 ***** 001").member_id is None
    world.settle(minutes=1)
    [receipt] = world.receipts()
    assert (receipt.member_id, receipt.match_step) == (member.id, "national_id")


@pytest.mark.parametrize("account", ["", " - ", "savings", "Akiba", "N/A", "0"])
def test_a_blank_reference_is_the_payers_own_once_they_said_so(world: World, account: str) -> None:
    """A friend's phone pays just so: its owner is asked, once; their word stands for the next times."""
    member = world.member()
    hidden = {"payer_hash": _phone(member).wallet_hash.upper()}
    receipt = _pay(world, _phone(member), account, **hidden)
    assert (receipt.member_id, receipt.match_why) == (
        None,
        "no reference, and the payer has not said that it is theirs",
    )
    world.settle(minutes=1)
    assert world.messages() == ["suspense"], "the payer is asked"
    world.write("claim", member, receipt.receipt)
    assert world.receipts()[0].member_id == member.id
    again = _pay(world, _phone(member), account, **hidden)
    assert (again.member_id, again.match_step) == (member.id, "phone")


def test_a_claim_of_a_mistyped_payment_says_nothing_of_blank_ones(world: World) -> None:
    member = world.member()
    receipt = _pay(world, _phone(member), "SHAMBA")
    world.write("claim", member, receipt.receipt)
    assert world.receipts()[0].member_id == member.id
    assert _pay(world, _phone(member), "").member_id is None


def test_a_phone_as_reference_counts_only_when_it_paid_itself(world: World) -> None:
    member = world.member()
    assert _pay(world, _phone(member), f"0{member.phone[4:]}").member_id == member.id
    assert _pay(world, STRANGER, f"0{member.phone[4:]}").member_id is None


def test_a_reference_and_a_payer_of_two_members_wait_in_suspense(world: World) -> None:
    member, other = world.member(), world.member()
    receipt = _pay(world, _phone(other), member.number)
    assert receipt.member_id is None
    assert receipt.match_why == "reference and payer point to two members"
    proof = world.proof()
    assert (proof.credited_cents, proof.suspense_cents) == (0, 5000)
    world.settle(minutes=1)
    assert world.messages() == ["named", "right_number"], "both are asked"


@pytest.mark.parametrize(
    ("account", "why"),
    [
        ("JOHN", "the reference has no known form"),
        ("99999999", "no member has this national id"),
        ("", "no reference, and the payer is not known"),
    ],
)
def test_what_points_to_nobody_waits_in_suspense(world: World, account: str, why: str) -> None:
    world.member()
    receipt = _pay(world, STRANGER, account)
    assert (receipt.member_id, receipt.match_why) == (None, why)


def test_a_mistyped_reference_is_not_saved_by_a_known_payer(world: World) -> None:
    assert _pay(world, _phone(world.member()), "99999999").member_id is None


def test_money_for_a_closed_membership_waits_in_suspense(world: World) -> None:
    member = world.member(Status.DECEASED)
    for payer in (_phone(member), STRANGER):
        assert _pay(world, payer, member.number).match_why == "the membership is closed"
    _pay(world, _phone(world.member()), member.number)
    world.settle(minutes=1)
    assert "named" not in world.messages(), "who died is not asked"


def test_a_pull_that_names_a_masked_payer_takes_money_out_of_suspense(world: World) -> None:
    member = world.member()
    receipt = _pay(world, _phone(member), f"0{member.phone[4:]}", payer_mask="2547 ***** 001")
    assert receipt.member_id is None
    world.settle(minutes=1)
    [receipt] = world.receipts()
    assert (receipt.member_id, receipt.match_step) == (member.id, "phone")
    proof = world.proof()
    assert (proof.credited_cents, proof.suspense_cents, proof.acknowledged) == (5000, 0, 1)
    assert world.messages() == ["receipt"]


def test_a_callback_takes_its_money_out_of_suspense(world: World) -> None:
    """The confirmation of a prompted payment came first and pointed to two members."""
    member, other = world.member(), world.member()
    contribution_id, checkout_id = world.prompted(member)
    callback = world.wallet.end(checkout_id, "0")
    hidden = {"payer_hash": _phone(other).wallet_hash}
    world.confirm(world.wallet.confirmation_of(checkout_id, **hidden))
    world.work("evidence")
    assert world.proof().suspense_cents == 5000
    world.call_back(callback, contribution_id)
    world.work("evidence")
    proof = world.proof()
    assert (proof.credited_cents, proof.suspense_cents, proof.holds) == (5000, 0, True)
    assert world.contribution(contribution_id).state == "paid"


def test_particulars_are_sealed_and_masked(world: World) -> None:
    receipt = _pay(world, STRANGER, "23456789", payer=STRANGER.e164)
    known = Particulars.from_json(receipt.particulars)
    assert (known.account_masked, known.payer_masked) == ("*****789", "+2547*****111")


def _slips(member: MemberRow) -> dict[str, str]:
    number, phone = member.number, f"0{member.phone[4:]}"
    return {
        "one digit wrong": number[:4] + str((int(number[4]) + 3) % 10) + number[5:],
        "one digit missing": number[:3] + number[4:],
        "one digit too many": number[:2] + "7" + number[2:],
        "two swapped": number[:6] + number[7] + number[6] + number[8:],
        "national ID": member.identifier[:5]
        + str((int(member.identifier[5]) + 1) % 10)
        + member.identifier[6:],
        "phone": phone[:6] + phone[7:],
    }


def test_a_slip_in_ones_own_reference_is_forgiven_when_ones_own_phone_pays(world: World) -> None:
    member = world.member(national_id="31415926")
    for name, typed in _slips(member).items():
        if typed != member.number:
            assert _pay(world, _phone(member), typed).member_id == member.id, name


MASKED = {"payer_mask": "2547 ***** 999"}


@pytest.mark.parametrize("hidden", [MASKED, {"payer_name": "WANJIKU"}])
def test_a_number_waits_for_the_list_to_name_the_payer(world: World, hidden: dict[str, object]) -> None:
    """The wallet hides who paid; seconds later its list says that it was the phone of another member."""
    named, payer = world.member(), world.member()
    receipt = _pay(world, _phone(payer), named.number, **hidden)
    assert (receipt.member_id, receipt.match_why) == (None, "the wallet has not named the payer yet")
    assert world.messages() == []
    world.settle(minutes=1)
    [receipt] = world.receipts()
    assert (receipt.member_id, receipt.match_why) == (None, "reference and payer point to two members")
    assert world.messages() == ["named", "right_number"]


def test_a_number_of_a_hidden_payer_is_credited_when_the_list_is_read(world: World) -> None:
    member = world.member()
    assert _pay(world, _phone(member), member.number, **MASKED).member_id is None
    world.settle(minutes=1)
    [receipt] = world.receipts()
    assert (receipt.member_id, receipt.match_step) == (member.id, "member_number")
    assert world.messages() == ["receipt"]
    with world.sessions.begin() as session:
        waiting = select(OutboxRow.id).where(OutboxRow.topic == "unnamed_payer", OutboxRow.state == "pending")
        assert session.scalars(waiting).all() == [], "nothing is left to be decided later"


def test_a_mask_of_the_members_own_phone_is_enough_at_once(world: World) -> None:
    member = world.member()
    mask = f"2547 ***** {member.phone[-3:]}"
    assert _pay(world, _phone(member), member.number, payer_mask=mask).member_id == member.id


def test_a_mask_that_fits_by_chance_is_not_enough_beside_another_name(world: World) -> None:
    member = world.member()
    with world.sessions.begin() as session:
        session.get_one(MemberRow, member.id).masked_name = "W****** M*****"
    mask = {"payer_mask": f"2547 ***** {member.phone[-3:]}"}
    assert _pay(world, STRANGER, member.number, payer_name="OTIENO", **mask).member_id is None
    assert _pay(world, STRANGER, member.number, payer_name="WANJIKU", **mask).member_id == member.id


def test_a_list_that_names_nobody_ends_the_waiting(world: World) -> None:
    """Nobody knows who paid: the member named is asked, and who paid knows the code."""
    member = world.member()
    _pay(world, STRANGER, member.number, **MASKED)
    world.wallet.lines[-1] = replace(world.wallet.lines[-1], payer=None)
    world.settle(minutes=11, step_seconds=60)
    [receipt] = world.receipts()
    assert (receipt.member_id, receipt.match_why) == (None, NAMED_ONCE)
    assert world.messages() == ["named"]
    world.write("claim", member, receipt.receipt)
    assert world.receipts()[0].member_id == member.id
    assert world.proof().holds


def test_a_list_that_is_away_is_waited_for_a_day_at_most(world: World) -> None:
    member = world.member()
    world.wallet.fail_after_pages = 0
    _pay(world, STRANGER, member.number, **MASKED)
    world.settle(minutes=60, step_seconds=300)
    assert world.receipts()[0].match_why == PAYER_UNNAMED
    world.clock.forward(hours=24)
    world.work("unnamed_payer")
    assert world.receipts()[0].match_why == NAMED_ONCE


def test_what_staff_decided_while_the_payer_was_hidden_stays(world: World) -> None:
    member, other = world.member(), world.member()
    receipt = _pay(world, STRANGER, member.number, **MASKED)
    with world.sessions.begin() as session:
        found = session.get_one(Receipt, receipt.id)
        move(
            session,
            found,
            Standing(Place.MEMBER, other.id),
            key="staff",
            corrects=None,
            now=world.clock.now(),
        )
    world.settle(minutes=12, step_seconds=60)
    assert world.receipts()[0].member_id == other.id


def test_a_members_phone_pays_for_another_once_that_was_chosen(world: World) -> None:
    """Money for another member waits, until a person decided or the payer chose to pay for them before."""
    member, payer = world.member(), world.member()
    first = _pay(world, _phone(payer), member.number)
    assert first.member_id is None
    with world.sessions.begin() as session:
        found = session.get_one(Receipt, first.id)
        move(
            session,
            found,
            Standing(Place.MEMBER, member.id),
            key="staff",
            corrects=None,
            now=world.clock.now(),
        )
    assert _pay(world, _phone(payer), member.number).member_id == member.id
    assert _pay(world, _phone(payer), world.member().number).member_id is None


def test_a_phone_that_always_pays_for_one_member_speaks_against_another(world: World) -> None:
    family, named = world.member(), world.member()
    _knows(world, STRANGER, family)
    assert _pay(world, STRANGER, family.number).member_id == family.id
    receipt = _pay(world, STRANGER, named.number)
    assert (receipt.member_id, receipt.match_why) == (None, "reference and payer point to two members")


def test_the_first_payment_from_a_phone_new_to_a_member_waits_and_both_are_asked(
    world: World,
) -> None:
    member = world.member()
    receipt = _pay(world, STRANGER, member.number)
    assert (receipt.member_id, receipt.match_why) == (None, NAMED_ONCE)
    world.settle(minutes=1)
    assert world.messages() == ["named", "right_number"]
    [to_member, to_payer] = world.tasks("message")
    assert receipt.receipt not in str(to_member.payload), "who was named by mistake must not know the code"
    assert to_payer.payload["values"]["number"] == member.number


def test_a_number_typed_again_at_another_time_frees_what_waited(world: World) -> None:
    member = world.member()
    assert _pay(world, STRANGER, member.number).member_id is None
    assert _pay(world, STRANGER, member.number).member_id is None, "the same sitting is the same slip"
    world.clock.forward(hours=1)
    assert _pay(world, STRANGER, member.number).member_id == member.id
    world.work()
    assert {receipt.member_id for receipt in world.receipts()} == {member.id}
    assert world.messages().count("receipt") == len(world.receipts())
    assert _pay(world, STRANGER, member.identifier).member_id == member.id
    assert _pay(world, STRANGER, world.member().number).member_id is None


def test_two_references_of_one_member_are_enough_when_one_is_the_number(world: World) -> None:
    """Also from the phone of another member; an ID alone may be learnt wrong, and is never enough twice."""
    member, payer = world.member(national_id="23456789"), world.member()
    for typed, is_credited in (("23456789", False), ("23456789", False), (member.number, True)):
        assert (_pay(world, _phone(payer), typed).member_id == member.id) is is_credited
        world.clock.forward(hours=2)
    world.work()
    assert {receipt.member_id for receipt in world.receipts()} == {member.id}


def test_what_staff_decided_is_not_looked_at_again(world: World) -> None:
    member, other = world.member(), world.member()
    first = _pay(world, STRANGER, member.number)
    world.clock.forward(hours=2)
    _decided_by_staff(world, first, other)
    assert _pay(world, STRANGER, member.number).member_id is None
    world.clock.forward(hours=2)
    assert _pay(world, STRANGER, member.number).member_id == member.id
    world.work()
    assert next(one for one in world.receipts() if one.id == first.id).member_id == other.id


def test_a_blank_reference_from_a_phone_that_pays_for_others_is_nobodys(world: World) -> None:
    member, payer = world.member(), world.member()
    receipt = _pay(world, _phone(payer), "")
    world.write("claim", payer, receipt.receipt)
    assert _pay(world, _phone(payer), "").member_id == payer.id
    _pay(world, _phone(payer), member.number)
    receipt = _pay(world, _phone(payer), "AKIBA")
    assert (receipt.member_id, receipt.match_why) == (
        None,
        "no reference, and the payer's phone pays for others too",
    )


@pytest.mark.parametrize(
    ("typed", "is_credited"),
    [
        ("Wanjiku", True),
        ("mwangi wanjiku", True),
        ("NJERI", False),
        ("WANJIKU 7", True),
        ("Mama Wanjiku", False),
    ],
)
def test_ones_own_name_from_ones_own_phone_is_enough(world: World, typed: str, *, is_credited: bool) -> None:
    member, other = world.member(), world.member()
    with world.sessions.begin() as session:
        session.get_one(MemberRow, member.id).masked_name = "W****** M*****"
    assert _pay(world, _phone(member), typed, payer_name="WANJIKU NJERI MWANGI").member_id is None
    assert _pay(world, _phone(member), member.number).member_id == member.id
    shown = {"payer_hash": _phone(member).wallet_hash, "payer_name": "WANJIKU NJERI MWANGI"}
    assert _pay(world, _phone(member), typed, **shown).member_id == (member.id if is_credited else None)
    shown = {"payer_hash": STRANGER.wallet_hash, "payer_name": "WANJIKU NJERI MWANGI"}
    assert _pay(world, STRANGER, typed, **shown).member_id is None
    shown = {"payer_hash": _phone(other).wallet_hash, "payer_name": "WANJIKU OTIENO"}
    assert _pay(world, _phone(other), typed, **shown).member_id is None


def test_messages_that_name_two_payers_credit_nobody(world: World) -> None:
    member = world.member()
    receipt = _pay(world, _phone(member), "", payer_hash=STRANGER.wallet_hash)
    assert receipt.member_id is None
    world.settle(minutes=1)
    [receipt] = world.receipts()
    assert (receipt.member_id, receipt.match_why) == (None, "the messages about it name two payers")


def test_the_same_slip_from_another_phone_waits_in_suspense(world: World) -> None:
    member, other = world.member(national_id="31415926"), world.member()
    for name, typed in _slips(member).items():
        for payer in (STRANGER, _phone(other)):
            found = _pay(world, payer, typed).member_id
            assert found is None or typed in {other.number, member.number}, name


def test_a_slip_that_names_somebody_else_is_for_a_person_to_decide(world: World) -> None:
    """The IDs of two members are one digit apart: the payer may have meant the other one."""
    member, named = world.member(national_id="31415926"), world.member(national_id="31415927")
    receipt = _pay(world, _phone(member), named.identifier)
    assert (receipt.member_id, receipt.match_why) == (None, "reference and payer point to two members")


def test_who_pays_for_many_is_believed_of_each_the_second_time(world: World) -> None:
    """A village's agent: between two payments for one member lie those for all the others."""
    members = [world.member() for _ in range(12)]
    for is_known in (False, True):
        for member in members:
            assert _pay(world, STRANGER, member.number).member_id == (member.id if is_known else None)
        world.clock.forward(hours=2)
    world.work()
    assert None not in {receipt.member_id for receipt in world.receipts()}


def test_a_number_counts_for_the_membership_that_stayed(world: World) -> None:
    member, gone = world.member(), world.member()
    _pay(world, STRANGER, gone.number)
    with world.sessions.begin() as session:
        row = session.get_one(MemberRow, gone.id)
        row.status, row.merged_into = Status.CLOSED, member.id
    world.clock.forward(hours=2)
    assert _pay(world, STRANGER, member.number).member_id == member.id
    world.work()
    assert {receipt.member_id for receipt in world.receipts()} == {member.id}


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
    _copies(world, _pay(world, STRANGER, other.number), 2 * PAGE + 1)
    waiting = [_pay(world, STRANGER, member.number) for _ in range(2)]
    world.say_yes(STRANGER, waiting[0].receipt)
    assert len(world.tasks("look_again")) == 1
    world.work("look_again")
    assert len(world.tasks("look_again")) == 3
    freed = [receipt for receipt in world.receipts() if receipt.member_id is not None]
    assert {receipt.id for receipt in freed} == {receipt.id for receipt in waiting}
    assert {receipt.member_id for receipt in freed} == {member.id}


def test_what_the_wallet_took_back_or_staff_decided_queues_nothing(world: World) -> None:
    member = world.member()
    first, second = (_pay(world, STRANGER, member.number) for _ in range(2))
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
    first, second = (_pay(world, STRANGER, member.number) for _ in range(2))
    world.say_yes(STRANGER, first.receipt)
    world.wallet.take_back(first.receipt)
    with world.sessions.begin() as session:
        now = world.clock.now()
        reverse(session, session.get_one(Receipt, first.id), occurred_at=now, now=now)
    world.work("look_again")
    assert next(one for one in world.receipts() if one.id == second.id).member_id is None


def test_a_task_queued_before_there_were_pages_is_worked(world: World) -> None:
    member = world.member()
    first, second = (_pay(world, STRANGER, member.number) for _ in range(2))
    _decided_by_staff(world, first, member)
    world.add_task("look_again", {"receipt_id": str(second.id)})
    world.work("look_again")
    assert {receipt.member_id for receipt in world.receipts()} == {member.id}
