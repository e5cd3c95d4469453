"""What C2B says about a payment, before it (validation) and after it (confirmation)."""

import json
import sqlite3
from dataclasses import replace
from typing import Any

import requests

from sandbox import money, msisdn
from sandbox.clock import compact
from sandbox.daraja.wallet import Payment
from sandbox.faults import NO_FAULT
from sandbox.world import World

VALIDATION_SECONDS = 8.0
REJECTIONS = {
    "C2B00011": "the phone number is not accepted",
    "C2B00012": "the account number is wrong",
    "C2B00013": "the amount is wrong",
    "C2B00014": "the KYC details are wrong",
    "C2B00015": "the shortcode is wrong",
    "C2B00016": "it was not accepted",
}


def registration(world: World, shortcode: str) -> sqlite3.Row | None:
    return world.store.row("SELECT * FROM c2b_urls WHERE shortcode = ?", shortcode)


def confirm(world: World, payment: Payment, *, in_seconds: float, third_party_id: str = "") -> None:
    """Puts the confirmation of `payment` on the agenda when URLs are registered for its shortcode."""
    urls = registration(world, payment.shortcode)
    if urls is None:
        return
    fault = world.faults.draw("c2b", payment.msisdn)
    if fault.outage:
        # While the notifier is down its messages are lost, and only a pull finds the payment again.
        fault = replace(fault, drop=True)
    body = _body(payment, urls["version"]) | {
        "OrgAccountBalance": money.plain(payment.balance_cents),
        "ThirdPartyTransID": third_party_id,
    }
    world.post.send(
        "c2b", payment.receipt, urls["confirmation_url"], body, in_seconds=in_seconds, fault=fault or NO_FAULT
    )


def _body(payment: Payment, version: str) -> dict[str, str]:
    first, *rest = payment.name.title().split(" ")
    middle, last = (" ".join(rest[:-1]), rest[-1]) if rest else ("", "")
    plain_v1 = version == "v1"
    return {
        "TransactionType": "Pay Bill",
        "TransID": payment.receipt,
        "TransTime": compact(payment.completed_at),
        "TransAmount": money.plain(payment.amount_cents),
        "BusinessShortCode": payment.shortcode,
        "BillRefNumber": payment.account,
        "InvoiceNumber": "",
        "OrgAccountBalance": "",
        "ThirdPartyTransID": "",
        "MSISDN": msisdn.hashed(payment.msisdn) if plain_v1 else msisdn.masked(payment.msisdn),
        "FirstName": first,
        "MiddleName": middle if plain_v1 else "",
        "LastName": last if plain_v1 else "",
    }


def validate(world: World, draft: Payment) -> tuple[str, str]:
    """Asks the validation URL about a payment not yet made.

    Returns the rejection code (empty when accepted) and the ThirdPartyTransID to echo. No usable answer
    within eight seconds means that the registered ResponseType decides.
    """
    urls = registration(world, draft.shortcode)
    if urls is None or not urls["validation_url"]:
        return "", ""
    answer = _ask(world, urls["validation_url"], _body(draft, urls["version"]))
    code = str(answer.get("ResultCode", "")) if answer else ""
    if not answer or not (code == "0" or code in REJECTIONS):
        return ("" if urls["response_type"] == "Completed" else "C2B00016"), ""
    return ("" if code == "0" else code), str(answer.get("ThirdPartyTransID", ""))


def _ask(world: World, url: str, body: dict[str, str]) -> dict[str, Any] | None:
    status, error = None, ""
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(url, json=body, timeout=VALIDATION_SECONDS, allow_redirects=False)
            status = answer.status_code
            found = answer.json() if answer.ok else None
    except (requests.RequestException, ValueError) as caught:
        found, error = None, type(caught).__name__
    world.store.insert(
        "callbacks",
        at=world.clock.now(),
        part="c2b",
        subject="validation",
        url=url,
        body=json.dumps(body),
        status=status,
        error=error,
    )
    return found if isinstance(found, dict) else None
