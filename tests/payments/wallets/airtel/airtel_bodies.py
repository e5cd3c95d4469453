"""Bodies as Airtel's developer portal documents them, and an Airtel wallet to read them."""

import json
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import requests

from core.ids import new_id
from core.money import Money
from core.phone import PhoneNumber
from core.shared_token import LocalTokenCache
from payments.wallets.airtel.callback import hash_of
from payments.wallets.airtel.config import AirtelConfig
from payments.wallets.airtel.wallet import AirtelWallet
from payments.wallets.protocol import PromptRequest

AIRTEL = "https://openapi.airtel.example"
TOKEN = {"access_token": "UCcp1oe4p7mCvvx7E", "expires_in": "180", "token_type": "bearer"}
RECEIPT = "MP210603.1234.L06941"
KEY = "the-key-from-the-portal"
CONTRIBUTION = uuid.UUID("01932f00-0000-7000-8000-000000000007")
CHECKOUT = CONTRIBUTION.hex
CODES = {
    "cancelled": "DP00800001008",
    "insufficient": "DP00800001007",
    "wrong_pin": "DP00800001002",
    "timeout": "DP00800001024",
}


def status(response_code: str, result_code: str = "ESB000010", *, success: bool = True) -> dict[str, Any]:
    return {
        "code": "200",
        "message": "SUCCESS",
        "result_code": result_code,
        "response_code": response_code,
        "success": success,
    }


def pushed(checkout_id: str = CHECKOUT) -> dict[str, Any]:
    transaction = {"id": checkout_id, "status": "Success."}
    return {"data": {"transaction": transaction}, "status": status("DP00800001006")}


def enquired(standing: str, response_code: str = "DP00800001001", **more: str) -> dict[str, Any]:
    transaction = {"id": CHECKOUT, "message": "said Airtel", "status": standing, **more}
    return {"data": {"transaction": transaction}, "status": status(response_code)}


def refused(result_code: str, message: str = "no") -> dict[str, Any]:
    return {"status": {"code": "400", "message": message, "result_code": result_code, "success": False}}


def callback(standing: str = "TS", *, key: str | None = None, spaced: bool = False, **more: str) -> str:
    told = {
        "id": CHECKOUT,
        "message": f"Paid KES 50 to FUND, Trans ID {RECEIPT}.",
        "status_code": standing,
        **({"airtel_money_id": RECEIPT} if standing == "TS" else {}),
        **more,
    }
    body: dict[str, Any] = {"transaction": told}
    if key is not None:
        body["hash"] = hash_of(json.dumps(told, separators=(",", ":"), ensure_ascii=False), key)
    return json.dumps(body, separators=(", ", ": ") if spaced else (",", ":"), ensure_ascii=False)


def config(**changed: Any) -> AirtelConfig:
    fields: dict[str, Any] = {
        "base_url": AIRTEL,
        "merchant": "AIRTELFUND",
        "client_id": "sandbox-airtel-id",
        "client_secret": "sandbox-airtel-secret",
        "country": "KE",
        "currency": "KES",
        "zone": ZoneInfo("Africa/Nairobi"),
    }
    return AirtelConfig(**(fields | changed))


def wallet(http: requests.Session | None = None, **changed: Any) -> AirtelWallet:
    return AirtelWallet(config(**changed), LocalTokenCache(), http or requests.Session())


def wish(**changed: Any) -> PromptRequest:
    fields: dict[str, Any] = {
        "contribution_id": new_id(),
        "phone": PhoneNumber.parse("0733123456"),
        "amount": Money(5000),
        "account": "400000012",
        "description": "Savings",
        "callback_url": "https://fund.example/hooks/secret/airtel/1",
    }
    return PromptRequest(**(fields | changed))
