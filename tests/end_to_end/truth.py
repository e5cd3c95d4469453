"""Whether the books say what the sandbox knows: the wallet's statement, and what the registry was told."""

from collections.abc import Iterable
from typing import Any

import requests

from tests.end_to_end.stack import Stack

# A payment is told of once, whatever brought the news: the message's key is the receipt's.
_UNTOLD = """
SELECT count(*) FROM receipts r WHERE r.member_id IS NOT NULL AND
  (SELECT count(*) FROM outbox o WHERE o.topic = 'message' AND o.key = 'receipt:' || r.id) <> 1
"""
_GIVEN_UP = "SELECT count(*) FROM outbox WHERE state = 'dead'"
# Money asked for whose end nobody knows yet.
_OPEN = """
SELECT count(*) FROM contributions WHERE state IN ('requested', 'prompting', 'prompted', 'unknown')
"""


def paid(stack: Stack) -> list[dict[str, Any]]:
    """What the wallet's own statement lists as money in."""
    return [row for row in stack.statement() if row["amount_cents"] > 0]


def differences(stack: Stack, suspense: Iterable[str] = (), *, settled: bool = True) -> dict[str, object]:
    """Where books, wallet and registry disagree: name → (truth, found). Empty when all of it agrees.

    `suspense`: accounts that name nobody, so that what was paid to them waits for its owner. Without
    `settled` there may be prompts whose end is not known yet.
    """
    nobody = set(suspense)
    rows = paid(stack)
    owned = [row["amount_cents"] for row in rows if row["account"] not in nobody]
    waiting = [row["amount_cents"] for row in rows if row["account"] in nobody]
    proof = stack.proof()
    truth = {
        "receipts": len(rows),
        "credited_cents": sum(owned),
        "suspense_cents": sum(waiting),
        "refunded_cents": 0,
        "refunds_payable_cents": 0,
        "postings_sum_cents": 0,
        "balances_equal_postings": True,
        "unknown": 0,
        "posted": len(owned),
        "acknowledged": len(owned),
    }
    found: dict[str, object] = {
        name: (value, proof[name]) for name, value in truth.items() if proof[name] != value
    }
    fund = stack.sandbox("GET", "/fund/total")
    told = (fund["count"], fund["amount_cents"])
    if told != (len(owned), sum(owned)):
        found["registry"] = ((len(owned), sum(owned)), told)
    for name, query in (("untold", _UNTOLD), ("given_up", _GIVEN_UP), ("open", _OPEN)):
        count = stack.count(query)
        if count:
            found[name] = (0, count)
    if not settled:
        for name in ("unknown", "open"):
            found.pop(name, None)
    return found


def agree(stack: Stack, suspense: Iterable[str] = (), *, settled: bool = True) -> bool:
    """Cheap looks first: the command line takes seconds to start."""
    try:
        if not stack.is_at_rest() or (settled and stack.count(_OPEN)):
            return False
        return not differences(stack, suspense, settled=settled)
    except requests.RequestException:
        return False
