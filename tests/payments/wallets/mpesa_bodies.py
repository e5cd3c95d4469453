"""Daraja's documented bodies, as the portal prints them and integrations see them."""

import json
from datetime import UTC, datetime
from typing import Any

DARAJA = "https://daraja.test"
SHORTCODE = "174379"
CHECKOUT = "ws_CO_191220191020363925"
MERCHANT = "29115-34620561-1"
CALLBACK_URL = "https://kibaba.test/hooks/dev/stk"
# 12:20:36 in Nairobi.
NOW = datetime(2026, 11, 22, 9, 20, 36, tzinfo=UTC)

TOKEN: dict[str, Any] = {"access_token": "c9SQxWWhmdVRlyh0zh8gZDTkubVF", "expires_in": "3599"}
ACCEPTED: dict[str, Any] = {
    "MerchantRequestID": MERCHANT,
    "CheckoutRequestID": CHECKOUT,
    "ResponseCode": "0",
    "ResponseDescription": "Success. Request accepted for processing",
    "CustomerMessage": "Success. Request accepted for processing",
}
PROCESSING = "The transaction is being processed"


def error(code: str, message: str) -> dict[str, str]:
    return {"requestId": "16813-15-1", "errorCode": code, "errorMessage": message}


def queried(result_code: str, description: str = "", checkout_id: str = CHECKOUT) -> dict[str, str]:
    return {
        "ResponseCode": "0",
        "ResponseDescription": "The service request has been accepted successsfully",
        "MerchantRequestID": MERCHANT,
        "CheckoutRequestID": checkout_id,
        "ResultCode": result_code,
        "ResultDesc": description,
    }


def callback(result_code: int | str, description: str = "", items: list[dict[str, Any]] | None = None) -> str:
    body: dict[str, Any] = {
        "MerchantRequestID": MERCHANT,
        "CheckoutRequestID": CHECKOUT,
        "ResultCode": result_code,
        "ResultDesc": description,
    }
    if items is not None:
        body["CallbackMetadata"] = {"Item": items}
    return json.dumps({"Body": {"stkCallback": body}})


def paid_items(**changed: Any) -> list[dict[str, Any]]:
    """The items of a success, `Balance` without a value as in the field."""
    values = {
        "Amount": 50.0,
        "MpesaReceiptNumber": "NLJ7RT61SV",
        "TransactionDate": 20191219102115,
        "PhoneNumber": 254708374149,
    } | changed
    return [{"Name": "Balance"}, *({"Name": name, "Value": value} for name, value in values.items())]


def hand_payment(**changed: Any) -> str:
    body = {
        "TransactionType": "Pay Bill",
        "TransID": "RKL51ZDR4F",
        "TransTime": "20231121121325",
        "TransAmount": "5.00",
        "BusinessShortCode": SHORTCODE,
        "BillRefNumber": "400000012",
        "InvoiceNumber": "",
        "OrgAccountBalance": "25.00",
        "ThirdPartyTransID": "",
        "MSISDN": "254708374149",
        "FirstName": "NICHOLAS",
        "MiddleName": "",
        "LastName": "",
    } | changed
    return json.dumps(body)


def pull_row(receipt: str, **changed: Any) -> dict[str, Any]:
    return {
        "transactionId": receipt,
        "trxDate": "2026-11-22T10:13:57+03:00",
        "msisdn": 254708374149,
        "sender": "JANE DOE",
        "transactiontype": "c2b-pay-bill-debit",
        "billreference": "400000012",
        "amount": "168.00",
        "organizationname": "Haba Fund",
    } | changed


def pulled(rows: list[dict[str, Any]], **totals: Any) -> dict[str, Any]:
    return {
        "ResponseRefID": "26178-42530161-2",
        "ResponseCode": "1000",
        "ResponseMessage": "Success",
        "Response": [rows],
    } | totals
