"""Whatever is killed while fifty payments are in flight, the books end equal to the wallet's statement."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.end_to_end.conftest import open_directory
from tests.end_to_end.kills import is_killed
from tests.end_to_end.phones import Phone, new_member
from tests.end_to_end.process_tree import CREW, PARTS
from tests.end_to_end.stack import Stack
from tests.end_to_end.waiting import wait_for

PHONES = 25
PAYMENTS = 50
HANDS = 8
# Lost callbacks are asked about after 30 s, leases of killed jobs end after 30 s, then the list is read. A
# prompt that a killed wallet had not kept is called expired only when its life of five minutes is over.
REST_SECONDS_MAX = 600.0
_EXPIRED = "SELECT count(*) FROM contributions WHERE state = 'expired'"
# Who is killed after how many of the payments: the part itself, and what it started to do its work.
KILLS: dict[str, list[tuple[int, str]]] = {
    "web": [(8, "worker of web"), (24, "web")],
    "workers": [(12, "workers")],
    "relay": [(12, "relay")],
    "worker-money": [(8, "worker-money"), (20, "job of worker-money"), (32, "second worker-money")],
    "worker-messages": [(12, "worker-messages")],
    "worker-registry": [(8, "worker-registry"), (24, "job of worker-registry")],
    "postgres": [(12, "postgres")],
    "valkey": [(12, "valkey")],
    "sandbox": [(12, "sandbox")],
}
# A process that dies between sending an SMS and writing that down lets it be sent again, once: news of money
# is better heard twice than never. One SMS is on its way at a time, so at most one is heard twice.
MAY_REPEAT_AN_SMS = frozenset({"workers", "worker-messages", "postgres", "sandbox"})


@pytest.fixture(scope="module")
def crowd() -> Iterator[tuple[Stack, list[Phone]]]:
    """A system of its own, where prompts are paid by themselves, and members who joined it."""
    with open_directory() as directory:
        stack = Stack(Path(directory))
        try:
            stack.start()
            with ThreadPoolExecutor(HANDS) as hands:
                phones = list(hands.map(lambda _: join_somehow(stack), range(PHONES)))
            stack.fault("stk", auto=True)
            yield stack, phones
            stack.stop()
        finally:
            stack.destroy()


def test_all_parts_are_killed_in_turn() -> None:
    assert set(KILLS) == {*PARTS, *CREW}


@pytest.mark.parametrize("part", KILLS)
def test_a_kill_loses_and_doubles_nothing(crowd: tuple[Stack, list[Phone]], part: str) -> None:
    stack, phones = crowd
    known, expired = receipts(stack), stack.count(_EXPIRED)
    with ThreadPoolExecutor(HANDS) as hands:
        saving = [hands.submit(save_somehow, phones[n % PHONES], 20 + n // PHONES) for n in range(PAYMENTS)]
        for count, victim in KILLS[part]:
            kill_after(stack, victim, payments=len(known) + count)
        for one in saving:
            one.result()

    def lost() -> int:
        # Only a wallet that was killed may have lost a prompt on its way to a phone; our own parts lose none.
        return stack.count(_EXPIRED) - expired if part == "sandbox" else 0

    wait_for(
        lambda: agree(stack, len(known) + PAYMENTS - lost()),
        "books, wallet and registry to agree",
        seconds=REST_SECONDS_MAX,
        otherwise=lambda: f"{differences(stack)}\n{stack.explain()}",
    )
    every_sms = stack.sandbox("GET", "/sms")
    told = [sum(receipt in sms["text"] for sms in every_sms) for receipt in receipts(stack) - known]
    assert min(told) == 1
    assert sum(told) - len(told) <= (part in MAY_REPEAT_AN_SMS)


def kill_after(stack: Stack, victim: str, *, payments: int) -> None:
    wait_for(lambda: len(receipts(stack)) >= payments, f"{payments} payments", otherwise=stack.explain)
    wait_for(lambda: is_killed(stack, victim), f"the end of {victim}", otherwise=stack.explain)


def join_somehow(stack: Stack) -> Phone:
    """Somebody joins; on a machine too busy to answer in time, somebody else does."""

    def try_once() -> Phone | None:
        try:
            return new_member(stack)[0]
        except (AssertionError, requests.RequestException):
            return None

    return wait_for(try_once, "somebody to join", otherwise=stack.explain)


def save_somehow(phone: Phone, shillings: int) -> None:
    """Save as somebody does whose phone says now and then that there is a connection problem."""

    def try_once() -> bool:
        try:
            phone.save(shillings)
        except (AssertionError, requests.RequestException):
            return False
        return True

    wait_for(try_once, f"{phone.number} to save", otherwise=phone.stack.explain)


def receipts(stack: Stack) -> set[str]:
    return {row["receipt"] for row in stack.statement()}


def agree(stack: Stack, payments_min: int) -> bool:
    """Cheap looks first: the command line takes seconds to start."""
    try:
        rows = stack.statement()
        fund = stack.sandbox("GET", "/fund/total")
        at_rest = stack.is_at_rest()
    except requests.RequestException:
        return False
    return len(rows) >= payments_min and fund["count"] == len(rows) and at_rest and not differences(stack)


def differences(stack: Stack) -> dict[str, object]:
    """Where proof, statement and registry disagree: name → (expected, found)."""
    rows = stack.statement()
    proof = stack.proof()
    fund = stack.sandbox("GET", "/fund/total")
    cents = sum(row["amount_cents"] for row in rows)
    expected = {
        "receipts": len(rows),
        "credited_cents": cents,
        "acknowledged": len(rows),
        "posted": len(rows),
        "suspense_cents": 0,
        "postings_sum_cents": 0,
        "balances_equal_postings": True,
        "unknown": 0,
    }
    found = {name: (value, proof[name]) for name, value in expected.items() if proof[name] != value}
    return found | (
        {"fund": (cents, fund)} if (fund["count"], fund["amount_cents"]) != (len(rows), cents) else {}
    )
