"""One phone may hear whose number it typed ten times a day, and the same number counts once."""

import threading
from datetime import date

from members.look_ups import NUMBERS_PER_DAY_MAX, may_look_up
from tests.members.members_world import World

DAY = date(2026, 11, 22)


def test_ten_numbers_a_day_and_each_counts_once(world: World) -> None:
    numbers = [f"4{place:08}" for place in range(NUMBERS_PER_DAY_MAX + 1)]
    with world.sessions.begin() as session:
        told = [may_look_up(session, phone_index="one", number=each, day=DAY) for each in numbers]
        again = may_look_up(session, phone_index="one", number=numbers[0], day=DAY)
        other = may_look_up(session, phone_index="other", number=numbers[-1], day=DAY)
    assert told == [*[True] * NUMBERS_PER_DAY_MAX, False]
    assert again
    assert other


def test_the_same_post_twice_at_once_is_told_twice(world: World) -> None:
    told: list[bool] = []

    def ask() -> None:
        with world.sessions.begin() as session:
            told.append(may_look_up(session, phone_index="one", number="400000012", day=DAY))

    with world.sessions.begin() as first:
        assert may_look_up(first, phone_index="one", number="400000012", day=DAY)
        second = threading.Thread(target=ask)
        second.start()
        second.join(0.3)
    second.join()
    assert told == [True]
