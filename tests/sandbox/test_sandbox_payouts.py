"""B2C, transaction status, account balance and reversal."""

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.listener import Listener
from sandbox.testing import Box


def credential(box: Box, password: str = "sandbox-initiator-password") -> str:
    certificate = x509.load_pem_x509_certificate(box.call("GET", "/certificate.pem").get_data())
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return base64.b64encode(key.encrypt(password.encode(), padding.PKCS1v15())).decode()


def urls(box: Box) -> dict[str, str]:
    return {
        "ResultURL": f"{box.target}/hooks/dev/result/b2c",
        "QueueTimeOutURL": f"{box.target}/hooks/dev/timeout/b2c",
        "Remarks": "Refund",
    }


def pay_out(box: Box, originator: str = "o-1", **changes: Any) -> Any:
    body = urls(box) | {
        "OriginatorConversationID": originator,
        "InitiatorName": "sandbox-initiator",
        "SecurityCredential": credential(box),
        "CommandID": "BusinessPayment",
        "Amount": 50,
        "PartyA": "174379",
        "PartyB": "254722000111",
    }
    return box.daraja("/mpesa/b2c/v3/paymentrequest", body | changes)


def enquire(box: Box, path: str, command: str, **fields: Any) -> Any:
    body = urls(box) | {
        "Initiator": "sandbox-initiator",
        "SecurityCredential": credential(box),
        "CommandID": command,
        "PartyA": "174379",
        "IdentifierType": "4",
    }
    return box.daraja(path, body | fields)


def fill(box: Box, amount: int = 1000) -> str:
    body = {"phone": "0712345678", "amount": amount, "account": "4"}
    return str(box.call("POST", "/c2b", json=body).get_json()["receipt"])


def results(gateway: Listener) -> list[dict[str, Any]]:
    return [one["Result"] for one in gateway.at("/result/b2c")]


def parameters(result: dict[str, Any]) -> dict[str, Any]:
    return {pair["Key"]: pair.get("Value") for pair in result["ResultParameters"]["ResultParameter"]}


def test_a_payout_reaches_the_phone_and_the_result_url(box: Box, gateway: Listener) -> None:
    fill(box)
    accepted = pay_out(box).get_json()
    assert accepted["ConversationID"].startswith("AG_")
    box.pass_time(3)
    [result] = results(gateway)
    assert result["ResultCode"] == 0
    assert result["OriginatorConversationID"] == "o-1"
    assert parameters(result)["TransactionReceipt"] == result["TransactionID"]
    assert box.get("/phones/0722000111")["wallet"]["balance"] == "10050.00"
    assert box.get("/statement.json")["rows"][0]["amount_cents"] == -5000


def test_the_same_originator_id_is_never_paid_twice(box: Box, gateway: Listener) -> None:
    fill(box)
    pay_out(box)
    again = pay_out(box)
    assert again.status_code == 500
    assert again.get_json()["errorCode"] == "500.002.1001"
    box.pass_time(3)
    assert len(results(gateway)) == 1


def test_a_wrong_credential_is_accepted_and_then_2001(box: Box, gateway: Listener) -> None:
    fill(box)
    assert pay_out(box, SecurityCredential=credential(box, "guess")).status_code == 200
    box.pass_time(3)
    [result] = results(gateway)
    assert result["ResultCode"] == 2001
    assert "ResultParameters" not in result


def test_an_empty_account_pays_nothing(box: Box, gateway: Listener) -> None:
    pay_out(box)
    box.pass_time(3)
    assert [one["ResultCode"] for one in results(gateway)] == [1]


def test_a_queue_timeout_is_not_the_end(box: Box, gateway: Listener) -> None:
    fill(box)
    box.fault("b2c", outcome="queue_timeout", late_success=60)
    pay_out(box)
    box.pass_time(10)
    assert len(gateway.at("/timeout/b2c")) == 1
    assert results(gateway) == []
    box.pass_time(60)
    assert [one["ResultCode"] for one in results(gateway)] == [0]


@pytest.mark.parametrize(
    "change",
    [
        {"CommandID": "Gift"},
        {"PartyA": "600000"},
        {"PartyB": "0722000111"},
        {"Remarks": "x"},
        {"SecurityCredential": "not base64!"},
        {"ResultURL": "http://example.com"},
        {"OriginatorConversationID": ""},
    ],
)
def test_bad_payouts_name_the_field(box: Box, change: dict[str, Any]) -> None:
    answer = pay_out(box, **change)
    assert answer.status_code == 400
    assert answer.get_json()["errorMessage"] == f"Bad Request - Invalid {next(iter(change))}"


def test_status_finds_a_payment_by_receipt_and_a_payout_by_its_id(box: Box, gateway: Listener) -> None:
    receipt = fill(box)
    pay_out(box)
    box.pass_time(3)
    path, command = "/mpesa/transactionstatus/v1/query", "TransactionStatusQuery"
    enquire(box, path, command, TransactionID=receipt)
    enquire(box, path, command, OriginalConversationID="o-1")
    enquire(box, path, command, TransactionID="NOTHING000")
    box.pass_time(3)
    _, first, second, third = results(gateway)
    assert parameters(first)["ReceiptNo"] == receipt
    assert parameters(first)["TransactionStatus"] == "Completed"
    assert parameters(second)["Amount"] == 50
    assert third["ResultCode"] == "SFC_IC0003"


def test_the_balance_is_that_of_the_statement(box: Box, gateway: Listener) -> None:
    fill(box, 1234)
    enquire(box, "/mpesa/accountbalance/v1/query", "AccountBalance")
    box.pass_time(3)
    assert "Utility Account|KES|1234.00|" in parameters(results(gateway)[0])["AccountBalance"]


def test_a_payment_is_reversed_once(box: Box, gateway: Listener) -> None:
    receipt = fill(box, 200)
    wanted = {
        "TransactionID": receipt,
        "Amount": 200,
        "ReceiverParty": "174379",
        "RecieverIdentifierType": "11",
    }
    for _ in range(2):
        enquire(box, "/mpesa/reversal/v1/request", "TransactionReversal", **wanted)
        box.pass_time(3)
    enquire(box, "/mpesa/reversal/v1/request", "TransactionReversal", **wanted | {"TransactionID": "NONE"})
    box.pass_time(3)
    assert [one["ResultCode"] for one in results(gateway)] == [0, "R000001", "R000002"]
    assert box.get("/phones/0712345678")["wallet"]["balance"] == "10000.00"
    assert box.get("/statement.json")["rows"][0]["balance_cents"] == 0
