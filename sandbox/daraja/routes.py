"""Daraja under one roof: its blueprints, its error bodies, its method and path refusals."""

from http import HTTPStatus

from flask import Blueprint, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from sandbox.daraja import b2c, c2b, enquiries, pull, stk, tokens
from sandbox.daraja.errors import DarajaError

blueprint = Blueprint("daraja", __name__, url_prefix="/daraja")
for part in (tokens, stk, c2b, pull, b2c, enquiries):
    blueprint.register_blueprint(part.blueprint)


@blueprint.errorhandler(DarajaError)
def refused(error: DarajaError) -> Response:
    return error.response()


def refuse_http(error: HTTPException) -> Response:
    """What Daraja says where Flask has found no route or no method, or could not read the request."""
    if isinstance(error, MethodNotAllowed):
        return DarajaError("405.001", "Method Not Allowed").response()
    if isinstance(error, NotFound):
        return DarajaError("404.001.01", "Resource not found").response()
    if error.code and error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return DarajaError("500.003.1001", "Internal Server Error").response()
    return DarajaError("400.002.05", "Invalid Request Payload", error.code).response()
