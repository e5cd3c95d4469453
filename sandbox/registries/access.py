"""OAuth client credentials and published keys, the same for both registries."""

import hmac

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.clock import iso_utc
from sandbox.registries import bearer, keys
from sandbox.registries.envelope import TransportError
from sandbox.world import World, here

SCOPES = ("registry.search", "registry.subscribe", "registry.notify")


def install(blueprint: Blueprint, role: str) -> None:
    """Adds the token and JWKS endpoints of `role` to its blueprint."""

    def token() -> ResponseReturnValue:
        return _token(here(), role)

    def jwks() -> ResponseReturnValue:
        return jsonify(keys.jwks(here(), role))

    blueprint.add_url_rule("/oauth2/client/token", view_func=token, methods=["POST"], endpoint="token")
    blueprint.add_url_rule("/.well-known/jwks.json", view_func=jwks, endpoint="jwks")


def _token(world: World, role: str) -> ResponseReturnValue:
    fault = world.faults.draw(role)
    if fault.outage or fault.http_status:
        raise TransportError(
            fault.http_status or 503, "err.service.unavailable", "the registry is not available"
        )
    if fault.outcome == "token_refused":
        return jsonify(error="invalid_client"), 401
    form = request.form
    if form.get("grant_type") != "client_credentials":
        return jsonify(error="unsupported_grant_type"), 400
    named = hmac.compare_digest(
        form.get("client_id", "").encode(), world.settings.registry_client_id.encode()
    )
    proven = hmac.compare_digest(
        form.get("client_secret", "").encode(), world.settings.registry_client_secret.encode()
    )
    if not (named and proven):
        return jsonify(error="invalid_client"), 401
    wanted = form.get("scope", " ".join(SCOPES)).split()
    if not set(wanted) <= set(SCOPES):
        return jsonify(error="invalid_scope"), 400
    return jsonify(
        access_token=bearer.issue(world, role),
        token_type="Bearer",  # noqa: S106 - the kind of token, not one.
        expires_in=bearer.LIFE_SECONDS,
        scope=" ".join(wanted),
        issued_at=iso_utc(world.clock.now()),
    )
