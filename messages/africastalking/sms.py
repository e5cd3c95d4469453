"""Sending SMS by the official `africastalking` SDK 2.0.3, with its traps covered."""

import json
from ssl import SSLCertVerificationError
from typing import Any

import requests
from africastalking.Service import AfricasTalkingException
from africastalking.SMS import SMSService
from urllib3.exceptions import NewConnectionError, SSLError

from core.phone import PhoneNumber
from messages.africastalking.provider_codes import BY_CODE, BY_NAME, ProviderCode
from messages.provider import SmsAccepted, SmsOutcome, SmsRefused, SmsUnknown

_TIMEOUTS_SECONDS = (3.05, 9.05)

# HTTP statuses that say nothing was taken; `alert` as everywhere. All others leave it open, also 500: what
# broke over there may have broken after the SMS was on its way.
_NOT_TAKEN = {
    400: SmsRefused("http 400", permanent=True, alert=True),
    401: SmsRefused("http 401", permanent=False, alert=True),
    403: SmsRefused("http 403", permanent=False, alert=True),
    404: SmsRefused("http 404", permanent=False, alert=True),
    429: SmsRefused("http 429", permanent=False),
    503: SmsRefused("http 503", permanent=False),
}


class HttpError(AfricasTalkingException):  # type: ignore[misc]  # the SDK has no types
    """An answer other than 2xx, with the status that the SDK's own exception loses."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"http {status}")


class _SmsService(SMSService):  # type: ignore[misc]  # the SDK has no types
    """The SDK's SMS service, which knows paths and fields, with a round trip that keeps the status."""

    def _make_request(
        self,
        url: str,
        method: str,
        headers: dict[str, str],
        data: dict[str, Any] | None,
        params: dict[str, Any] | None,
        callback: None = None,
        timeout: tuple[float, float] = _TIMEOUTS_SECONDS,
    ) -> str:
        # A callback would run in a bare thread that nobody waits for; the SDK makes none unless asked to.
        del callback
        response = requests.request(
            method, url, headers=headers, data=data, params=params, timeout=timeout, allow_redirects=False
        )
        if response.status_code // 100 != 2:  # noqa: PLR2004 -- the class of success in HTTP
            raise HttpError(response.status_code)
        return response.text


class AfricasTalkingSms:
    """An SmsProvider. `url` replaces the provider's own host (the sandbox's), without `/version1`."""

    def __init__(self, username: str, api_key: str, *, url: str = "", sender_id: str = "") -> None:
        # Built here and not by `africastalking.initialize`, which keeps one account for the whole process.
        self._service = _SmsService(username, api_key)
        if url:
            self._service._baseUrl = f"{url.rstrip('/')}/version1"  # noqa: SLF001 -- the SDK has no setting
        self._sender_id = sender_id or None

    def send(self, phone: PhoneNumber, body: str, key: str) -> SmsOutcome:
        """One SMS to one phone. The provider knows no idempotency key, so `key` stays with us."""
        del key
        try:
            answer = self._service.send(body, [phone.e164], self._sender_id, timeout=_TIMEOUTS_SECONDS)
        except HttpError as error:
            return _NOT_TAKEN.get(error.status) or SmsUnknown(f"http {error.status}", may_repeat=True)
        except requests.exceptions.RequestException as error:
            return outcome_of_failure(error)
        return outcome_of(answer)


def outcome_of_failure(error: requests.exceptions.RequestException) -> SmsOutcome:
    """What a failed call says: surely not sent, or (an answer that never came) nobody knows."""
    if isinstance(error, requests.exceptions.ConnectTimeout) or _never_connected(error):
        return SmsRefused("no connection", permanent=False)
    return SmsUnknown(f"no answer: {type(error).__name__}", may_repeat=True)


def outcome_of(answer: Any) -> SmsOutcome:
    """What a 2xx answer says about its one recipient."""
    try:
        # The SDK itself gives a dict for some content types and a str for others.
        answer = json.loads(answer) if isinstance(answer, str) else answer
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
    # A certificate is looked at before anything is sent; what else TLS may say may come after.
    is_untrusted = isinstance(reason, SSLError) and isinstance(reason.args[0], SSLCertVerificationError)
    return is_untrusted or isinstance(reason, NewConnectionError)


def _id(text: str) -> str:
    """The provider writes `None` for a recipient that it gave no id."""
    return "" if text == "None" else text


def _words(value: object) -> str:
    """In full: what is kept of them is cut where it is kept."""
    return str(value).strip()
