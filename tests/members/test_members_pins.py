"""PINs: weak ones are refused, wrong ones are counted, three lock."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidValue
from core.ids import new_id
from members.pins import Locked, Pins, PinWeakness, Right, Verdict, Wrong, pin_hasher, weak_pin_reason
from members.tables import PinRow
from tests.members.members_world import World


@pytest.mark.parametrize(
    ("pin", "reason"),
    [
        ("1234", PinWeakness.SEQUENCE),
        ("7890", PinWeakness.SEQUENCE),
        ("0123", PinWeakness.SEQUENCE),
        ("9876", PinWeakness.SEQUENCE),
        ("3210", PinWeakness.SEQUENCE),
        ("0987", PinWeakness.SEQUENCE),
        ("0000", PinWeakness.REPEATED),
        ("7777", PinWeakness.REPEATED),
        ("1990", PinWeakness.BIRTH_YEAR),
        ("123", PinWeakness.NOT_FOUR_DIGITS),
        ("12345", PinWeakness.NOT_FOUR_DIGITS),
        ("12a4", PinWeakness.NOT_FOUR_DIGITS),
        ("", PinWeakness.NOT_FOUR_DIGITS),
        ("٤٨٢١", PinWeakness.NOT_FOUR_DIGITS),
        ("4821", None),
        ("1357", None),
        ("1991", None),
    ],
)
def test_pins_that_would_be_guessed_are_refused(pin: str, reason: PinWeakness | None) -> None:
    assert weak_pin_reason(pin, 1990) == reason


def test_a_birth_year_nobody_knows_yet_is_not_refused() -> None:
    assert weak_pin_reason("1990", None) is None


@given(st.text())
def test_whatever_is_typed_gets_an_answer(pin: str) -> None:
    assert weak_pin_reason(pin, 1990) is None or isinstance(weak_pin_reason(pin, 1990), PinWeakness)


def check(world: World, pin: str, key: str = "") -> Verdict:
    member = world.member()
    with world.sessions.begin() as session:
        return world.members.pins.check(session, member.id, pin, key=key)


def test_a_hash_matches_its_pin_only(world: World) -> None:
    pins = world.members.pins
    sealed = pins.hash_new("4821")
    assert sealed.startswith("$argon2id$")
    assert "4821" not in sealed
    assert pins.matches(sealed, "4821")
    assert not pins.matches(sealed, "4822")
    assert pins.hash_new("4821") != sealed
    with pytest.raises(InvalidValue):
        pins.matches("no hash", "4821")


def test_a_mark_is_that_of_one_pin_at_one_place_under_one_pepper(world: World) -> None:
    pins = world.members.pins
    mark = pins.mark("4821", "a call: balance")
    assert mark == pins.mark("4821", "a call: balance")
    others = [
        pins.mark("4822", "a call: balance"),
        pins.mark("4821", "another call: balance"),
        Pins(b"another pepper", pin_hasher(), world.clock).mark("4821", "a call: balance"),
    ]
    assert mark not in others


def test_three_wrong_pins_lock_for_thirty_minutes(world: World) -> None:
    world.joined(pin="4821")
    assert check(world, "1111") == Wrong(tries_left=2)
    assert check(world, "2222") == Wrong(tries_left=1)
    assert check(world, "3333") == Locked(minutes=30)
    world.clock.pass_time(minutes=20, seconds=30)
    assert check(world, "4821") == Locked(minutes=10)
    world.clock.pass_time(minutes=9, seconds=30)
    assert check(world, "4821") == Right()


def test_after_the_lock_there_are_three_tries_again(world: World) -> None:
    world.joined()
    for pin in ("1111", "2222", "3333"):
        check(world, pin)
    world.clock.pass_time(minutes=30)
    assert check(world, "1111") == Wrong(tries_left=2)


def test_a_right_pin_clears_the_count(world: World) -> None:
    world.joined(pin="4821")
    check(world, "1111")
    check(world, "2222")
    assert check(world, "4821") == Right()
    assert check(world, "1111") == Wrong(tries_left=2)


def test_the_same_hop_posted_again_is_not_counted_again(world: World) -> None:
    world.joined(pin="4821")
    assert check(world, "1111", "hop-1") == check(world, "1111", "hop-1") == Wrong(tries_left=2)
    assert check(world, "4821", "hop-2") == check(world, "4821", "hop-2") == Right()


def test_one_hop_is_no_way_to_guess_without_end(world: World) -> None:
    world.joined(pin="4821")
    assert check(world, "1111", "hop") == Wrong(tries_left=2)
    assert check(world, "4821", "hop") == Wrong(tries_left=2)


def test_guesses_at_the_same_moment_are_counted_one_by_one(world: World) -> None:
    world.joined(pin="4821")
    verdicts: list[Verdict] = []
    ready = threading.Barrier(6)

    def guess(turn: int) -> None:
        ready.wait()
        verdicts.append(check(world, f"555{turn}"))

    threads = [threading.Thread(target=guess, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(verdict, Wrong) for verdict in verdicts) == 2
    assert verdicts.count(Locked(minutes=30)) == 4
    assert check(world, "4821") == Locked(minutes=30)


def test_a_new_pin_replaces_the_old_and_opens_the_lock(world: World) -> None:
    member = world.joined(pin="4821")
    for pin in ("1111", "2222", "3333"):
        check(world, pin)
    with world.sessions.begin() as session:
        world.members.pins.set(session, member.id, world.members.pins.hash_new("7305"))
    assert check(world, "7305") == Right()
    assert check(world, "4821") == Wrong(tries_left=2)


def test_a_hash_of_weaker_parameters_is_renewed_when_the_pin_is_right(world: World) -> None:
    member = world.joined(pin="4821")
    world.members.pins._hasher = pin_hasher(time_cost=2, memory_kib=16)
    assert check(world, "4821") == Right()
    with world.sessions() as session:
        renewed = session.get_one(PinRow, member.id).hash
    assert str(renewed).startswith("$argon2id$v=19$m=16,t=2,p=1$")
    assert check(world, "4821") == Right()


def test_who_has_no_pin_is_locked(world: World) -> None:
    with world.sessions.begin() as session:
        assert world.members.pins.check(session, new_id(), "4821") == Locked(minutes=30)
