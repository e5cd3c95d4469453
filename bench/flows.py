"""The measured flow: home, amount, confirm; the same three hops for all, never past the confirmation."""

import random
from collections.abc import Sequence

from bench.load import Dialog
from bench.members import SAVED_CENTS, phone_of
from bench.posts import dialog

AMOUNTS_SHILLINGS = (50, 100, 200)


def sample_dialogs(path: str, count: int, seed: int) -> list[Dialog]:
    """The flow as the peers serve it: `1` to contribute, the amount typed."""
    dialogs = []
    for serial in range(1, count + 1):
        amount = AMOUNTS_SHILLINGS[serial % 3]
        hops = [
            ("", "CON Haba"),
            ("1", "amount in shillings"),
            (f"1*{amount}", f"CON Contribute KES {amount}?"),
        ]
        dialogs.append(dialog(path, f"ATUid_{seed:06}{serial:020}", phone_of(serial).e164, hops))
    return dialogs


def kibaba_dialogs(path: str, count: int, seed: int, *, members: int) -> list[Dialog]:
    """The flow as Kibaba serves it: another amount than the usual one, picked from those offered.

    Each call is another member's, so that no call is the continuation of one that was dropped.
    """
    serials = random.Random(seed).sample(range(1, members + 1), count)
    return [
        dialog(path, f"ATUid_{seed:06}{serial:020}", phone_of(serial).e164, _hops(serial % 2))
        for serial in serials
    ]


def _hops(choice: int) -> Sequence[tuple[str, str]]:
    offered = [f"KES {cents // 100}" for cents in SAVED_CENTS]
    # Members speak two languages; the amounts are the same in both.
    return [
        ("", f"{offered[0]}\n2 "),
        ("2", f"2 {offered[1]}\n3 "),
        (f"2*{choice + 1}", f" {offered[choice]} "),
    ]


def kibaba_dials(path: str, first: int, count: int) -> list[Dialog]:
    """One dial each of `count` members from the given one on."""
    expected = _hops(0)[:1]
    return [
        dialog(path, f"ATUid_dial{serial:022}", phone_of(serial).e164, expected)
        for serial in range(first, first + count)
    ]
