"""What a phone shows at this moment."""

from typing import Any

from sandbox import money
from sandbox.africastalking import ussd
from sandbox.clock import iso_utc
from sandbox.daraja import prompts, wallet
from sandbox.world import World

KINDS = {"open": "menu", "waiting": "waiting", "success": "final", "incomplete": "closed", "failed": "error"}
SMS_SHOWN = 50


def state_of(world: World, msisdn: str) -> dict[str, Any]:
    """Screen, prompt, messages (oldest first) and wallet of one phone."""
    cents = wallet.balance_cents(world, msisdn)
    return {
        "number": f"+{msisdn}",
        "owner": wallet.owner(world, msisdn),
        "screen": _screen(world, msisdn),
        "prompt": _prompt(world, msisdn),
        "sms": _messages(world, msisdn),
        "wallet": {"balance": money.plain(cents), "balance_cents": cents, "currency": "KES"},
    }


def _screen(world: World, msisdn: str) -> dict[str, Any] | None:
    row = ussd.latest(world, msisdn)
    if row is None:
        return None
    return {
        "session_id": row["session_id"],
        "text": row["screen"],
        "kind": KINDS[row["state"]],
        "open": row["state"] == "open",
        "hops": row["hops"],
        "error": row["error"],
    }


def _prompt(world: World, msisdn: str) -> dict[str, Any] | None:
    row = prompts.open_on(world, msisdn)
    if row is None:
        return None
    return {
        "checkout_id": row["checkout_id"],
        "amount": money.grouped(row["amount_cents"]),
        "amount_cents": row["amount_cents"],
        "business": world.settings.organisation,
        "account": row["account"],
        "expires_at": iso_utc(row["expires_at"]),
        "text": (
            f"Do you want to pay Ksh {money.grouped(row['amount_cents'])} to {world.settings.organisation} "
            f"Account no. {row['account']}? Enter M-PESA PIN:"
        ),
    }


def _messages(world: World, msisdn: str) -> list[dict[str, Any]]:
    rows = world.store.rows(
        "SELECT * FROM sms WHERE phone = ? AND direction <> 'lost' AND visible_at <= ?"
        " ORDER BY visible_at DESC, id DESC LIMIT ?",
        msisdn,
        world.clock.now(),
        SMS_SHOWN,
    )
    return [
        {
            "id": row["message_id"],
            "direction": "out" if row["direction"] == "in" else "in",
            "from": row["other"],
            "text": row["text"],
            "at": iso_utc(row["at"]),
        }
        for row in reversed(rows)
    ]
