"""When a process that ended is started again."""

from hypothesis import given
from hypothesis import strategies as st

from core.watch import FIRST_PAUSE_SECONDS, HEALTHY_SECONDS, LONGEST_PAUSE_SECONDS, Watch


def test_a_new_process_is_due_at_once_and_not_twice() -> None:
    watch = Watch()
    assert watch.is_due(0.0)
    watch.started(0.0)
    assert not watch.is_due(1000.0)


def test_pauses_double_up_to_the_longest() -> None:
    watch = Watch()
    pauses = []
    for _ in range(9):
        watch.started(0.0)
        pauses.append(watch.ended(0.0))
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]


def test_a_healthy_time_makes_the_next_pause_the_first_again() -> None:
    watch = Watch()
    for _ in range(5):
        watch.started(0.0)
        watch.ended(0.0)
    watch.started(100.0)
    assert watch.ended(100.0 + HEALTHY_SECONDS) == FIRST_PAUSE_SECONDS


def test_a_start_that_failed_counts_as_an_end() -> None:
    watch = Watch()
    assert watch.ended(5.0) == FIRST_PAUSE_SECONDS
    assert not watch.is_due(5.0 + FIRST_PAUSE_SECONDS / 2)
    assert watch.is_due(5.0 + FIRST_PAUSE_SECONDS)


@given(st.lists(st.floats(min_value=0, max_value=2 * HEALTHY_SECONDS)))
def test_whatever_the_lives_it_is_due_again_within_the_longest_pause(lives: list[float]) -> None:
    watch, now = Watch(), 0.0
    for life in lives:
        watch.started(now)
        now += life
        pause = watch.ended(now)
        assert FIRST_PAUSE_SECONDS <= pause <= LONGEST_PAUSE_SECONDS
        now += pause
        assert watch.is_due(now)
