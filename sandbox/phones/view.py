"""What a phone shows at this moment."""

from typing import Any

from sandbox import countries, money
from sandbox.africastalking import ussd
from sandbox.clock import iso_utc
from sandbox.collecting import prompts as collecting
from sandbox.collecting import purses
from sandbox.daraja import prompts, wallet
from sandbox.world import World

KINDS = {"open": "menu", "waiting": "waiting", "success": "final", "incomplete": "closed", "failed": "error"}
SMS_SHOWN = 50
# Who wrote an SMS, by the `direction` it is kept under, which is the gateway's.
WRITERS = {"out": "gateway", "wallet": "wallet", "in": "phone"}
WALLETS = {"mpesa": "M-PESA", "airtel": "Airtel Money", "mtn": "MTN MoMo"}


def state_of(world: World, msisdn: str) -> dict[str, Any]:
    """Screen, prompt, messages (oldest first) and wallet of one phone."""
    return {
        "number": f"+{msisdn}",
        "owner": wallet.owner(world, msisdn),
        "screen": _screen(world, msisdn),
        "prompt": _prompt(world, msisdn),
        "sms": _messages(world, msisdn),
        "wallet": _wallet(world, msisdn),
        "network": countries.network_code(world, msisdn),
    }


def _wallet(world: World, msisdn: str) -> dict[str, Any]:
    """M-Pesa's in Kenya; elsewhere, or with a SIM of Airtel's, that of the SIM's own network."""
    country = countries.of(msisdn)
    provider = countries.wallet_of(world, msisdn)
    if provider == "mpesa":
        cents = wallet.balance_cents(world, msisdn)
    else:
        cents = purses.balance_cents(world, provider, msisdn, country.currency)
    return {
        "name": WALLETS[provider],
        "balance": money.plain(cents),
        "balance_cents": cents,
        "currency": country.currency,
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
        return _other_prompt(world, msisdn)
    return {
        "wallet": WALLETS["mpesa"],
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


def _other_prompt(world: World, msisdn: str) -> dict[str, Any] | None:
    row = collecting.open_on(world, msisdn)
    if row is None:
        return None
    title = collecting.title_of(row)
    price = f"{row['currency']} {money.grouped(row['amount_cents'])}"
    business = world.settings.organisation
    return {
        "wallet": title,
        "checkout_id": row["id"],
        "amount": money.grouped(row["amount_cents"]),
        "amount_cents": row["amount_cents"],
        "business": business,
        "account": row["reference"],
        "expires_at": iso_utc(row["expires_at"]),
        "text": f"Pay {price} to {business}, reference {row['reference']}? Enter {title} PIN:",
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
            "by": WRITERS[row["direction"]],
            "from": row["other"],
            "text": row["text"],
            "at": iso_utc(row["at"]),
        }
        for row in reversed(rows)
    ]
