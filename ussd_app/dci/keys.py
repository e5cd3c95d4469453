"""The keys with which registries check what we sign: `/.well-known/jwks.json`."""

from flask import Blueprint, Response, jsonify

from registry.keys import jwks
from ussd_app.dci.house import DciHouse


def create_blueprint(dci: DciHouse) -> Blueprint:
    blueprint = Blueprint("keys", __name__)

    @blueprint.get("/.well-known/jwks.json")
    def published() -> Response:
        return jsonify(jwks(*dci.signing_keys))

    return blueprint
