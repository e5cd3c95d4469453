"""Daraja's error bodies: `{requestId, errorCode, errorMessage}` with the HTTP status the code begins with."""

import secrets

from flask import Response, jsonify

from sandbox.daraja.outcomes import LOCKED


class DarajaError(Exception):
    """Refuses the request being answered."""

    def __init__(self, code: str, message: str, http_status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = http_status or int(code.split(".", maxsplit=1)[0])

    def response(self) -> Response:
        response = jsonify(requestId=request_id(), errorCode=self.code, errorMessage=self.message)
        response.status_code = self.http_status
        return response


MESSAGES = {
    # What a fault that names only the code is given as its text.
    "400.002.05": "Invalid Request Payload",
    "404.001.03": "Invalid Access Token",
    "405.001": "Method Not Allowed",
    "500.001.1001": LOCKED.text,
    "500.003.02": "System is busy. Please try again in few minutes.",
    "500.003.03": "Error Occurred: Quota Violation",
    "500.003.1001": "Internal Server Error",
    "500.002.1001": "Duplicate OriginatorConversationID",
}


def by_code(code: str) -> DarajaError:
    """The error a fault asks for, with the provider's own text where it is known."""
    return DarajaError(code, MESSAGES.get(code, "Internal Server Error"))


def invalid(field: str) -> DarajaError:
    return DarajaError("400.002.02", f"Bad Request - Invalid {field}")


def busy(http_status: int) -> DarajaError:
    return DarajaError("500.003.02", MESSAGES["500.003.02"], http_status)


def conversation_id() -> str:
    """As Daraja writes the ids of accepted requests: `29ef-4c5d8a01-34620561`."""
    return f"{secrets.token_hex(2)}-{secrets.token_hex(4)}-{secrets.randbelow(90_000_000) + 10_000_000}"


def request_id() -> str:
    """As Daraja writes them: `16813-15372211-1`."""
    return f"{secrets.randbelow(90_000) + 10_000}-{secrets.randbelow(90_000_000) + 10_000_000}-1"
