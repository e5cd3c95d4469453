"""Under every single fault the books end equal to the wallet's statement and to what the registry was told.

`python -m tests.end_to_end.hardship` is the long form: all faults at once, and processes killed.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import open_directory
from tests.end_to_end.crowd import Crowd
from tests.end_to_end.faults import SINGLE, by_turns, singles
from tests.end_to_end.hardship import SETTINGS, come_to_rest, paid_so_far, seeded, suffer_alone
from tests.end_to_end.stack import Stack

MEMBERS = 8
PAYMENTS = 3


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    with open_directory() as directory:
        stack = Stack(Path(directory), SETTINGS)
        try:
            stack.start()
            yield Crowd(stack, MEMBERS)
            stack.stop()
        finally:
            stack.destroy()


@pytest.mark.parametrize("part", SINGLE)
def test_under_each_fault_alone_the_books_equal_the_truth(crowd: Crowd, part: str) -> None:
    before = paid_so_far(crowd.stack)
    for seed, trouble in enumerate(singles(part)):
        assert suffer_alone(crowd.stack, crowd, trouble, PAYMENTS, seed)
    # What nobody can know before five minutes are over is left open here; no money is.
    come_to_rest(crowd.stack, crowd, settled=False)
    assert paid_so_far(crowd.stack) > before


def test_all_together_means_each_fault_in_its_turn() -> None:
    turns = by_turns(seeded(1))
    most = max(len(faults) for faults in SINGLE.values())
    seen = {str(trouble) for _ in range(most) for trouble in next(turns)}
    assert seen == {str(trouble) for part in SINGLE for trouble in singles(part)}
