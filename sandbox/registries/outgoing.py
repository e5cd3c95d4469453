"""Calls that a registry makes: answers that come later, and news for those who subscribed."""

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

import requests

from sandbox.clock import iso_utc
from sandbox.faults import NO_FAULT, Fault
from sandbox.registries import keys, signature
from sandbox.world import World

SECONDS_MAX = 10.0
SOON_SECONDS = 0.2
AGAIN_SECONDS = 5.0
ATTEMPTS_MAX = 20
REORDER_SECONDS = 3.0


def install(world: World) -> None:
    """Lets the agenda make the calls."""
    world.agenda.handle("dci_call", lambda letter: _deliver(world, letter))


def send(
    world: World, role: str, url: str, action: str, message: Mapping[str, Any], fault: Fault = NO_FAULT
) -> None:
    """Puts a call on the agenda, as often and as late as `fault` (duplicate, reorder) wants it."""
    letter = {
        "role": role,
        "url": url,
        "action": action,
        "message": dict(message),
        "message_id": secrets.token_hex(16),
        "attempt": 0,
    }
    for copy in range(fault.duplicate + 1):
        due = SOON_SECONDS + copy * SOON_SECONDS
        if fault.reorder:
            due += fault.jitter(f"{action}:{copy}", REORDER_SECONDS)
        # A registry that tells twice makes a new message of it.
        world.agenda.add("dci_call", letter | {"message_id": f"{letter['message_id']}-{copy}"}, due)


def _deliver(world: World, letter: dict[str, Any]) -> None:
    if _post(world, letter) or letter["attempt"] >= ATTEMPTS_MAX:
        return
    world.agenda.add("dci_call", letter | {"attempt": letter["attempt"] + 1}, AGAIN_SECONDS)


def _post(world: World, letter: Mapping[str, Any]) -> bool:
    role = letter["role"]
    header = {
        "version": "1.0.0",
        "message_id": letter["message_id"],
        "message_ts": iso_utc(time.time()),
        "action": letter["action"],
        "status": "succ",
        "sender_id": role,
        "total_count": 1,
    }
    message = letter["message"]
    named = f"{role}|{keys.key_id(role)}|ed25519"
    signed = signature.sign(keys.own_key(world, role), named, header, message, time.time())
    body = json.dumps({"signature": signed, "header": header, "message": message}).encode()
    try:
        with requests.Session() as session:
            session.trust_env = False
            token = session.post(
                f"{world.settings.target.rstrip('/')}/dci/oauth2/client/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": role,
                    "client_secret": world.settings.registry_client_secret,
                },
                timeout=SECONDS_MAX,
            ).json()["access_token"]
            answer = session.post(
                letter["url"],
                data=body,
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
                timeout=SECONDS_MAX,
                allow_redirects=False,
            )
            ack = answer.json().get("message", {})
    except (requests.RequestException, ValueError, KeyError, AttributeError):
        return False
    return answer.ok and ack.get("ack_status") in {"ACK", "ERR"}
