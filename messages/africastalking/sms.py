"""Sending SMS by the official `africastalking` SDK 2.0.3, with its traps covered."""

import json
from typing import Any

import requests
from africastalking.Service import AfricasTalkingException
from africastalking.SMS import SMSService
from urllib3.exceptions import NewConnectionError

from core.phone import PhoneNumber
from messages.africastalking.provider_codes import BY_CODE, BY_NAME, ProviderCode
from messages.provider import SmsAccepted, SmsOutcome, SmsRefused, SmsUnknown

_CONNECT_SECONDS = 3.05
_READ_SECONDS = 9.05
_WORDS_MAX = 120


class AfricasTalkingSms:
    """An SmsProvider. `url` replaces the provider's own host (the sandbox's), without `/version1`."""

    def __init__(self, username: str, api_key: str, *, url: str = "", sender_id: str = "") -> None:
        # Built here and not by `africastalking.initialize`, which keeps one account for the whole process.
        self._service = SMSService(username, api_key)
        if url:
            self._service._baseUrl = f"{url.rstrip('/')}/version1"  # noqa: SLF001 -- the SDK has no setting for it
        self._sender_id = sender_id or None

    def send(self, phone: PhoneNumber, body: str, key: str) -> SmsOutcome:
        """One SMS to one phone. The provider knows no idempotency key, so `key` stays with us."""
        del key
        try:
            return outcome_of(self._post(phone, body))
        except AfricasTalkingException as error:
            # The SDK drops the HTTP status; what is left is the body, such as a refused password.
            return SmsRefused(f"http: {_words(error)}", permanent=False, alert=True)
        except requests.exceptions.RequestException as error:
            return outcome_of_failure(error)

    def _post(self, phone: PhoneNumber, body: str) -> Any:
        timeouts = (_CONNECT_SECONDS, _READ_SECONDS)
        return self._service.send(body, [phone.e164], self._sender_id, timeout=timeouts)


def outcome_of_failure(error: requests.exceptions.RequestException) -> SmsOutcome:
    """What an exception that leaks from the SDK says: surely not sent, perhaps sent, or not readable."""
    if isinstance(error, requests.exceptions.ConnectTimeout) or _never_connected(error):
        return SmsRefused("no connection", permanent=False)
    if isinstance(error, requests.exceptions.ConnectionError | requests.exceptions.Timeout):
        return SmsUnknown(f"no answer: {type(error).__name__}", may_repeat=True)
    return SmsUnknown(f"an answer that cannot be read: {type(error).__name__}", may_repeat=False)


def outcome_of(answer: Any) -> SmsOutcome:
    """What a 2xx answer says about its one recipient. The SDK gives a dict, or a str when in doubt."""
    try:
        if isinstance(answer, str):
            answer = json.loads(answer)
        data = answer["SMSMessageData"]
        recipients = data["Recipients"]
        if not recipients:
            return _refusal_of_all(str(data.get("Message", "")))
        recipient = recipients[0]
        code = int(recipient["statusCode"])
        provider_id = _words(recipient.get("messageId", ""))
        status, cost = _words(recipient.get("status", "")), _words(recipient.get("cost", ""))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        return SmsUnknown("an answer that cannot be read", may_repeat=False)
    known = BY_CODE.get(code)
    if known is None:
        return SmsUnknown(f"status code {code} ({status})", may_repeat=False, provider_id=_id(provider_id))
    if known.accepted:
        return SmsAccepted(provider_id, status or known.name, cost)
    return _refusal(known)


def _refusal_of_all(message: str) -> SmsOutcome:
    known = BY_NAME.get(message.strip().casefold())
    if known is not None and not known.accepted:
        return _refusal(known)
    return SmsUnknown(f"no recipient: {_words(message)}", may_repeat=False)


def _refusal(known: ProviderCode) -> SmsRefused:
    return SmsRefused(f"{known.code} {known.name}", permanent=known.permanent, alert=known.alert)


def _never_connected(error: requests.exceptions.RequestException) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def _id(text: str) -> str:
    """The provider writes `None` for a recipient that it gave no id."""
    return "" if text == "None" else text


def _words(value: object) -> str:
    return str(value).strip()[:_WORDS_MAX]
