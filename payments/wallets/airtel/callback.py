"""Airtel's callback: that a payment ended; with a key from the portal, signed.

It names no amount, and a failure no reason. Only a signed success is taken at its word; anything else makes
us enquire.
"""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import replace

from payments.wallets.airtel.collection import FAILED, read_receipt, result_of
from payments.wallets.airtel.response_codes import PAID_CODE, meaning_of
from payments.wallets.protocol import PromptResult, UnreadableMessage
from payments.wallets.wire import Identifier, Line, WireModel, read_fields, read_json

_OPENING = re.compile(r'"transaction"\s*:\s*(?=\{)')


class _Transaction(WireModel):
    id: Identifier
    status_code: Identifier
    message: Line = ""
    airtel_money_id: Line = ""


class _Callback(WireModel):
    transaction: _Transaction
    hash: Line = ""


def read_prompt_result(raw: str | bytes, hash_key: str | None) -> PromptResult:
    """Parse a callback. Raises UnreadableMessage, also when a key is set and the hash is not by it."""
    callback = read_fields(_Callback, read_json(raw))
    if hash_key is not None:
        _check_hash(raw, callback.hash, hash_key)
    told = callback.transaction
    receipt = read_receipt(told.airtel_money_id) if told.airtel_money_id else None
    if told.status_code == "TS":
        result = result_of(told.id, meaning_of(PAID_CODE), told.message, receipt=receipt)
        return replace(result, ask_first=hash_key is None or receipt is None)
    if told.status_code == "TF":
        return replace(result_of(told.id, FAILED, told.message), ask_first=True)
    return replace(result_of(told.id, meaning_of(told.status_code), told.message), ask_first=True)


def hash_of(transaction_text: str, key: str) -> str:
    """Base64 of HMAC-SHA256 over `{"transaction":{…}}`, the body without the hash."""
    signed = f'{{"transaction":{transaction_text}}}'.encode(errors="surrogatepass")
    return base64.b64encode(hmac.new(key.encode(), signed, hashlib.sha256).digest()).decode()


def _check_hash(raw: str | bytes, given: str, key: str) -> None:
    """Against the text of the transaction as it came, and written compactly: which it is, nobody says."""
    text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
    transaction = json.loads(text)["transaction"]
    found = _OPENING.search(text)
    assert found is not None  # It was parsed before.
    first, end = json.JSONDecoder().raw_decode(text, found.end())
    compact = json.dumps(transaction, separators=(",", ":"), ensure_ascii=False)
    # A signed transaction wrapped inside another message must not vouch for that one.
    forms = [compact, text[found.end() : end]] if first == transaction else [compact]
    if not any(hmac.compare_digest(given.encode(), hash_of(form, key).encode()) for form in forms):
        raise UnreadableMessage("the hash is not by our key")
