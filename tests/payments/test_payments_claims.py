"""I paid, but it does not show: offered when the payer fits, otherwise for staff; never told whose."""

import pytest
from sqlalchemy import select

from core.phone import PhoneNumber
from members.model import Status
from members.notices import USUAL_LANGUAGE
from members.tables import MemberRow
from payments.claims.model import AlreadyYours, ClaimOutcome, ForStaff, NotAClaim, NotKnownYet, Offered
from payments.claims.service import CLAIMS_PER_DAY_MAX, claim, take
from payments.claims.tables import Claim
from payments.claims.view import claims_for_staff
from payments.model import PaymentState
from payments.receipts.model import TWO_PAYERS
from payments.receipts.service import reverse
from payments.receipts.tables import Receipt
from payments.suspense.model import Place
from payments.suspense.places import Standing, move
from tests.payments.world import World

STRANGER = PhoneNumber("+254733000111")
CODE = "SKL0000001"


def claims(world: World, member: MemberRow, code: str = CODE) -> ClaimOutcome:
    with world.sessions.begin() as session:
        return claim(session, member.id, code, now=world.clock.now())


def states(world: World) -> list[str]:
    with world.sessions.begin() as session:
        return list(session.scalars(select(Claim.state).order_by(Claim.claimed_at)))


def pay(world: World, phone: str, account: str, **hidden: object) -> None:
    """A payment whose only news is its confirmation: the list is away, so nothing is unmasked."""
    world.wallet.is_down = True
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(phone), 5000, account, **hidden))
    world.work("evidence")


def dial_and_take(world: World, member: MemberRow, code: str = CODE) -> None:
    """A claim on the phone's menu: it shows what is offered, and the member says that it is theirs."""
    offered = claims(world, member, code)
    assert isinstance(offered, Offered)
    with world.sessions.begin() as session:
        assert take(session, offered.claim_id, now=world.clock.now())


def answer_of(world: World) -> tuple[str, dict[str, object]]:
    """The last SMS: its template and values."""
    last = world.tasks("message")[-1].payload
    return last["template"], last["values"]


def named(world: World, masked: str) -> MemberRow:
    member = world.member()
    with world.sessions.begin() as session:
        session.get_one(MemberRow, member.id).masked_name = masked
    member.masked_name = masked
    return member


def test_the_payers_own_phone_is_offered_the_money_and_takes_it(world: World) -> None:
    member = world.member()
    pay(world, member.phone, "4000000")
    offered = claims(world, member, " skl0000001 ")
    assert isinstance(offered, Offered)
    assert (offered.amount.amount_cents, offered.why) == (5000, "the payer is the member's phone")
    with world.sessions.begin() as session:
        assert take(session, offered.claim_id, now=world.clock.now())
    with world.sessions.begin() as session:
        assert not take(session, offered.claim_id, now=world.clock.now())
    assert world.proof().credited_cents == 5000
    assert world.receipts()[0].match_step == "claim"
    assert world.messages() == ["suspense", "receipt"]
    assert isinstance(claims(world, member), AlreadyYours)


@pytest.mark.parametrize("is_claimed", [True, False])
def test_what_was_taken_back_is_not_theirs_and_is_a_case_for_staff(world: World, *, is_claimed: bool) -> None:
    member = world.member()
    pay(world, member.phone, "4000000" if is_claimed else member.number)
    if is_claimed:
        dial_and_take(world, member)
    assert isinstance(claims(world, member), AlreadyYours)
    with world.sessions.begin() as session:
        receipt = session.scalars(select(Receipt)).one()
        reverse(session, receipt, occurred_at=world.clock.now(), now=world.clock.now())
    for _ in range(2):
        assert isinstance(claims(world, member), ForStaff)
    with world.sessions.begin() as session:
        [case] = session.scalars(select(Claim))
        assert (case.state, case.why, case.decided_at) == ("staff", "the payment was reversed", None)


def test_a_mask_needs_the_name_beside_it(world: World) -> None:
    member = named(world, "W****** M*****")
    pay(world, member.phone, "oops", payer_mask="25471*****001", payer_name="Wanjiku")
    assert isinstance(claims(world, member), Offered)


@pytest.mark.parametrize(
    "hidden",
    [
        {"payer_mask": "25471*****001", "payer_name": "Otieno"},
        {"payer_mask": "25471*****999", "payer_name": "Wanjiku"},
        {"payer_mask": "2*********1", "payer_name": "Wanjiku"},
        {"payer_mask": "25471*****001"},
        {"payer_mask": ""},
    ],
)
def test_evidence_that_does_not_fit_is_a_case_for_staff(world: World, hidden: dict[str, object]) -> None:
    member = named(world, "W****** M*****")
    pay(world, member.phone, "oops", **hidden)
    assert isinstance(claims(world, member), ForStaff)
    assert world.proof().suspense_cents == 5000
    assert states(world) == ["staff"]


def test_another_members_money_is_not_given_and_not_spoken_of(world: World) -> None:
    owner, other = world.member(), world.member()
    pay(world, owner.phone, owner.number)
    assert isinstance(claims(world, other), ForStaff)
    assert world.proof().credited_cents == 5000
    world.write("claim", other, CODE)
    assert world.messages()[-1] == "claim_staff"
    assert "amount_cents" not in world.tasks("message")[-1].payload["values"]


def test_a_code_nobody_knows_has_the_list_read_and_is_answered_when_it_comes(world: World) -> None:
    member = world.member()
    pay(world, member.phone, member.number)
    # Its confirmation was lost.
    world.wallet.pay_by_hand(PhoneNumber(member.phone), 7000, "mistyped")
    world.write("claim", member, "SKL0000002")
    assert world.messages()[-1] == "claim_waiting"
    world.wallet.is_down = False
    world.settle(minutes=2)
    assert world.proof().credited_cents == 12000
    assert states(world) == ["taken"]


def test_a_code_that_no_list_has_ends_with_staff(world: World) -> None:
    member = world.member()
    assert isinstance(claims(world, member, "SKL9999999"), NotKnownYet)
    world.settle(minutes=4 * 60, step_seconds=60)
    assert states(world) == ["staff"]
    assert world.messages() == ["claim_staff"]
    assert isinstance(claims(world, member, "SKL9999999"), ForStaff)


def test_guessing_codes_ends_soon(world: World) -> None:
    member = world.member()
    for number in range(CLAIMS_PER_DAY_MAX):
        claims(world, member, f"GUESS0000{number}")
    assert claims(world, member, "GUESS00009") == NotAClaim("too_many")
    assert isinstance(claims(world, member, "GUESS00001"), NotKnownYet)
    assert claims(world, member, "no code") == NotAClaim("not_a_code")
    world.write("claim", member, "GUESS00009")
    # Nobody is told that staff will look where no case was made.
    assert world.messages()[-1] == "claim_tomorrow"


def test_by_sms_the_claim_is_taken_at_once_and_answered_by_its_receipt(world: World) -> None:
    member = world.member()
    pay(world, member.phone, "4000000")
    world.write("claim", member, CODE)
    assert world.messages() == ["suspense", "receipt"]
    world.write("claim", member, CODE)
    assert world.messages()[-1] == "claim_known"


def test_who_paid_without_saying_for_whom_is_told_how_to_claim(world: World) -> None:
    world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, "mama", payer_mask="2547*****111"))
    world.settle(minutes=1)
    [told] = world.tasks("message")
    assert told.payload["template"] == "suspense"
    assert told.payload["values"]["receipt"] == CODE
    assert told.payload["language"] == USUAL_LANGUAGE
    assert STRANGER.e164 not in str(told.payload)


def test_the_way_of_the_last_payment_is_told_in_words(world: World) -> None:
    member = world.member()
    world.write("where", member)
    contribution_id, checkout_id = world.prompted(member)
    world.write("where", member)
    world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    world.work("evidence")
    world.write("where", member)
    world.settle(minutes=1)
    world.write("where", member)
    world.wallet.take_back(CODE)
    world.settle(minutes=3)
    with world.sessions.begin() as session:
        assert session.scalars(select(Claim)).all() == []
    world.write("where", member)
    ways = [template for template in world.messages() if template.startswith("way_")]
    assert ways[:4] == ["way_none", "way_asked", "way_received", "way_acknowledged"]
    assert set(ways) <= {f"way_{state}" for state in PaymentState} | {"way_none"}


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_hashed_stranger_is_asked_when_the_list_has_their_number(world: World, *, is_listed: bool) -> None:
    world.wallet.is_down = not is_listed
    world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, "mama"))
    world.settle(minutes=2)
    assert world.messages() == (["suspense"] if is_listed else [])


def test_who_is_named_by_the_reference_claims_it_with_the_code_the_payer_has(world: World) -> None:
    member, other = world.member(), world.member()
    for typed in (member.number, member.identifier):
        pay(world, STRANGER.e164, typed)
        code = world.receipts()[-1].receipt
        assert isinstance(claims(world, other, code), ForStaff)
        offered = claims(world, member, code)
        assert isinstance(offered, Offered)
        assert offered.why == "the reference names the member"


def test_a_claim_that_is_taken_frees_what_else_that_phone_paid_for_the_member(world: World) -> None:
    member = world.member()
    pay(world, STRANGER.e164, member.number)
    pay(world, STRANGER.e164, member.number)
    assert world.proof().credited_cents == 0
    world.write("claim", member, CODE)
    world.work("look_again")
    assert world.proof().credited_cents == 10000


def test_the_phone_that_paid_says_that_the_number_is_right(world: World) -> None:
    """It need not be a member's. Said twice, it is answered twice and credited once."""
    member = world.member()
    pay(world, STRANGER.e164, member.number)
    for _ in range(2):
        world.say_yes(STRANGER, CODE)
    assert world.receipts()[0].member_id == member.id
    assert world.proof().credited_cents == 5000
    assert world.messages().count("receipt") == 1
    assert world.messages().count("paid_for") == 2


def test_a_members_phone_says_that_it_paid_for_another(world: World) -> None:
    member, payer = world.member(), world.member()
    pay(world, payer.phone, member.number)
    world.say_yes(PhoneNumber(payer.phone), CODE)
    assert world.receipts()[0].member_id == member.id


@pytest.mark.parametrize("typed", ["23450001", "SHAMBA", ""])
def test_yes_is_for_numbers_and_from_the_phone_that_paid_only(world: World, typed: str) -> None:
    """An ID has no check digit; and nobody says yes to what another paid."""
    member, other = world.member(), world.member()
    pay(world, STRANGER.e164, typed)
    world.say_yes(STRANGER, CODE)
    pay(world, STRANGER.e164, member.number)
    world.say_yes(PhoneNumber(other.phone), "SKL0000002")
    assert world.proof().credited_cents == 0
    assert world.messages().count("not_yours") == 2


def test_yes_comes_too_late_when_the_money_is_anothers_or_was_taken_back(world: World) -> None:
    member, other = world.member(), world.member()
    pay(world, other.phone, member.number)
    dial_and_take(world, other)
    assert world.receipts()[0].member_id == other.id
    world.say_yes(PhoneNumber(other.phone), CODE)
    assert world.receipts()[0].member_id == other.id
    pay(world, STRANGER.e164, member.number)
    with world.sessions.begin() as session:
        receipt = world.receipts()[-1]
        reverse(
            session,
            session.get_one(Receipt, receipt.id),
            occurred_at=world.clock.now(),
            now=world.clock.now(),
        )
    world.say_yes(STRANGER, receipt.receipt)
    assert world.messages().count("not_yours") == 2
    assert world.proof().credited_cents == 5000


@pytest.mark.parametrize("is_repeated", [False, True])
def test_yes_settles_nothing_where_the_messages_name_two_payers(world: World, *, is_repeated: bool) -> None:
    member, payer = world.member(), world.member()
    body = world.wallet.pay_by_hand(PhoneNumber(payer.phone), 5000, member.number, payer=STRANGER.e164)
    world.confirm(body)
    world.settle(minutes=1)
    if is_repeated:
        world.confirm(body)
        world.work("evidence")
    assert world.receipts()[0].match_why == TWO_PAYERS
    for phone in (STRANGER, PhoneNumber(payer.phone)):
        world.say_yes(phone, CODE)
    assert world.proof().credited_cents == 0
    assert world.messages().count("not_yours") == 2


def test_receipt_is_no_yes_where_the_payer_was_asked_about_another_member(world: World) -> None:
    """It may be a slip of who was told how to write codes: the money waits, and they are asked again."""
    member, payer = world.member(), world.member()
    pay(world, payer.phone, member.number)
    world.write("claim", payer, CODE)
    assert world.receipts()[0].member_id is None
    values = {"amount_cents": 5000, "currency": "KES", "receipt": CODE, "number": member.number}
    assert answer_of(world) == ("right_number", values)
    world.say_yes(PhoneNumber(payer.phone), CODE)
    assert world.receipts()[0].member_id == member.id
    world.write("claim", payer, CODE)
    assert answer_of(world) == ("claim_staff", {"receipt": CODE})


@pytest.mark.parametrize("is_member", [True, False])
def test_a_bare_yes_is_told_the_code_of_the_one_question_that_is_open(
    world: World, *, is_member: bool
) -> None:
    member = world.member()
    payer = PhoneNumber(world.member().phone) if is_member else STRANGER
    pay(world, payer.e164, member.identifier)
    pay(world, payer.e164, member.number)
    world.say_yes(payer, "")
    code = world.receipts()[-1].receipt
    values = {"amount_cents": 5000, "currency": "KES", "receipt": code, "number": member.number}
    assert answer_of(world) == ("right_number", values)
    assert world.proof().credited_cents == 0


def test_a_bare_yes_to_several_questions_or_none_is_told_how_to_write_it(world: World) -> None:
    world.say_yes(STRANGER, "")
    assert answer_of(world) == ("yes_code", {})
    for _ in range(2):
        pay(world, STRANGER.e164, world.member().number)
    world.say_yes(STRANGER, "")
    assert answer_of(world) == ("yes_code", {})
    assert world.proof().credited_cents == 0


@pytest.mark.parametrize("status", [Status.CLOSED, Status.DECEASED])
def test_who_claims_from_a_closed_membership_has_staff_look_as_they_are_told(
    world: World, status: Status
) -> None:
    member = world.member(status)
    pay(world, member.phone, "4000000")
    world.write("claim", member, CODE)
    assert answer_of(world) == ("claim_staff", {"receipt": CODE})
    with world.sessions.begin() as session:
        [waiting] = claims_for_staff(session)
    assert (waiting.code, waiting.why) == (CODE, "the membership is closed")
    assert world.proof().suspense_cents == 5000


def test_a_claim_that_waits_is_not_taken_for_who_left_meanwhile(world: World) -> None:
    member = world.member()
    world.wallet.is_down = True
    world.write("claim", member, CODE)
    with world.sessions.begin() as session:
        session.get_one(MemberRow, member.id).status = Status.CLOSED
    pay(world, member.phone, "4000000")
    world.settle(minutes=2)
    assert states(world) == ["staff"]
    assert world.proof().suspense_cents == 5000


def test_a_hashed_payer_whose_member_is_known_by_now_is_credited_and_not_asked(world: World) -> None:
    """Before the list had its number, staff said of other money that this phone pays for that member."""
    member = world.member()
    for _ in range(3):
        world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, member.number))
    world.work("evidence")
    first, *_ = world.receipts()
    _moved_by_staff(world, first, member)
    world.settle(minutes=2)
    assert [receipt.member_id for receipt in world.receipts()] == [member.id] * 3
    assert "right_number" not in world.messages()
    assert world.proof().holds


def _moved_by_staff(world: World, receipt: Receipt, member: MemberRow) -> None:
    to, now = Standing(Place.MEMBER, member.id), world.clock.now()
    with world.sessions.begin() as session:
        move(session, session.get_one(Receipt, receipt.id), to, key="staff", corrects=None, now=now)
