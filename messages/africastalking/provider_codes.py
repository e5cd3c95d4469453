"""Per-recipient status codes of Africa's Talking SMS: what each means for us.

Names from the provider's documentation; whether to try again from the Medic adapter. A code that is not
here is stored and never tried again by itself.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProviderCode:
    """`alert`: no SMS will go out until staff act."""

    code: int
    name: str
    accepted: bool = False
    permanent: bool = True
    alert: bool = False


_CODES = (
    ProviderCode(100, "Processed", accepted=True),
    ProviderCode(101, "Sent", accepted=True),
    ProviderCode(102, "Queued", accepted=True),
    ProviderCode(401, "RiskHold"),
    ProviderCode(402, "InvalidSenderId", permanent=False, alert=True),
    ProviderCode(403, "InvalidPhoneNumber"),
    ProviderCode(404, "UnsupportedNumberType"),
    ProviderCode(405, "InsufficientBalance", permanent=False, alert=True),
    ProviderCode(406, "UserInBlacklist"),
    ProviderCode(407, "CouldNotRoute"),
    ProviderCode(409, "DoNotDisturbRejection"),
    ProviderCode(500, "InternalServerError", permanent=False),
    ProviderCode(501, "GatewayError", permanent=False),
    ProviderCode(502, "RejectedByGateway", permanent=False),
)
BY_CODE = {entry.code: entry for entry in _CODES}
BY_NAME = {entry.name.casefold(): entry for entry in _CODES}
