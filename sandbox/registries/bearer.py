"""The registries' access tokens: unlike Daraja's, every one of them is good until it expires."""

import secrets

from sandbox.world import World

LIFE_SECONDS = 900


def issue(world: World, role: str) -> str:
    token = secrets.token_urlsafe(32)
    now = world.clock.now()
    with world.store.transaction():
        world.store.execute("DELETE FROM registry_tokens WHERE expires_at < ?", now)
        world.store.insert("registry_tokens", token=token, service=role, expires_at=now + LIFE_SECONDS)
    return token


def is_good(world: World, role: str, token: str) -> bool:
    row = world.store.row(
        "SELECT expires_at FROM registry_tokens WHERE token = ? AND service = ?", token, role
    )
    return row is not None and float(row["expires_at"]) > world.clock.now()
