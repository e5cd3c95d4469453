"""Both registries' refusals in the standard's own bodies."""

from flask import Blueprint, Response

from sandbox.registries import civil, fund
from sandbox.registries.envelope import AckError, TransportError

BLUEPRINTS: tuple[Blueprint, ...] = (civil.blueprint, fund.blueprint)


def refused(error: Exception) -> Response:
    assert isinstance(error, (AckError, TransportError))
    return error.response()


for _blueprint in BLUEPRINTS:
    _blueprint.register_error_handler(AckError, refused)
    _blueprint.register_error_handler(TransportError, refused)
