"""Identifiers sort in the order in which they were made, whatever the clock does, and are never the same."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from core.ids import ids_from, new_id


class Source:
    """A clock that is given its times, and no chance at all."""

    def __init__(self, *times: int) -> None:
        self._times = list(times)

    def milliseconds(self) -> int:
        return self._times.pop(0) if len(self._times) > 1 else self._times[0]

    def chance(self, count: int) -> bytes:
        return bytes(count)


def _milliseconds(made: uuid.UUID) -> int:
    return made.int >> 80


def test_they_are_of_version_7_and_sort_as_they_were_made() -> None:
    made = [new_id() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == 5000
    assert {(one.version, one.variant) for one in made} == {(7, uuid.RFC_4122)}


def test_within_one_millisecond_they_are_counted_and_a_count_that_runs_over_goes_on() -> None:
    with ids_from(Source(1_000)):
        made = [new_id() for _ in range(5000)]
    assert made == sorted(set(made))
    assert [_milliseconds(one) for one in (made[0], made[4095], made[4096])] == [1_000, 1_000, 1_001]


def test_a_clock_that_is_put_back_does_not_take_them_back() -> None:
    with ids_from(Source(5_000, 4_000, 6_000)):
        first, second, third = new_id(), new_id(), new_id()
    assert first < second < third
    assert [_milliseconds(one) for one in (first, second, third)] == [5_000, 5_000, 6_000]


def test_many_threads_make_no_two_alike() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = [one.result() for one in [threads.submit(new_id) for _ in range(2000)]]
    assert len(set(made)) == 2000
