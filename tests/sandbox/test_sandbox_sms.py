"""SMS: sent with the official SDK, seen on the phone, reported back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from africastalking.Service import AfricasTalkingException
from africastalking.SMS import SMSService

from sandbox.listener import Listener
from sandbox.testing import Box, running_sandbox

URL = "/africastalking/version1/messaging"
KEY = {"apiKey": "sandbox-at-key"}


def send(box: Box, to: str = "+254712345678", message: str = "Habari", **form: Any) -> Any:
    data = {"username": "sandbox", "to": to, "message": message, "bulkSMSMode": 1} | form
    return box.call("POST", URL, data=data, headers=KEY)


@pytest.fixture
def running(tmp_path: Path, gateway: Listener) -> Iterator[str]:
    with running_sandbox(tmp_path / "running", target=gateway.url) as url:
        yield url


def sdk(url: str, key: str = "sandbox-at-key") -> Any:
    service = SMSService("sandbox", key)
    service._baseUrl = f"{url}/africastalking/version1"
    return service


def test_the_official_sdk_gets_a_dict_with_recipients(running: str) -> None:
    reply = sdk(running).send("Habari", ["+254712345678", "+254722000111"], sender_id="KIBABA")
    data = reply["SMSMessageData"]
    assert data["Message"].startswith("Sent to 2/2 Total Cost: KES ")
    assert [one["statusCode"] for one in data["Recipients"]] == [101, 101]
    assert all(one["messageId"].startswith("ATXid_") for one in data["Recipients"])


def test_the_official_sdk_raises_for_a_wrong_key(running: str) -> None:
    with pytest.raises(AfricasTalkingException, match="authentication is invalid"):
        sdk(running, "wrong").send("Habari", ["+254712345678"])


def test_the_phone_and_the_list_show_the_message(box: Box) -> None:
    send(box, message="First", **{"from": "KIBABA"})
    send(box, message="Second")
    listed = box.get("/sms?to=+254712345678")
    assert [one["text"] for one in listed] == ["First", "Second"]
    assert listed[0]["from"] == "KIBABA"
    shown = box.get("/phones/0712345678")["sms"]
    assert [(one["text"], one["by"]) for one in shown] == [("First", "gateway"), ("Second", "gateway")]


def test_delivery_is_reported_to_the_gateway(box: Box, gateway: Listener) -> None:
    message_id = send(box).get_json()["SMSMessageData"]["Recipients"][0]["messageId"]
    box.pass_time(3)
    [report] = gateway.at("/gateway/dev/africastalking/sms/delivery")
    assert report["id"] == message_id
    assert report["status"] == "Success"
    assert report["phoneNumber"] == "+254712345678"
    assert report["networkCode"] == "63902"
    assert report["retryCount"] == "0"


@pytest.mark.parametrize("number", ["0712345678", "+25471", "+14155550100", "nobody"])
def test_a_bad_number_is_403_among_good_ones(box: Box, number: str) -> None:
    reply = send(box, to=f"{number},+254712345678").get_json()["SMSMessageData"]
    assert [one["statusCode"] for one in reply["Recipients"]] == [403, 101]
    assert reply["Message"].startswith("Sent to 1/2")


def test_parts_are_billed_as_gsm_or_ucs2(box: Box) -> None:
    def cost(message: str) -> str:
        recipients = send(box, message=message).get_json()["SMSMessageData"]["Recipients"]
        return str(recipients[0]["cost"])

    assert cost("x" * 160) == "KES 0.8000"
    assert cost("x" * 161) == "KES 1.6000"
    assert cost("x" * 70 + "ŋ") == "KES 1.6000"
    assert cost("€" * 81) == "KES 1.6000"


@pytest.mark.parametrize("missing", ["to", "message"])
def test_a_missing_field_is_a_400(box: Box, missing: str) -> None:
    assert send(box, **{missing: ""}).status_code == 400


def test_wrong_key_or_user_is_a_401_in_plain_text(box: Box) -> None:
    assert box.call("POST", URL, data={"username": "sandbox"}, headers={"apiKey": "no"}).status_code == 401
    assert send(box, username="other").status_code == 401


def test_the_blacklist_fault_refuses_per_recipient(box: Box) -> None:
    box.fault("sms", error_code=406, phone="0712345678")
    reply = send(box, to="+254712345678,+254722000111").get_json()["SMSMessageData"]["Recipients"]
    assert [(one["statusCode"], one["status"]) for one in reply] == [
        (406, "UserInBlacklist"),
        (101, "Success"),
    ]


def test_a_failed_delivery_gives_its_reason_and_no_message(box: Box, gateway: Listener) -> None:
    box.fault("sms", outcome="rejected")
    send(box)
    box.pass_time(3)
    [report] = gateway.at("delivery")
    assert report["status"] == "Rejected"
    assert report["failureReason"] == "UserInBlackList"
    assert box.get("/phones/0712345678")["sms"] == []


def test_a_dropped_message_is_accepted_and_never_seen(box: Box, gateway: Listener) -> None:
    box.fault("sms", drop=True)
    assert send(box).get_json()["SMSMessageData"]["Recipients"][0]["statusCode"] == 101
    box.pass_time(60)
    assert gateway.heard == []
    assert box.get("/sms?to=+254712345678") == []


def test_a_late_message_arrives_late(box: Box, gateway: Listener) -> None:
    box.fault("sms", delay_s=30)
    send(box)
    box.pass_time(20)
    assert box.get("/sms?to=+254712345678") == []
    box.pass_time(12)
    assert len(box.get("/sms?to=+254712345678")) == 1
    assert len(gateway.at("delivery")) == 1


def test_reports_can_come_twice(box: Box, gateway: Listener) -> None:
    box.fault("sms", duplicate=True)
    send(box)
    box.pass_time(3)
    assert len(gateway.at("delivery")) == 2


def test_an_outage_is_a_503(box: Box) -> None:
    box.fault("sms", outage=True)
    assert send(box).status_code == 503


def test_a_phone_writes_to_the_gateway(box: Box, gateway: Listener) -> None:
    answer = box.call("POST", "/phones/0712345678/sms", json={"to": "20384", "text": "BAL"})
    box.pass_time(1)
    [message] = gateway.at("/gateway/dev/africastalking/sms")
    assert message["from"] == "+254712345678"
    assert message["text"] == "BAL"
    assert message["to"] == "20384"
    assert [one["by"] for one in box.get("/phones/0712345678")["sms"]] == ["phone"]
    assert message["id"] == answer.get_json()["sent"]
    assert {"date", "linkId", "networkCode"} <= set(message)
    assert box.get("/sms?to=+254712345678") == []


def test_requests_are_kept_without_the_key(box: Box) -> None:
    send(box)
    [kept] = box.get("/requests?to=sms")
    assert kept["body"]["message"] == "Habari"
    assert kept["status"] == 201
    assert "sandbox-at-key" not in str(kept)
