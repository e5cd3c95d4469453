"""What the standard's codes mean for a caller: which refusals end a request and which only put it off.

Source: DCI core registry specification 1.0.0, status reason codes and ACK errors.
"""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Where a message or one of its items stands at the registry."""

    RECEIVED = "rcvd"
    PENDING = "pdng"
    SUCCEEDED = "succ"
    REJECTED = "rjct"


class AckStatus(StrEnum):
    """`ACK`: accepted. `NACK`: valid, but no further word will come. `ERR`: refused."""

    ACK = "ACK"
    NACK = "NACK"
    ERR = "ERR"


@dataclass(frozen=True, slots=True)
class Code:
    """One reason code.

    `permanent`: the same content will be refused again, so a person has to look. What clocks, keys,
    credentials, load or outages cause is not. `seen_before`: the registry says it has what was sent.
    """

    code: str
    permanent: bool
    seen_before: bool = False

    @property
    def of_content(self) -> bool:
        """Whether a record may be to blame, rather than the settings of the connection."""
        return self.code not in _OF_CONNECTION


UNAUTHORIZED = "err.request.unauthorized"
FORBIDDEN = "err.request.forbidden"
BAD_REQUEST = "err.request.bad"
TOO_MANY_REQUESTS = "err.request.too_many_requests"
TIMEOUT = "err.request.timeout"
UNAVAILABLE = "err.service.unavailable"
SIGNATURE_MISSING = "err.signature.missing"
SIGNATURE_INVALID = "err.signature.invalid"
ENCRYPTION_INVALID = "err.encryption.invalid"
TOO_MANY_RECORDS = "rjct.search.too_many_records_found"
ALREADY_SUBSCRIBED = "rjct.event.already_subscribed"
# In place of a code that a refusal leaves out: nothing says that its content is to blame.
NO_CODE = "no_code"

_OF_CONNECTION = frozenset(
    {
        "rjct.version.invalid",
        "rjct.action.invalid",
        "rjct.action.not_supported",
        "rjct.errors.too_many",
        "err.request.not_found",
        "err.version.not_supported",
        "err.sender_id.invalid",
        "err.sender_uri.invalid",
        "err.receiver_id.invalid",
        ENCRYPTION_INVALID,
    }
)

CODES: dict[str, Code] = {
    code.code: code
    for code in (
        # Header reasons. A time stamp is made anew for each attempt, so a refused one speaks of a clock.
        Code("rjct.version.invalid", permanent=True),
        Code("rjct.message_id.duplicate", permanent=False, seen_before=True),
        Code("rjct.message_ts.invalid", permanent=False),
        Code("rjct.action.invalid", permanent=True),
        Code("rjct.action.not_supported", permanent=True),
        Code("rjct.total_count.invalid", permanent=True),
        Code("rjct.total_count.limit_exceeded", permanent=True),
        Code("rjct.errors.too_many", permanent=True),
        # Search.
        Code("rjct.reference_id.invalid", permanent=True),
        Code("rjct.reference_id.duplicate", permanent=False, seen_before=True),
        Code("rjct.timestamp.invalid", permanent=False),
        Code("rjct.search_criteria.invalid", permanent=True),
        Code("rjct.filter.invalid", permanent=True),
        Code("rjct.sort.invalid", permanent=True),
        Code("rjct.pagination.invalid", permanent=True),
        Code(TOO_MANY_RECORDS, permanent=True),
        # Subscribe and unsubscribe.
        Code("rjct.notify_types.invalid", permanent=True),
        Code("rjct.notify_details.invalid", permanent=True),
        Code("rjct.person_id.invalid", permanent=True),
        Code(ALREADY_SUBSCRIBED, permanent=True, seen_before=True),
        Code("rjct.subscription_code.invalid", permanent=True),
        Code("rjct.requester.invalid", permanent=True),
        Code("rjct.event.already_unsubscribed", permanent=True, seen_before=True),
        # Disburse.
        Code("rjct.payer_fa.invalid", permanent=True),
        Code("rjct.payee_fa.invalid", permanent=True),
        Code("rjct.amount.invalid", permanent=True),
        Code("rjct.schedule_ts.invalid", permanent=True),
        Code("rjct.currency_code.invalid", permanent=True),
        # ACK errors. Credentials, scopes, keys and clocks are put right by operators; the content stays good.
        Code(BAD_REQUEST, permanent=True),
        Code(UNAUTHORIZED, permanent=False),
        Code(FORBIDDEN, permanent=False),
        Code("err.request.not_found", permanent=True),
        Code(TIMEOUT, permanent=False),
        Code(TOO_MANY_REQUESTS, permanent=False),
        Code("err.version.not_supported", permanent=True),
        Code("err.sender_id.invalid", permanent=True),
        Code("err.sender_uri.invalid", permanent=True),
        Code("err.receiver_id.invalid", permanent=True),
        Code(SIGNATURE_MISSING, permanent=False),
        Code(SIGNATURE_INVALID, permanent=False),
        Code(ENCRYPTION_INVALID, permanent=True),
        Code(UNAVAILABLE, permanent=False),
    )
}


def code_named(text: str) -> Code:
    """The code a registry sent. One we do not know is permanent only when it says `rjct.`."""
    name = text.strip().lower()
    return CODES.get(name) or Code(name, permanent=name.startswith("rjct."))
