"""What an SMS provider must do, in values: no wire format leaves a provider's own folder."""

from dataclasses import dataclass
from typing import Protocol

from core.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class SmsAccepted:
    """The provider took the SMS. `provider_id` names it in delivery reports; `cost` is in its own words."""

    provider_id: str
    status: str
    cost: str = ""


@dataclass(frozen=True, slots=True)
class SmsRefused:
    """The SMS was not sent. `alert`: nothing will be sent until staff act (credit, sender id, password)."""

    code: str
    permanent: bool
    alert: bool = False


@dataclass(frozen=True, slots=True)
class SmsUnknown:
    """Nobody knows whether it was sent. `may_repeat` is False when it did answer, in words unknown to us."""

    reason: str
    may_repeat: bool
    provider_id: str = ""


SmsOutcome = SmsAccepted | SmsRefused | SmsUnknown


class SmsProvider(Protocol):
    """Sends one SMS to one phone. Never raises for what the provider or the network does."""

    def send(self, phone: PhoneNumber, body: str, key: str) -> SmsOutcome:
        """Called with no transaction open. `key` is the same when the same SMS is sent again."""
        ...
