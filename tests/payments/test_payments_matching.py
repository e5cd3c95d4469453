"""Whose money it is: an exact reference, a known payer, and suspense rather than a guess."""

import pytest

from members.model import Status
from members.tables import MemberRow
from payments.particulars import Particulars
from payments.receipts.tables import Receipt
from payments.suspense.model import Place
from payments.suspense.places import Standing, move
from payments.suspense.suggesting import suggest
from tests.payments.hand_payers import STRANGER, knows, pay, phone_of
from tests.payments.world import World


def test_an_exact_member_number_from_its_members_own_phone_is_enough(world: World) -> None:
    member = world.member()
    typed = f" {member.number[:3]} {member.number[3:6]}-{member.number[6:]} "
    receipt = pay(world, phone_of(member), typed)
    assert (receipt.member_id, receipt.match_step) == (member.id, "member_number")


def test_one_wrong_digit_of_a_member_number_never_reaches_another_member(world: World) -> None:
    member, _ = world.member(), world.member()
    last = member.number[-1]
    for digit in set("0123456789") - {last}:
        assert pay(world, STRANGER, member.number[:-1] + digit).member_id is None


@pytest.mark.parametrize("shown", [{}, {"payer_mask": "2547 ***** 111"}])
def test_an_id_alone_waits_in_suspense_and_suggests_its_member(world: World, shown: dict[str, str]) -> None:
    """An ID has no check digit: from a phone we do not know it may be a slip that hit somebody else."""
    member = world.member(national_id="23456789")
    receipt = pay(world, STRANGER, "23456789", **shown)
    assert (receipt.member_id, receipt.match_step) == (None, "suspense")
    assert receipt.match_why == "an ID as reference, and nothing about the payer speaks for the member"
    with world.sessions.begin() as session:
        [first, *_] = suggest(session, session.get_one(Receipt, receipt.id))
    assert first.member_id == member.id


@pytest.mark.parametrize("plain", [True, False])
def test_an_id_typed_at_its_members_own_phone_is_enough(world: World, *, plain: bool) -> None:
    member = world.member(national_id="23456789")
    shown = {"payer": member.phone} if plain else {"payer_hash": phone_of(member).wallet_hash}
    receipt = pay(world, phone_of(member), "23456789", **shown)
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
    receipt = pay(world, STRANGER, "23456789", **shown)
    assert receipt.member_id == (member.id if is_credited else None)


def test_an_id_from_a_phone_that_paid_for_its_member_before_is_enough(world: World) -> None:
    member, other = world.member(national_id="23456789"), world.member(national_id="23456780")
    knows(world, STRANGER, member)
    assert pay(world, STRANGER, member.identifier).member_id == member.id
    assert pay(world, STRANGER, other.identifier).member_id is None


def test_a_pull_that_shows_the_members_own_phone_credits_what_came_with_an_id_alone(world: World) -> None:
    member = world.member(national_id="23456789")
    assert pay(world, phone_of(member), "23456789", payer_mask="2547 ***** 001").member_id is None
    world.settle(minutes=1)
    [receipt] = world.receipts()
    assert (receipt.member_id, receipt.match_step) == (member.id, "national_id")


@pytest.mark.parametrize("account", ["", " - ", "savings", "Akiba", "N/A", "0"])
def test_a_blank_reference_is_the_payers_own_once_they_said_so(world: World, account: str) -> None:
    """A friend's phone pays just so: its owner is asked, once; their word stands for the next times."""
    member = world.member()
    hidden = {"payer_hash": phone_of(member).wallet_hash.upper()}
    receipt = pay(world, phone_of(member), account, **hidden)
    assert (receipt.member_id, receipt.match_why) == (
        None,
        "no reference, and the payer has not said that it is theirs",
    )
    world.settle(minutes=1)
    assert world.messages() == ["suspense"], "the payer is asked"
    world.write("claim", member, receipt.receipt)
    assert world.receipts()[0].member_id == member.id
    again = pay(world, phone_of(member), account, **hidden)
    assert (again.member_id, again.match_step) == (member.id, "phone")


def test_a_claim_of_a_mistyped_payment_says_nothing_of_blank_ones(world: World) -> None:
    member = world.member()
    receipt = pay(world, phone_of(member), "SHAMBA")
    world.write("claim", member, receipt.receipt)
    assert world.receipts()[0].member_id == member.id
    assert pay(world, phone_of(member), "").member_id is None


def test_a_phone_as_reference_counts_only_when_it_paid_itself(world: World) -> None:
    member = world.member()
    assert pay(world, phone_of(member), f"0{member.phone[4:]}").member_id == member.id
    assert pay(world, STRANGER, f"0{member.phone[4:]}").member_id is None


def test_a_reference_and_a_payer_of_two_members_wait_in_suspense(world: World) -> None:
    member, other = world.member(), world.member()
    receipt = pay(world, phone_of(other), member.number)
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
    receipt = pay(world, STRANGER, account)
    assert (receipt.member_id, receipt.match_why) == (None, why)


def test_a_mistyped_reference_is_not_saved_by_a_known_payer(world: World) -> None:
    assert pay(world, phone_of(world.member()), "99999999").member_id is None


def test_money_for_a_closed_membership_waits_in_suspense(world: World) -> None:
    member = world.member(Status.DECEASED)
    for payer in (phone_of(member), STRANGER):
        assert pay(world, payer, member.number).match_why == "the membership is closed"
    pay(world, phone_of(world.member()), member.number)
    world.settle(minutes=1)
    assert "named" not in world.messages(), "who died is not asked"


def test_a_pull_that_names_a_masked_payer_takes_money_out_of_suspense(world: World) -> None:
    member = world.member()
    receipt = pay(world, phone_of(member), f"0{member.phone[4:]}", payer_mask="2547 ***** 001")
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
    hidden = {"payer_hash": phone_of(other).wallet_hash}
    world.confirm(world.wallet.confirmation_of(checkout_id, **hidden))
    world.work("evidence")
    assert world.proof().suspense_cents == 5000
    world.call_back(callback, contribution_id)
    world.work("evidence")
    proof = world.proof()
    assert (proof.credited_cents, proof.suspense_cents, proof.holds) == (5000, 0, True)
    assert world.contribution(contribution_id).state == "paid"


def test_particulars_are_sealed_and_masked(world: World) -> None:
    receipt = pay(world, STRANGER, "23456789", payer=STRANGER.e164)
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
            assert pay(world, phone_of(member), typed).member_id == member.id, name


def test_a_members_phone_pays_for_another_once_that_was_chosen(world: World) -> None:
    """Money for another member waits, until a person decided or the payer chose to pay for them before."""
    member, payer = world.member(), world.member()
    first = pay(world, phone_of(payer), member.number)
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
    assert pay(world, phone_of(payer), member.number).member_id == member.id
    assert pay(world, phone_of(payer), world.member().number).member_id is None


def test_a_phone_that_always_pays_for_one_member_speaks_against_another(world: World) -> None:
    family, named = world.member(), world.member()
    knows(world, STRANGER, family)
    assert pay(world, STRANGER, family.number).member_id == family.id
    receipt = pay(world, STRANGER, named.number)
    assert (receipt.member_id, receipt.match_why) == (None, "reference and payer point to two members")


def test_a_blank_reference_from_a_phone_that_pays_for_others_is_nobodys(world: World) -> None:
    member, payer = world.member(), world.member()
    receipt = pay(world, phone_of(payer), "")
    world.write("claim", payer, receipt.receipt)
    assert pay(world, phone_of(payer), "").member_id == payer.id
    pay(world, phone_of(payer), member.number)
    receipt = pay(world, phone_of(payer), "AKIBA")
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
    assert pay(world, phone_of(member), typed, payer_name="WANJIKU NJERI MWANGI").member_id is None
    assert pay(world, phone_of(member), member.number).member_id == member.id
    shown = {"payer_hash": phone_of(member).wallet_hash, "payer_name": "WANJIKU NJERI MWANGI"}
    assert pay(world, phone_of(member), typed, **shown).member_id == (member.id if is_credited else None)
    shown = {"payer_hash": STRANGER.wallet_hash, "payer_name": "WANJIKU NJERI MWANGI"}
    assert pay(world, STRANGER, typed, **shown).member_id is None
    shown = {"payer_hash": phone_of(other).wallet_hash, "payer_name": "WANJIKU OTIENO"}
    assert pay(world, phone_of(other), typed, **shown).member_id is None


def test_messages_that_name_two_payers_credit_nobody(world: World) -> None:
    member = world.member()
    receipt = pay(world, phone_of(member), "", payer_hash=STRANGER.wallet_hash)
    assert receipt.member_id is None
    world.settle(minutes=1)
    [receipt] = world.receipts()
    assert (receipt.member_id, receipt.match_why) == (None, "the messages about it name two payers")


def test_the_same_slip_from_another_phone_waits_in_suspense(world: World) -> None:
    member, other = world.member(national_id="31415926"), world.member()
    for name, typed in _slips(member).items():
        for payer in (STRANGER, phone_of(other)):
            found = pay(world, payer, typed).member_id
            assert found is None or typed in {other.number, member.number}, name


def test_a_slip_that_names_somebody_else_is_for_a_person_to_decide(world: World) -> None:
    """The IDs of two members are one digit apart: the payer may have meant the other one."""
    member, named = world.member(national_id="31415926"), world.member(national_id="31415927")
    receipt = pay(world, phone_of(member), named.identifier)
    assert (receipt.member_id, receipt.match_why) == (None, "reference and payer point to two members")


def test_a_number_counts_for_the_membership_that_stayed(world: World) -> None:
    member, gone = world.member(), world.member()
    pay(world, STRANGER, gone.number)
    with world.sessions.begin() as session:
        row = session.get_one(MemberRow, gone.id)
        row.status, row.merged_into = Status.CLOSED, member.id
    world.clock.forward(hours=2)
    assert pay(world, STRANGER, member.number).member_id == member.id
    world.work()
    assert {receipt.member_id for receipt in world.receipts()} == {member.id}
