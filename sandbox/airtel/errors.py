"""Airtel's refusals: an OAuth error at the door, else a `status` with the gateway's codes."""

from flask import Response, jsonify


class AirtelError(Exception):
    """Refuses the request being answered."""

    def __init__(
        self, http_status: int, message: str, *, result_code: str = "", response_code: str = ""
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.message = message
        self.result_code = result_code
        self.response_code = response_code

    def response(self) -> Response:
        status = {
            "code": str(self.http_status),
            "message": self.message,
            "result_code": self.result_code,
            "response_code": self.response_code,
            "success": False,
        }
        response = jsonify(status={key: value for key, value in status.items() if value != ""})
        response.status_code = self.http_status
        return response


class DoorError(Exception):
    """Refused for who is asking, in the words of OAuth."""

    def __init__(self, http_status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.http_status = http_status
        self.error = error

    def response(self) -> Response:
        response = jsonify(error=self.error, error_description=str(self))
        response.status_code = self.http_status
        return response


def invalid(field: str) -> AirtelError:
    return AirtelError(400, f"Field validation: {field}", result_code="ESB000008")


def busy(http_status: int) -> AirtelError:
    return AirtelError(http_status, "Something went wrong", result_code="ESB000001")


def by_code(code: str) -> AirtelError:
    """What a fault's `error_code` gives: the gateway's own (ESB…) with 400, a payment's (DP…) with 200."""
    if code.startswith("ESB"):
        return AirtelError(400, "Refused", result_code=code)
    return AirtelError(200, "Refused", result_code="ESB000011", response_code=code)
