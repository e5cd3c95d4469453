"""What a machine is told when a request fails: a word of JSON, and nothing of what was sent."""

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from core.logging import log


def install(app: Flask) -> None:
    """Answer so wherever no blueprint has answers of its own."""
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _broken)


def _refused(error: HTTPException) -> tuple[Response, int]:
    return jsonify(error=error.name.lower()), error.code or 500


def _broken(error: Exception) -> tuple[Response, int]:
    # No trace and no text of the error leaves the house: either may hold what somebody sent.
    log.error("request failed", exc_info=error, error=type(error).__name__)
    return jsonify(error="internal server error"), 500
