"""OAuth as Daraja does it: one live token per application, and every new one ends the one before."""

import hmac
import secrets

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.daraja.errors import DarajaError
from sandbox.world import World, here

blueprint = Blueprint("daraja_tokens", __name__)

LIFE_SECONDS = 3600
GENERATE = "/oauth/v1/generate"


@blueprint.get(GENERATE)
def generate() -> ResponseReturnValue:
    world = here()
    given = request.authorization
    if given is None or given.type != "basic":
        raise DarajaError("400.008.01", "Invalid Authentication passed")
    key_fits = hmac.compare_digest((given.username or "").encode(), world.settings.consumer_key.encode())
    secret_fits = hmac.compare_digest(
        (given.password or "").encode(), world.settings.consumer_secret.encode()
    )
    if not (key_fits and secret_fits):
        raise DarajaError("400.008.01", "Invalid Authentication passed")
    if request.args.get("grant_type") != "client_credentials":
        raise DarajaError("400.008.02", "Invalid grant type passed")
    token = secrets.token_urlsafe(21)
    keep(world, "daraja", token, LIFE_SECONDS)
    left = LIFE_SECONDS - 1
    return jsonify(access_token=token, expires_in=str(left) if world.switches.token_expires_as_text else left)


def keep(world: World, service: str, token: str, life_seconds: float) -> None:
    """Makes `token` the only good one of `service`."""
    world.store.execute(
        "INSERT INTO tokens (service, token, expires_at) VALUES (?, ?, ?) ON CONFLICT (service)"
        " DO UPDATE SET token = excluded.token, expires_at = excluded.expires_at",
        service,
        token,
        world.clock.now() + life_seconds,
    )


def is_good(world: World, service: str, token: str) -> bool:
    row = world.store.row("SELECT token, expires_at FROM tokens WHERE service = ?", service)
    if row is None or row["expires_at"] <= world.clock.now():
        return False
    return hmac.compare_digest(str(row["token"]).encode(), token.encode())


def require() -> None:
    """Refuses the request unless it carries the live token."""
    header = request.headers.get("Authorization", "")
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token:
        raise DarajaError("404.001.04", "Invalid Authentication Header")
    if not is_good(here(), "daraja", token.strip()):
        raise DarajaError("404.001.03", "Invalid Access Token")
