"""What registries send, read leniently into strict types: misspellings, numbers as text, zoneless times.

Wrong spellings are those the specification itself contains; unknown fields are passed over.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from core.errors import InvalidValue
from registry import codes
from registry.canonical import read_object

_ERRORS_BYTES_MAX = 100_000
_RECORDS_MAX = 1000
_TEXT_MAX = 2000


def _as_text(value: Any) -> Any:
    if value is None:
        return ""
    return str(value)[:_TEXT_MAX] if isinstance(value, str | int | float) else value


def _as_count(value: Any) -> Any:
    if isinstance(value, str):
        digits = value.strip()
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 15 else None  # noqa: PLR2004 -- no register has more
    return value if isinstance(value, int) and value >= 0 else None


def _as_word(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else ""


def _as_list(value: Any) -> Any:
    # Search gives an array, notify one object; both are met in either place.
    if value is None:
        return []
    return [value] if isinstance(value, dict) else value


def instant(text: Any) -> datetime | None:
    """A time stamp from outside in UTC; one without a zone is taken as UTC. None when unreadable."""
    if not isinstance(text, str):
        return None
    try:
        read = datetime.fromisoformat(text.strip())
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


Text = Annotated[str, BeforeValidator(_as_text)]
Word = Annotated[str, BeforeValidator(_as_word), Field(max_length=99)]
Count = Annotated[int | None, BeforeValidator(_as_count)]
Instant = Annotated[datetime | None, BeforeValidator(instant)]
_TIMESTAMP = AliasChoices("timestamp", "timesstamp", "timesatmp", "time_stamp")


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, populate_by_name=True)


class TokenAnswer(_Read):
    """What the token endpoint gives; a life that is not told is taken as five minutes."""

    access_token: str = Field(min_length=1, max_length=8000, repr=False)
    expires_in: Annotated[int, BeforeValidator(lambda value: _as_count(value) or 300)] = 300


class ErrorRead(_Read):
    code: Text = ""
    message: Text = ""


class HeaderRead(_Read):
    """The header of a reply. Everything in it may be missing."""

    message_id: Text = ""
    message_ts: Instant = None
    action: Word = ""
    sender_id: Text = ""
    receiver_id: Text = ""
    status: Word = ""
    status_reason_code: Word = ""
    status_reason_message: Text = ""
    total_count: Count = None
    completed_count: Count = None
    is_msg_encrypted: bool = False


class AckRead(_Read):
    """The acknowledgement of an asynchronous message."""

    ack_status: Word = ""
    timestamp: Instant = Field(default=None, validation_alias=_TIMESTAMP)
    correlation_id: Text = ""
    error: ErrorRead | None = None


class PaginationRead(_Read):
    page_size: Count = None
    page_number: Count = None
    total_count: Count = None


class DataRead(_Read):
    reg_type: Text = ""
    reg_record_type: Text = ""
    reg_records: Annotated[
        list[dict[str, Any]], BeforeValidator(_as_list), Field(max_length=_RECORDS_MAX)
    ] = Field(default_factory=list, repr=False)


class SearchItemRead(_Read):
    """The answer to one question of a search."""

    reference_id: Text = ""
    timestamp: Instant = Field(default=None, validation_alias=_TIMESTAMP)
    status: Word = ""
    status_reason_code: Word = ""
    status_reason_message: Text = ""
    data: DataRead | None = None
    pagination: PaginationRead | None = None


class SearchRead(_Read):
    """The message of a search reply."""

    transaction_id: Text = ""
    correlation_id: Text = ""
    search_response: Annotated[
        list[SearchItemRead], BeforeValidator(_as_list), Field(max_length=_RECORDS_MAX)
    ]


def first_error(body: bytes) -> tuple[str, str] | None:
    """Code and message of an error body: `{"errors":[…]}`, an ACK with `error`, or a rejected header."""
    try:
        value = read_object(body, _ERRORS_BYTES_MAX)
    except InvalidValue:
        return None
    message = value.get("message")
    candidates: list[Any] = value["errors"] if isinstance(value.get("errors"), list) else []
    if isinstance(message, dict):
        candidates = [*candidates[:1], message.get("error")]
    for candidate in candidates:
        try:
            error = ErrorRead.model_validate(candidate)
        except ValidationError:
            continue
        if error.code:
            return error.code, error.message
    header = value.get("header")
    return _rejected(header) if isinstance(header, dict) else None


def _rejected(header: dict[str, Any]) -> tuple[str, str] | None:
    try:
        read = HeaderRead.model_validate(header)
    except ValidationError:
        return None
    if read.status == codes.Status.REJECTED and read.status_reason_code:
        return read.status_reason_code, read.status_reason_message
    return None
