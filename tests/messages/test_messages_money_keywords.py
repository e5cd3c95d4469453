"""RISITI, NDIYO, WAPI and REJESHA: the room of money is asked; a code is read however it is typed."""

from typing import Any

import pytest
from sqlalchemy import select

from core.database import vault_of
from core.outbox import OutboxRow
from members.model import Member, Purpose, Status
from members.notices import PHONE_PLACE
from members.tables import MemberRow
from messages.model import Keyword
from messages.receiving import ANSWERS_PER_DAY_MAX, CONFIRMATIONS_PER_DAY_MAX
from messages.tables import InboundMessageRow
from tests.messages.messages_world import STRANGER, World


def asked(world: World, topic: str) -> list[dict[str, Any]]:
    with world.sessions() as session:
        return list(session.scalars(select(OutboxRow.payload).where(OutboxRow.topic == topic)))


def answers(world: World) -> list[str]:
    return [t.payload["template"] for t in world.queued() if t.payload["template"] != "welcome_pending"]


@pytest.mark.parametrize("text", ["RISITI sff6xyz12x", "receipt SFF6XYZ12X.", "Risiti  SFF6XYZ12X asante"])
def test_a_claim_goes_to_the_room_of_money_with_its_code(world: World, text: str) -> None:
    member = world.member()
    assert world.receive(text) is Keyword.CLAIM
    assert asked(world, "claim") == [{"member_id": str(member.id), "code": "SFF6XYZ12X"}]
    assert answers(world) == []


@pytest.mark.parametrize(
    ("text", "topic", "code"),
    [
        ("RECEIPT NUMBER SFF6XYZ12X", "claim", "SFF6XYZ12X"),
        ("RISITI NAMBARI SFF6XYZ12X", "claim", "SFF6XYZ12X"),
        ("RECEIPT no.SFF6XYZ12X", "claim", "SFF6XYZ12X"),
        ("RECEIPT 0712345678 SFF6XYZ12X", "claim", "SFF6XYZ12X"),
        ("RECEIPT SFF6XYZ12X Confirmed. Ksh50.00 sent to HABA on 22/11/26", "claim", "SFF6XYZ12X"),
        ("RISITI:SFF6XYZ12X", "claim", "SFF6XYZ12X"),
        ("receipt-sff6xyz12x", "claim", "SFF6XYZ12X"),
        ("RECEIPT: MP261122.1405.L06941-12.", "claim", "MP261122.1405.L06941-12"),
        ("RISITI YA SFFAXYZBCX", "claim", "SFFAXYZBCX"),
        ("RECEIPT NUMBER 12345678901", "claim", "12345678901"),
        ("YES RECEIPT SFF6XYZ12X", "claim", "SFF6XYZ12X"),
        ("“Ndiyo” risiti SFF6XYZ12X", "claim", "SFF6XYZ12X"),
        ("REFUND PLEASE SFF6XYZ12X", "refund_wish", "SFF6XYZ12X"),
    ],
)
def test_the_code_is_found_among_other_words(world: World, text: str, topic: str, code: str) -> None:
    world.member()
    world.receive(text)
    assert [payload["code"] for payload in asked(world, topic)] == [code]


@pytest.mark.parametrize("text", ["RECEIPT NUMBER", "RISITI TAFADHALI", "REFUND please please"])
def test_words_are_no_codes(world: World, text: str) -> None:
    world.member()
    world.receive(text)
    assert answers(world) == ["claim_code"]


@pytest.mark.parametrize(("text", "language"), [("Ndiyo sff6xyz12x.", "sw"), ("YES SFF6XYZ12X", "en")])
@pytest.mark.parametrize("is_member", [True, False])
def test_yes_goes_to_the_room_of_money_with_the_phone_sealed(
    world: World, text: str, language: str, *, is_member: bool
) -> None:
    """The phone that paid need not be a member's to say whom it meant."""
    member = world.member()
    phone = member.phone if is_member else STRANGER
    assert world.receive(text, phone) is Keyword.CONFIRM
    [payload] = asked(world, "claim")
    assert (payload["language"], payload["code"]) == (language, "SFF6XYZ12X")
    assert phone.e164 not in str(payload)
    with world.sessions() as session:
        assert vault_of(session).open(PHONE_PLACE, payload["phone_sealed"]) == phone.e164
    assert answers(world) == []


@pytest.mark.parametrize("text", ["YES", "yes!", "Yes please"])
@pytest.mark.parametrize("is_member", [True, False])
def test_yes_without_a_code_is_answered_by_who_knows_what_was_asked(
    world: World, text: str, *, is_member: bool
) -> None:
    """How to write RECEIPT would have the payer claim what they paid for another."""
    member = world.member()
    assert world.receive(text, member.phone if is_member else STRANGER) is Keyword.CONFIRM
    assert [(payload["language"], payload["code"]) for payload in asked(world, "claim")] == [("en", "")]
    assert answers(world) == []


@pytest.mark.parametrize("text", ["RISITI", "receipt 50/=", "REJESHA", "REFUND my money"])
def test_without_a_code_one_is_told_how_to_write_it(world: World, text: str) -> None:
    world.member()
    world.receive(text)
    assert answers(world) == ["claim_code"]
    assert asked(world, "claim") == asked(world, "refund_wish") == []


@pytest.mark.parametrize(
    "text",
    [
        *("WAPI", "where?", "Wapi pesa yangu", "Iko wapi?", "yako wapi", "pesa yangu iko wapi", "Hela wapi"),
        *("Malipo yangu ya jana yako wapi?", "Je, mchango wangu uko WAPI", "iko wapi pesa yangu"),
    ],
)
def test_where_is_asked(world: World, text: str) -> None:
    member = world.member()
    assert world.receive(text) is Keyword.WAY
    assert asked(world, "where") == [{"member_id": str(member.id)}]


@pytest.mark.parametrize(
    "text",
    [
        "PIN yangu iko wapi",
        "Ofisi yenu iko wapi",
        "Pesa SFF6XYZ12X iko wapi",
        "Nimelipa mara mbili wiki hii na pesa yangu hamjaniambia iko wapi",
    ],
)
def test_what_asks_more_than_where_the_last_payment_is_waits_for_staff(world: World, text: str) -> None:
    world.member()
    assert world.receive(text) is Keyword.UNKNOWN
    assert asked(world, "where") == []


def test_a_double_payment_is_asked_back(world: World) -> None:
    member = world.member()
    assert world.receive("Rejesha SFF6XYZ12X") is Keyword.REFUND
    assert asked(world, "refund_wish") == [{"member_id": str(member.id), "code": "SFF6XYZ12X"}]


@pytest.mark.parametrize(
    ("text", "answer"),
    [("WAPI", "help_stranger"), ("RISITI", "help_stranger"), ("REFUND SFF6XYZ12X", "claim_staff")],
)
def test_strangers_move_no_money_by_sms(world: World, text: str, answer: str) -> None:
    world.receive(text, STRANGER)
    assert answers(world) == [answer]
    assert asked(world, "claim") == asked(world, "where") == asked(world, "refund_wish") == []


def test_what_a_stranger_says_of_a_receipt_waits_for_staff(world: World) -> None:
    """The phone that paid need not be a member's; it was told to reply so."""
    world.receive("RECEIPT MP261122.1405.L06941-12", STRANGER)
    [answer] = world.queued()
    assert answer.payload["template"] == "claim_staff"
    assert answer.payload["values"] == {"receipt": "MP261122.1405.L06941-12"}
    with world.sessions() as session:
        assert [row.answered for row in session.scalars(select(InboundMessageRow))] == [False]


@pytest.mark.parametrize(("text", "topic"), [("BAL", "balance"), ("WAPI", "where")])
def test_what_is_asked_without_a_pin_names_a_member_and_no_phone(world: World, text: str, topic: str) -> None:
    """The answer goes to the phone that is registered when it leaves: who forges a sender hears nothing."""
    member = world.member()
    world.receive(text)
    assert asked(world, topic) == [{"member_id": str(member.id)}]


def test_savings_are_told_by_sms_so_often_a_day(world: World) -> None:
    world.member()
    for turn in range(ANSWERS_PER_DAY_MAX + 3):
        world.receive("BAL", provider_id=f"in-{turn}")
    assert len(asked(world, "balance")) == ANSWERS_PER_DAY_MAX
    # Said once, and staff read the rest.
    told = [task.payload["template"] for task in world.queued()]
    assert told.count("enough_today") == 1
    assert unanswered(world) == 3
    world.clock.pass_time(hours=24)
    world.receive("BAL", provider_id="in-next-day")
    assert len(asked(world, "balance")) == ANSWERS_PER_DAY_MAX + 1


def unanswered(world: World) -> int:
    with world.sessions() as session:
        return len(session.scalars(select(InboundMessageRow).where(~InboundMessageRow.answered)).all())


def test_who_pays_for_a_village_says_yes_for_each_of_them(world: World) -> None:
    """Each YES with a code answers a question of ours; what is asked besides is answered too."""
    world.member()
    for turn in range(ANSWERS_PER_DAY_MAX + 4):
        world.receive(f"YES SFF6XYZ1{turn:02d}", provider_id=f"in-{turn}")
    assert len({payload["code"] for payload in asked(world, "claim")}) == ANSWERS_PER_DAY_MAX + 4
    world.receive("BAL", provider_id="in-balance")
    assert len(asked(world, "balance")) == 1
    assert unanswered(world) == 0


def test_a_yes_that_is_one_too_many_waits_for_staff(world: World) -> None:
    for turn in range(CONFIRMATIONS_PER_DAY_MAX + 2):
        world.receive(f"YES SFF6XY{turn:04d}", STRANGER, provider_id=f"in-{turn}")
    assert len(asked(world, "claim")) == CONFIRMATIONS_PER_DAY_MAX
    assert unanswered(world) == 2


def test_a_yes_without_a_code_is_answered_so_often_a_day(world: World) -> None:
    world.member()
    for turn in range(ANSWERS_PER_DAY_MAX + 3):
        world.receive("YES", provider_id=f"in-{turn}")
    assert len(asked(world, "claim")) == ANSWERS_PER_DAY_MAX


def test_a_receipt_that_is_one_too_many_waits_for_staff(world: World) -> None:
    world.member()
    for turn in range(ANSWERS_PER_DAY_MAX + 1):
        world.receive(f"RECEIPT SFF6XYZ1{turn:02d}", provider_id=f"in-{turn}")
    assert len(asked(world, "claim")) == ANSWERS_PER_DAY_MAX
    assert unanswered(world) == 1


def merged(world: World) -> tuple[Member, Member]:
    """Two memberships of one person: the one that is closed now, and the one that stayed."""
    closed, stayed = world.member(), world.member(phone=STRANGER)
    with world.sessions.begin() as session:
        row = session.get_one(MemberRow, closed.id)
        row.status, row.merged_into = Status.CLOSED, stayed.id
    return closed, stayed


@pytest.mark.parametrize("text", ["BAL", "WAPI", "RECEIPT SFF6XYZ12X", "RISITI", "REFUND SFF6XYZ12X"])
def test_who_asks_from_the_phone_of_a_merged_membership_is_told_which_one_stayed(
    world: World, text: str
) -> None:
    """That its savings are nothing would be true, and read like a theft."""
    closed, stayed = merged(world)
    world.receive(text)
    [task] = [t for t in world.queued() if t.payload["template"] != "welcome_pending"]
    assert (task.payload["template"], task.payload["member_id"]) == ("merged_closed", str(closed.id))
    assert task.payload["values"] == {"number": stayed.number.digits}
    assert asked(world, "balance") == asked(world, "where") == asked(world, "claim") == []
    # Money hangs on a code: staff read it.
    assert unanswered(world) == ("SFF6" in text)


def test_the_phone_of_a_merged_membership_still_says_whom_it_paid_for(world: World) -> None:
    merged(world)
    world.receive("YES SFF6XYZ12X")
    assert [payload["code"] for payload in asked(world, "claim")] == ["SFF6XYZ12X"]


def test_stop_from_the_phone_of_a_merged_membership_ends_the_reminders_of_the_one_that_stayed(
    world: World,
) -> None:
    closed, stayed = merged(world)
    world.receive("STOP")
    with world.sessions() as session:
        for member in (closed, stayed):
            assert not world.members.current_consents(session, member.id)[Purpose.REMINDERS]
    assert answers(world) == ["stop_done"]
