"""Moving a membership to another phone."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

import pytest
from sqlalchemy import select, text

from core import audit
from core.errors import InvalidValue
from core.outbox import Later
from core.phone import PhoneNumber
from members.model import (
    PhoneChangeOutcome,
    PhoneChangeRefused,
    PhoneChangeStarted,
    PhoneChangeState,
    PhoneChangeWithStaff,
    Status,
    Untold,
)
from members.phone_change import PhoneChangeCompletion
from members.tables import MemberRow, PhoneChangeRow
from tests.members.members_world import ID, NOON, OTHER_ID, OTHER_PHONE, PHONE, World, person

THIEF = PhoneNumber("+254799000666")
NEW = PhoneNumber.parse("0733222111")


def start(
    world: World, key: str = "hop-20", *, born: int | None = 1990, phone: PhoneNumber = NEW
) -> PhoneChangeOutcome:
    with world.sessions.begin() as session:
        return world.members.start_phone_change(
            session, key=key, identifier=ID, new_phone=phone, birth_year=born, language="en"
        )


def complete(world: World, *, told: datetime | Untold = NOON) -> Later | None:
    """Run what is due. `told`: when the SMS to the old phone left."""
    completion = PhoneChangeCompletion(world.sessions, world.members.phone_changes, lambda *_: told)
    return completion.run(world.task("phone_change"))


def change(world: World) -> PhoneChangeRow:
    with world.sessions() as session:
        return session.scalars(select(PhoneChangeRow).order_by(PhoneChangeRow.id.desc()).limit(1)).one()


def phones_told(world: World, template: str, vault_place: str = "outbox.phone") -> set[str]:
    vault = world.members.phone_changes._vault
    return {
        vault.open(vault_place, task.payload["phone_sealed"])
        for task in world.tasks("message")
        if task.payload["template"] == template
    }


def test_right_facts_and_a_day_of_silence_move_the_membership(world: World) -> None:
    member = world.verified_member()
    outcome = start(world)
    assert isinstance(outcome, PhoneChangeStarted)
    assert phones_told(world, "phone_change_old") == {PHONE.e164}
    assert phones_told(world, "phone_change_new") == {NEW.e164}
    assert isinstance(complete(world), Later)
    assert world.member(PHONE) == member
    world.clock.pass_time(hours=24)
    assert complete(world) is None
    moved = world.member(NEW)
    assert (moved.id, moved.number, moved.phone) == (member.id, member.number, NEW)
    with world.sessions() as session:
        assert world.members.by_phone(session, PHONE) is None
    assert (world.hashed(NEW), world.hashed(PHONE)) == (moved.id, None)
    assert phones_told(world, "phone_change_done") == {PHONE.e164, NEW.e164}


def test_silence_of_a_phone_that_could_not_be_told_is_no_consent(world: World) -> None:
    member = world.verified_member()
    start(world)
    world.clock.pass_time(hours=24)
    assert complete(world, told=Untold.NEVER) is None
    assert world.member(PHONE) == member
    assert (change(world).state, change(world).doubt) == ("staff", "not_told")


def test_while_nobody_knows_whether_the_old_phone_was_told_nothing_is_moved(world: World) -> None:
    member = world.verified_member()
    start(world)
    world.clock.pass_time(hours=25)
    assert isinstance(complete(world, told=Untold.NOT_YET), Later)
    world.clock.pass_time(hours=24)
    assert complete(world, told=Untold.NOT_YET) is None
    assert world.member(PHONE) == member
    assert change(world).state == "staff"


def test_completing_twice_changes_nothing_more(world: World) -> None:
    world.verified_member()
    start(world)
    world.clock.pass_time(hours=24)
    complete(world)
    told = world.told()
    assert complete(world) is None
    assert world.told() == told


def test_the_same_hop_starts_one_change(world: World) -> None:
    world.verified_member()
    assert start(world) == start(world)
    assert len(world.tasks("phone_change")) == 1


@pytest.mark.parametrize("born", [1991, None])
def test_wrong_facts_wait_for_staff_and_complete_by_nobody(world: World, born: int | None) -> None:
    world.verified_member()
    outcome = start(world, born=born)
    assert isinstance(outcome, PhoneChangeWithStaff)
    assert start(world, born=born) == outcome
    assert world.tasks("phone_change") == []
    assert change(world).doubt == "facts"
    assert phones_told(world, "phone_change_old") == {PHONE.e164}


def test_both_phones_hear_the_same_whether_the_facts_were_right_or_wrong(world: World) -> None:
    world.verified_member()
    start(world, born=1991)
    wrong = [(task.payload["template"], task.payload["values"]) for task in world.tasks("message")[1:]]
    start(world, "hop-21", phone=OTHER_PHONE)
    right = [(task.payload["template"], task.payload["values"]) for task in world.tasks("message")[3:]]
    assert wrong == right


def test_a_member_in_doubt_is_moved_by_staff_only(world: World) -> None:
    world.ask()
    world.joined(confirmed=False)
    assert isinstance(start(world), PhoneChangeWithStaff)
    assert change(world).doubt == "status"


def test_a_second_request_while_one_is_open_is_for_staff(world: World) -> None:
    world.verified_member()
    start(world)
    assert isinstance(start(world, "hop-21", phone=OTHER_PHONE), PhoneChangeWithStaff)


def test_the_old_phone_can_stop_it(world: World) -> None:
    world.verified_member()
    start(world)
    with world.sessions.begin() as session:
        assert world.members.object_to_phone_change(session, PHONE)
        assert not world.members.object_to_phone_change(session, PHONE)
    world.clock.pass_time(hours=24)
    assert complete(world) is None
    assert world.member(PHONE).phone == PHONE
    assert change(world).state == PhoneChangeState.STOPPED
    assert phones_told(world, "phone_change_stopped") == {PHONE.e164, NEW.e164}


def test_what_the_old_phone_answered_is_for_staff_to_read_before_anything_moves(world: World) -> None:
    member = world.verified_member()
    with world.sessions.begin() as session:
        assert not world.members.hold_phone_change(session, PHONE)
    start(world)
    for _ in range(2):
        with world.sessions.begin() as session:
            assert world.members.hold_phone_change(session, PHONE)
            assert not world.members.hold_phone_change(session, NEW)
    world.clock.pass_time(hours=24)
    assert complete(world) is None
    assert world.member(PHONE) == member
    assert (change(world).state, change(world).doubt) == ("staff", "answered")


def test_an_answer_of_the_old_phone_hides_no_other_doubt(world: World) -> None:
    world.verified_member()
    start(world, born=1991)
    with world.sessions.begin() as session:
        assert world.members.hold_phone_change(session, PHONE)
    assert (change(world).state, change(world).doubt) == ("staff", "facts")


def test_the_new_phone_cannot_stop_or_hasten_it(world: World) -> None:
    world.verified_member()
    start(world)
    with world.sessions.begin() as session:
        assert not world.members.object_to_phone_change(session, NEW)
    assert change(world).state == PhoneChangeState.WAITING


def test_a_phone_that_joined_meanwhile_is_not_taken_away(world: World) -> None:
    world.verified_member()
    start(world)
    world.ask("hop-30", NEW, OTHER_ID)
    world.joined(key="hop-31", phone=NEW, document=OTHER_ID, confirmed=False)
    world.clock.pass_time(hours=24)
    assert complete(world) is None
    assert (change(world).state, change(world).doubt) == (PhoneChangeState.STAFF, "phone_in_use")
    with pytest.raises(InvalidValue), world.sessions.begin() as session:
        world.members.decide_phone_change(session, change(world).id, staff="asha", accept=True, reason="seen")


def test_a_member_who_came_into_doubt_while_waiting_is_for_staff(world: World) -> None:
    member = world.verified_member()
    start(world)
    with world.sessions.begin() as session:
        world.members.decide_review(
            session, member.id, staff="asha", status=Status.DECEASED, reason="registry"
        )
    world.clock.pass_time(hours=24)
    complete(world)
    assert change(world).doubt == "member_changed"


@pytest.mark.parametrize("accept", [True, False])
def test_staff_decide_and_the_audit_says_who_and_why(world: World, accept: bool) -> None:
    member = world.verified_member()
    start(world, born=1991)
    with world.sessions.begin() as session:
        state = world.members.decide_phone_change(
            session, change(world).id, staff="asha", accept=accept, reason="came with the card"
        )
    assert state is (PhoneChangeState.DONE if accept else PhoneChangeState.REFUSED)
    assert world.member(NEW if accept else PHONE).id == member.id
    with world.sessions() as session:
        entry = session.scalars(select(audit.AuditEntry)).one()
        assert (entry.actor, entry.action, entry.subject) == ("asha", f"phone_change.{state}", str(member.id))
        assert entry.reason == "came with the card"
        assert audit.first_broken(session) is None
    with pytest.raises(InvalidValue), world.sessions.begin() as session:
        world.members.decide_phone_change(session, change(world).id, staff="asha", accept=accept, reason="")


def test_an_old_request_does_not_take_the_membership_from_a_phone_that_was_never_told(world: World) -> None:
    member = world.verified_member()
    thief = start(world, key="thief", born=None, phone=THIEF)
    own = start(world, key="own", phone=NEW)
    assert isinstance(thief, PhoneChangeWithStaff)
    assert isinstance(own, PhoneChangeWithStaff)
    decide = partial(world.members.decide_phone_change, staff="asha", reason="seen")
    with world.sessions.begin() as session:
        decide(session, own.change_id, accept=True)
    with pytest.raises(InvalidValue, match="phone_changed_since"), world.sessions.begin() as session:
        decide(session, thief.change_id, accept=True)
    assert world.member(NEW).id == member.id
    with world.sessions.begin() as session:
        assert decide(session, thief.change_id, accept=False) is PhoneChangeState.REFUSED


def test_what_nobody_asked_for_is_not_decided(world: World) -> None:
    with pytest.raises(InvalidValue), world.sessions.begin() as session:
        world.members.decide_phone_change(session, uuid.uuid4(), staff="asha", accept=True, reason="")


def test_requests_that_lead_nowhere_are_refused_at_once(world: World) -> None:
    assert start(world) == PhoneChangeRefused("not_a_member")
    world.verified_member()
    assert start(world, phone=PHONE) == PhoneChangeRefused("same_phone")
    world.ask("hop-30", NEW, OTHER_ID)
    world.answered(person("Akinyi", "Odhiambo"))
    world.joined(key="hop-31", phone=NEW, document=OTHER_ID)
    assert start(world) == PhoneChangeRefused("phone_in_use")


def test_a_phone_cannot_go_on_guessing(world: World) -> None:
    world.verified_member()
    for turn in range(3):
        assert isinstance(start(world, f"hop-{turn}", born=1970 + turn), PhoneChangeWithStaff)
    assert start(world, "hop-4") == PhoneChangeRefused("too_many")


def test_objection_and_completion_at_the_same_moment_do_one_of_them(world: World) -> None:
    world.verified_member()
    start(world)
    world.clock.pass_time(hours=24)
    ready = threading.Barrier(2)

    def object_now() -> None:
        ready.wait()
        with world.sessions.begin() as session:
            world.members.object_to_phone_change(session, PHONE)

    def complete_now() -> None:
        ready.wait()
        complete(world)

    threads = [threading.Thread(target=act) for act in (object_now, complete_now)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = PhoneChangeState(change(world).state)
    assert state in {PhoneChangeState.DONE, PhoneChangeState.STOPPED}
    assert world.member(NEW if state is PhoneChangeState.DONE else PHONE).number
    with world.sessions() as session:
        assert len(session.scalars(select(audit.AuditEntry)).all()) == 1


@contextmanager
def holding_the_change(world: World) -> Iterator[None]:
    """Somebody else has the change locked until the block ends."""
    with world.sessions.begin() as session:
        session.execute(select(PhoneChangeRow).with_for_update())
        yield


def until_waiting(world: World, count: int) -> None:
    waits = text("""
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """)
    while True:
        with world.sessions() as session:
            if session.scalar(waits) == count:
                return
        time.sleep(0.02)


def decide(world: World) -> None:
    with world.sessions.begin() as session:
        world.members.decide_phone_change(session, change(world).id, staff="asha", accept=True, reason="seen")


@pytest.mark.parametrize("finish", [complete, decide])
def test_finishing_a_change_while_another_is_started_waits_in_no_circle(
    world: World, finish: Callable[[World], object]
) -> None:
    world.verified_member()
    start(world)
    world.clock.pass_time(hours=24)
    faults: list[Exception] = []

    def act(what: Callable[[], object]) -> None:
        try:
            what()
        except Exception as error:  # noqa: BLE001 -- told below
            faults.append(error)

    threads = [
        threading.Thread(target=act, args=(lambda: finish(world),)),
        threading.Thread(target=act, args=(lambda: start(world, "hop-21", phone=OTHER_PHONE),)),
    ]
    with holding_the_change(world):
        for count, thread in enumerate(threads, 1):
            thread.start()
            until_waiting(world, count)
    for thread in threads:
        thread.join()
    assert faults == []
    assert world.member(NEW).number
    assert change(world).state == PhoneChangeState.WAITING


def test_each_phone_is_told_in_its_own_language(world: World) -> None:
    member = world.verified_member()
    with world.sessions.begin() as session:
        session.get_one(MemberRow, member.id).language = "sw"
    start(world)
    world.clock.pass_time(hours=24)
    complete(world)
    vault = world.members.phone_changes._vault
    told = {
        (task.payload["template"], vault.open("outbox.phone", task.payload["phone_sealed"])): task.payload[
            "language"
        ]
        for task in world.tasks("message")
        if "phone_sealed" in task.payload
    }
    assert told == {
        ("phone_change_old", PHONE.e164): "sw",
        ("phone_change_new", NEW.e164): "en",
        ("phone_change_done", PHONE.e164): "sw",
        ("phone_change_done", NEW.e164): "en",
    }
