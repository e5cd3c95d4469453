"""`/dci/…`: bytes and a bearer go to the DCI server, its reply goes back."""

from collections.abc import Callable

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import Counter

from registry.keys import jwks
from registry.server.endpoints import ENDPOINTS
from registry.server.model import Reply
from registry.server.openapi import document
from registry.server.receiving import BODY_BYTES_MAX
from ussd_app.dci.house import DciHouse

CALLS = Counter("kibaba_dci_calls", "Requests to the DCI server, by HTTP status.", ["path", "status"])
_TOKEN_BYTES_MAX = 10_000


def create_blueprint(dci: DciHouse, public_url: str) -> Blueprint:
    """Token, every registry endpoint, and the OpenAPI document that describes them."""
    blueprint = Blueprint("dci", __name__, url_prefix="/dci")
    described = document(f"{public_url}/dci")

    @blueprint.before_request
    def limit_body() -> None:
        request.max_content_length = BODY_BYTES_MAX

    @blueprint.post("/oauth2/client/token")
    def token() -> ResponseReturnValue:
        request.max_content_length = _TOKEN_BYTES_MAX
        return _answer("token", dci.server.token(request.form))

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(described)

    @blueprint.get("/.well-known/jwks.json")
    def published() -> Response:
        # Where the standard has it, below the base; also at the root of the host, where RFC 8615 has it.
        return jsonify(jwks(*dci.signing_keys))

    for endpoint in ENDPOINTS:
        blueprint.add_url_rule(
            f"/registry/{endpoint.path}",
            endpoint=endpoint.path.replace("/", "_"),
            view_func=_view(dci, endpoint.path),
            methods=["POST"],
        )
    blueprint.register_error_handler(413, _too_large)
    return blueprint


def _view(dci: DciHouse, path: str) -> Callable[[], ResponseReturnValue]:
    def view() -> ResponseReturnValue:
        authorization = request.headers.get("Authorization", "")
        return _answer(path, dci.server.handle(path, request.get_data(), authorization))

    return view


def _answer(path: str, reply: Reply) -> Response:
    CALLS.labels(path, str(reply.status)).inc()
    response = Response(reply.body, status=reply.status, content_type="application/json")
    # A token must not stay in anybody's cache (RFC 6749 section 5.1), nor anybody's contributions.
    response.headers["Cache-Control"] = "no-store"
    if reply.retry_seconds is not None:
        response.headers["Retry-After"] = str(reply.retry_seconds)
    if reply.status == 401:  # noqa: PLR2004 -- RFC 9110 section 11.6.1 wants the scheme named
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _too_large(_error: Exception) -> ResponseReturnValue:
    body = {"errors": [{"code": "err.request.bad", "message": f"more than {BODY_BYTES_MAX} bytes"}]}
    return jsonify(body), 413
