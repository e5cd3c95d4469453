"""Bodies as MTN's developer portal documents them, and a MoMo wallet to read them."""

import json
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import requests

from core.ids import new_id
from core.money import Money
from core.phone import PhoneNumber
from core.shared_token import LocalTokenCache
from payments.wallets.mtn.collection import reference_for
from payments.wallets.mtn.config import MtnConfig
from payments.wallets.mtn.wallet import MtnWallet
from payments.wallets.protocol import PromptRequest

MTN = "https://momo.mtn.example"
TOKEN = {"access_token": "eyJ0eXAiOiJKV1QifQ", "token_type": "access_token", "expires_in": 3600}
RECEIPT = "23503452"
CONTRIBUTION = uuid.UUID("01932f00-0000-7000-8000-000000000007")
CHECKOUT = reference_for(CONTRIBUTION)
REASONS = {
    "cancelled": "APPROVAL_REJECTED",
    "insufficient": "NOT_ENOUGH_FUNDS",
    "wrong_pin": "PAYER_FAILED",
    "timeout": "COULD_NOT_PERFORM_TRANSACTION",
}


def payment(status: str, **more: Any) -> dict[str, Any]:
    return {
        "externalId": CHECKOUT,
        "amount": "5000",
        "currency": "UGX",
        "payer": {"partyIdType": "MSISDN", "partyId": "256772123456"},
        "payerMessage": "Savings",
        "payeeNote": "400000012",
        "status": status,
        **more,
    }


def paid(**more: Any) -> dict[str, Any]:
    return payment("SUCCESSFUL", financialTransactionId=RECEIPT, **more)


def error(code: str, message: str = "no") -> dict[str, Any]:
    return {"code": code, "message": message}


def callback(outcome: str) -> str:
    return json.dumps(paid() if outcome == "paid" else payment("FAILED", reason=REASONS[outcome]))


def config(**changed: Any) -> MtnConfig:
    fields: dict[str, Any] = {
        "base_url": MTN,
        "account": "MTNFUND",
        "subscription_key": "sandbox-mtn-subscription",
        "api_user": "7f3a0c1e-5b0d-4a52-9d55-3d3c6f1a2b10",
        "api_key": "sandbox-mtn-key",
        "target": "sandbox",
        "country": "UG",
        "currency": "UGX",
        "zone": ZoneInfo("Africa/Kampala"),
    }
    return MtnConfig(**(fields | changed))


def wallet(http: requests.Session | None = None, **changed: Any) -> MtnWallet:
    return MtnWallet(config(**changed), LocalTokenCache(), http or requests.Session())


def wish(**changed: Any) -> PromptRequest:
    fields: dict[str, Any] = {
        "contribution_id": new_id(),
        "phone": PhoneNumber.parse("+256772123456"),
        "amount": Money(500_000, "UGX"),
        "account": "400000012",
        "description": "Savings",
        "callback_url": "https://fund.example/hooks/secret/mtn/1",
    }
    return PromptRequest(**(fields | changed))
