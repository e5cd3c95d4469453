"""Many random walks, one after the other, each from its own seed."""

import logging
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from core.logging import LOGGER
from core.vault import Vault
from operations.walks.memory import Memory
from operations.walks.walker import Walker, WalkError, random_walk
from ussd_app.gateway.graphs import Definition

# The least and the most that settings allow; most networks have the least.
BUDGETS = (160, 160, 160, 182)


@dataclass
class Tally:
    """What a run of walks amounted to."""

    first_seed: int
    walks: int = 0
    posts: int = 0
    joined: int = 0
    saved: int = 0
    losses: int = 0
    restarts: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def run(
    count: int, *, seed: int, steps: int, folder: Path | None = None, told: Callable[[Tally], None]
) -> Tally:
    """Walk `count` times, with seeds from `seed` on. Raises WalkError, its message naming the seed."""
    definition = Definition.read(folder)
    vault = Vault([secrets.token_bytes(32)], secrets.token_bytes(32))
    tally, began = Tally(seed), time.monotonic()
    with quietly():
        for number in range(seed, seed + count):
            chance = random.Random(number)  # noqa: S311 -- a walk must be walked again from its seed
            budget = BUDGETS[number % len(BUDGETS)]
            walker = Walker(definition.graph, Memory(definition, vault, budget), budget)
            try:
                random_walk(walker, chance, steps)
            except WalkError as error:
                raise WalkError(f"seed {number}: {error}") from None
            _add(tally, walker)
            tally.seconds = time.monotonic() - began
            told(tally)
    return tally


@contextmanager
def quietly() -> Iterator[None]:
    """Trouble is what a walk is about; it need not be logged each time."""
    before = LOGGER.level
    LOGGER.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        LOGGER.setLevel(before)


def _add(tally: Tally, walker: Walker) -> None:
    people = walker.town.people.values()
    tally.walks += 1
    tally.posts += walker.posts
    tally.joined += sum(person.joined for person in people)
    tally.saved += sum(len(person.saved) for person in people)
    tally.losses += sum(line in {"flush", "away=True"} for line in walker.story)
    tally.restarts += sum(line == "restart" for line in walker.story)
