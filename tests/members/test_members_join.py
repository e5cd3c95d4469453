"""Joining: one person, one membership."""

import threading

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from core.errors import InvalidValue
from core.phone import PhoneNumber
from members.model import AlreadyMember, Joined, JoinOutcome, PhoneInUse, Purpose, Status
from members.numbers import MemberNumber
from members.tables import ConsentRow, MemberRow, PinRow
from tests.members.members_world import ID, OTHER_ID, OTHER_PHONE, PHONE, World, person
from tests.told import without_random


def test_who_was_found_and_confirmed_is_active_and_hears_their_number(world: World) -> None:
    member = world.verified_member()
    assert member.status is Status.ACTIVE
    assert member.masked_name == "W****** M*****"
    assert MemberNumber.parse(member.number.spaced) == member.number
    (task,) = world.tasks("message")
    assert task.payload == {
        "template": "welcome",
        "member_id": str(member.id),
        "values": {"number": member.number.digits},
    }


def test_without_an_answer_a_member_is_pending_and_told_so(world: World) -> None:
    world.ask()
    member = world.joined(confirmed=False)
    assert member.status is Status.PENDING_VERIFICATION
    assert world.told() == ["welcome_pending"]


def test_an_answer_that_came_too_late_to_be_shown_is_told_by_sms(world: World) -> None:
    world.ask()
    world.answered(person())
    member = world.joined(confirmed=False)
    assert member.status is Status.ACTIVE
    assert not member.name_confirmed
    assert world.told() == ["verified", "welcome"]


def test_the_same_hop_twice_is_one_membership_and_one_sms(world: World) -> None:
    first = world.join()
    second = world.join()
    assert isinstance(first, Joined)
    assert first.created
    assert second == Joined(first.member, created=False)
    assert world.told() == ["welcome_pending"]
    assert len(world.tasks("identity")) == 1


def test_the_same_id_from_another_phone_is_never_a_second_account(world: World) -> None:
    member = world.joined()
    outcome = world.join("hop-2", OTHER_PHONE)
    assert outcome == AlreadyMember(member.id, Status.PENDING_VERIFICATION, same_phone=False)


@pytest.mark.parametrize("status", [Status.DECEASED, Status.CLOSED])
def test_who_left_or_died_does_not_join_again_silently(world: World, status: Status) -> None:
    member = world.joined()
    with world.sessions.begin() as session:
        world.members.decide_review(session, member.id, staff="asha", status=status, reason="certificate")
    assert world.join("hop-2", OTHER_PHONE) == AlreadyMember(member.id, status, same_phone=False)


def test_a_phone_belongs_to_one_membership(world: World) -> None:
    world.joined()
    assert world.join("hop-2", PHONE, OTHER_ID) == PhoneInUse()


def test_nobody_joins_without_consent_to_saving(world: World) -> None:
    with world.sessions.begin() as session, pytest.raises(InvalidValue):
        world.members.join(
            session,
            key="hop-1",
            phone=PHONE,
            document=ID,
            language="en",
            consents={Purpose.REMINDERS: True},
            name_confirmed=False,
            pin_hash="",
            notice_version="2026-11",
        )


@pytest.mark.parametrize("same_key", [True, False])
def test_joins_at_the_same_moment_make_one_membership(world: World, same_key: bool) -> None:
    outcomes: list[JoinOutcome] = []
    ready = threading.Barrier(4)

    def join(turn: int) -> None:
        ready.wait()
        key, phone = ("hop", PHONE) if same_key else (f"hop-{turn}", PhoneNumber(f"+25471100000{turn}"))
        outcomes.append(world.join(key, phone))

    threads = [threading.Thread(target=join, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(outcome, Joined) and outcome.created for outcome in outcomes) == 1
    kind = Joined if same_key else AlreadyMember
    assert sum(isinstance(outcome, kind) for outcome in outcomes) == (4 if same_key else 3)
    with world.sessions() as session:
        assert session.scalar(select(func.count()).select_from(MemberRow)) == 1
        assert session.scalar(select(func.count()).select_from(PinRow)) == 1


def test_members_are_found_by_phone_number_id_and_wallet_hash(world: World) -> None:
    member = world.joined()
    with world.sessions() as session:
        assert world.members.by_number(session, member.number) == member
        assert world.members.by_identifier(session, ID) == member
        assert world.members.by_id(session, member.id) == member
        assert world.members.by_phone(session, OTHER_PHONE) is None
    assert world.hashed(PHONE) == member.id


def test_nothing_personal_is_stored_in_clear(world: World) -> None:
    world.verified_member()
    with world.sessions() as session:
        rows = session.execute(
            text(
                "SELECT m::text || c::text || p::text || o::text FROM members m, identity_checks c, pins p, "
                "(SELECT string_agg(o::text, '') AS o FROM outbox o) o"
            )
        ).scalars()
        stored = " ".join(rows).casefold()
    for secret in (PHONE.wire, ID.digits, "wanjiku", "mwangi", "w******", "1990-05-04"):
        assert secret not in stored
    assert "4821" not in without_random(stored)


def test_consents_are_kept_apart_and_the_newest_holds(world: World) -> None:
    member = world.joined()
    with world.sessions.begin() as session:
        assert world.members.current_consents(session, member.id) == {
            Purpose.SAVING: True,
            Purpose.REMINDERS: False,
        }
        world.members.give_consent(
            session,
            member=member,
            purpose=Purpose.REMINDERS,
            given=True,
            notice_version="2026-11",
            channel="ussd",
        )
        assert world.members.current_consents(session, member.id)[Purpose.REMINDERS]


def test_the_database_refuses_to_change_a_consent(world: World) -> None:
    world.joined()
    with world.sessions() as session, pytest.raises(DBAPIError, match="append-only"):
        session.execute(ConsentRow.__table__.update().values(given=True))  # type: ignore[attr-defined]


def test_language_can_be_changed(world: World) -> None:
    member = world.joined()
    with world.sessions.begin() as session:
        world.members.change_language(session, member.id, "en")
    assert world.member().language == "en"
