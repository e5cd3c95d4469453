"""SMS from a phone to the gateway's short code."""

import secrets

from sandbox import countries
from sandbox.clock import eat
from sandbox.world import World


def send_in(world: World, msisdn: str, to: str, text: str) -> str:
    """Keeps the message in the phone's outbox and posts it to the gateway; returns its id."""
    now = world.clock.now()
    message_id = f"ATMOid_{secrets.token_hex(16)}"
    with world.store.transaction():
        world.store.insert(
            "sms",
            message_id=message_id,
            direction="in",
            phone=msisdn,
            other=to,
            text=text,
            at=now,
            visible_at=now,
            status="Sent",
        )
        world.post.send(
            "sms",
            message_id,
            world.settings.gateway_url("sms"),
            {
                "date": eat(now).strftime("%Y-%m-%d %H:%M:%S"),
                "from": f"+{msisdn}",
                "id": message_id,
                "linkId": secrets.token_hex(10),
                "text": text,
                "to": to,
                "networkCode": countries.network_code(world, msisdn),
            },
            form=True,
            in_seconds=0.1,
        )
    return message_id
