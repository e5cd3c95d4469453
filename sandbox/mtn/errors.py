"""MoMo's error bodies: `{code, message}`, or `{statusCode, message}` from the gateway in front of it."""

from flask import Response, jsonify

MESSAGES = {
    "RESOURCE_ALREADY_EXIST": "Duplicated reference id. Creation of resource failed.",
    "RESOURCE_NOT_FOUND": "Requested resource was not found.",
    "INVALID_CALLBACK_URL_HOST": "The callback host is not the registered one.",
    "INVALID_CURRENCY": "Currency not supported.",
    "NOT_ALLOWED_TARGET_ENVIRONMENT": "Access to target environment is forbidden.",
    "INTERNAL_PROCESSING_ERROR": "An internal error occurred while processing.",
    "SERVICE_UNAVAILABLE": "Service temporarily unavailable, try again later.",
}
STATUSES = {"RESOURCE_ALREADY_EXIST": 409, "RESOURCE_NOT_FOUND": 404, "SERVICE_UNAVAILABLE": 503}


class MtnError(Exception):
    """Refuses the request being answered; without a `code` it is the gateway that refuses."""

    def __init__(self, http_status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.http_status = http_status
        self.code = code

    def response(self) -> Response:
        if self.code:
            response = jsonify(message=str(self), code=self.code)
        else:
            response = jsonify(statusCode=self.http_status, message=str(self))
        response.status_code = self.http_status
        return response


def by_code(code: str) -> MtnError:
    """A refusal with MoMo's own words; most of them come with HTTP 500."""
    return MtnError(STATUSES.get(code, 500), MESSAGES.get(code, "Refused"), code)


def invalid(field: str) -> MtnError:
    return MtnError(400, f"Bad request: {field}", "BAD_REQUEST")


def busy(http_status: int) -> MtnError:
    return MtnError(http_status, MESSAGES["SERVICE_UNAVAILABLE"], "SERVICE_UNAVAILABLE")
