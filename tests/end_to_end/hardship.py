"""Everything broken at once, and processes killed, while people pay: `python -m tests.end_to_end.hardship`.

Prints what struck how often, and whether in the end the books equal the sandbox's truth (exit code 0).
"""

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import requests

from tests.end_to_end.conftest import open_directory
from tests.end_to_end.crowd import HANDS, NOBODY, Crowd
from tests.end_to_end.faults import SINGLE, Trouble, by_turns, singles
from tests.end_to_end.kills import VICTIMS, is_killed
from tests.end_to_end.stack import Stack
from tests.end_to_end.truth import agree, differences, paid
from tests.end_to_end.waiting import wait_for

# The list is read often, since nobody here waits an hour for a pull that was broken.
SETTINGS = {"PULL_EVERY_SECONDS": "30", "PROMPT_DELAY_SECONDS": "1"}
# Unknown prompts are decided by the wallet's list after five minutes; pauses after failures reach a minute.
REST_SECONDS_MAX = 900.0
_TURN_SECONDS = 6.0
_LOOK_SECONDS = 1.0
# Between two acts of one hand: a busy shop, not a flood that only fills the time while the web port is dead.
_PAUSE_SECONDS = 1.5


_BY_PROMPT = "SELECT count(*) FROM contributions WHERE state = 'paid'"


@dataclass
class Account:
    """What was done to the house: requests that each fault hit, and how often each process was killed."""

    hits: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)

    def set_faults(self, stack: Stack, troubles: Sequence[Trouble], rate: float, random: Random) -> None:
        for trouble in troubles:
            spec = trouble.at(rate, random.randrange(1_000_000))
            wait_for(
                partial(_is_put, stack, trouble.part, spec), f"the fault {trouble}", seconds=REST_SECONDS_MAX
            )

    def count_hits(self, stack: Stack, troubles: Sequence[Trouble]) -> None:
        for trouble in troubles:
            found = wait_for(partial(_struck, stack, trouble.part), f"{trouble}", seconds=REST_SECONDS_MAX)
            self.hits[str(trouble)] += found["hit"]


def _is_put(stack: Stack, part: str, spec: dict[str, object]) -> bool:
    try:
        stack.fault(part, **spec)
    except requests.RequestException:
        return False
    return True


def _struck(stack: Stack, part: str) -> dict[str, int] | None:
    try:
        found: dict[str, int] = stack.sandbox("GET", f"/faults/{part}/struck")
    except requests.RequestException:
        return None
    return found


def seeded(seed: object) -> Random:
    return Random(str(seed))  # noqa: S311 -- it must be repeatable, not secret


def paid_so_far(stack: Stack) -> int:
    """Payments on the wallet's statement; -1 while the sandbox does not answer."""
    try:
        return len(paid(stack))
    except requests.RequestException:
        return -1


def suffer(stack: Stack, crowd: Crowd, payments: int, options: argparse.Namespace) -> Account:
    """People pay until the wallet lists so many payments; faults change by turns, processes die meanwhile."""
    account, random = Account(), seeded(options.seed)
    victims = [victim for _ in range(options.kills) for victim in VICTIMS]
    stop = threading.Event()

    def pay(number: int) -> None:
        own = seeded(f"{options.seed} {number}")
        while not stop.is_set():
            crowd.act(own)
            stop.wait(own.uniform(0, 2 * _PAUSE_SECONDS))

    turns = by_turns(random)
    with ThreadPoolExecutor(HANDS) as hands:
        working = [hands.submit(pay, number) for number in range(HANDS)]
        try:
            while (count := paid_so_far(stack)) < payments or len(victims) > sum(account.kills.values()):
                troubles = next(turns)
                account.set_faults(stack, troubles, options.rate, random)
                ends_at = time.monotonic() + _TURN_SECONDS
                while time.monotonic() < ends_at:
                    done = sum(account.kills.values())
                    if done < len(victims) and count * len(victims) >= done * payments:
                        account.kills[victims[done]] += is_killed(stack, victims[done])
                    time.sleep(_LOOK_SECONDS)
                account.count_hits(stack, troubles)
                sys.stderr.write(f"{count} payments, {sum(account.kills.values())} kills\n")
        finally:
            stop.set()
        for one in working:
            one.result()
    return account


def suffer_alone(stack: Stack, crowd: Crowd, trouble: Trouble, payments: int, seed: int) -> int:
    """People pay under one fault that hits every request, until it hit some; returns how many it hit."""
    account, random = Account(), seeded(seed)
    stack.fault("stk", auto=True)
    account.set_faults(stack, [trouble], 1.0, random)
    with ThreadPoolExecutor(HANDS) as hands:
        list(hands.map(lambda number: _act_under(trouble, crowd, seed, number), range(payments)))
    wait_for(
        lambda: (_struck(stack, trouble.part) or {"hit": 0})["hit"],
        f"{trouble} to strike",
        seconds=REST_SECONDS_MAX,
        otherwise=stack.explain,
    )
    account.count_hits(stack, [trouble])
    stack.no_faults()
    return account.hits[str(trouble)]


def _act_under(trouble: Trouble, crowd: Crowd, seed: int, number: int) -> bool:
    """One payment or another, but the first is of the kind that meets the trouble."""
    certain = {"stk": crowd.save, "c2b": crowd.pay_by_hand}.get(trouble.part)
    if number == 0 and certain is not None:
        # A phone whose prompt of before is still open would not: then the next does.
        wait_for(certain, f"a payment under {trouble}", seconds=REST_SECONDS_MAX)
        return True
    return crowd.act(seeded(f"{seed} {number}"))


def come_to_rest(
    stack: Stack, crowd: Crowd, seconds: float = REST_SECONDS_MAX, *, settled: bool = True
) -> float:
    """Everything works again; the seconds until the books agree with the truth. AssertionError if not."""
    began = time.monotonic()
    wait_for(partial(_no_faults, stack), "the faults to end", seconds=seconds)
    # The last payment has the wallet's list read once more.
    wait_for(crowd.pay_by_hand, "the last payment", seconds=seconds)
    wait_for(
        lambda: agree(stack, [NOBODY], settled=settled),
        "the books to agree with the truth",
        seconds=seconds,
        otherwise=lambda: f"{differences(stack, [NOBODY], settled=settled)}\n{stack.explain()}",
    )
    return time.monotonic() - began


def _no_faults(stack: Stack) -> bool:
    try:
        stack.no_faults()
    except requests.RequestException:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.end_to_end.hardship", description=__doc__)
    parser.add_argument("--payments", type=int, default=2000, help="on the wallet's statement (2000)")
    parser.add_argument("--rate", type=float, default=0.3, help="share of requests that a fault hits (0.3)")
    parser.add_argument("--kills", type=int, default=10, help="SIGKILLs of each process (10)")
    parser.add_argument("--singles", type=int, default=10, help="payments under each single fault (10)")
    parser.add_argument("--members", type=int, default=60, help="who pay (60)")
    parser.add_argument("--seed", type=int, default=1, help="of faults and acts (1)")
    options = parser.parse_args()
    with open_directory() as directory:
        stack = Stack(Path(directory), SETTINGS)
        try:
            return _run(stack, options)
        except AssertionError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        finally:
            stack.destroy()


def _run(stack: Stack, options: argparse.Namespace) -> int:
    stack.start()
    crowd = Crowd(stack, options.members)
    began = time.monotonic()
    if options.singles:
        for trouble in (one for part in SINGLE for one in singles(part)):
            _say(f"alone: {trouble}", suffer_alone(stack, crowd, trouble, options.singles, options.seed))
        _say("each alone: payments", paid_so_far(stack))
        _say("each alone: agrees after, seconds", round(come_to_rest(stack, crowd)))
    if options.payments:
        known = max(0, paid_so_far(stack))
        account = suffer(stack, crowd, known + options.payments, options)
        for name, count in sorted(account.hits.items()):
            _say(name, count)
        for name, count in account.kills.items():
            _say(f"SIGKILL {name}", count)
        waited = come_to_rest(stack, crowd)
        _say("all together: payments", paid_so_far(stack) - known)
        _say("prompts that were paid, in all", stack.count(_BY_PROMPT))
        _say("all together: agrees after, seconds", round(waited))
    _say("seconds in all", round(time.monotonic() - began))
    for name, value in stack.proof().items():
        _say(name, value)
    return 0


def _say(name: str, value: object) -> None:
    sys.stdout.write(f"| {name} | {value} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
