"""What Africa's Talking posts about SMS: hostile until parsed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidValue
from core.phone import PhoneNumber
from messages.africastalking.forms import parse_delivery_report, parse_incoming

REPORT = {
    "id": "ATXid_1",
    "status": "Failed",
    "phoneNumber": "+254712345678",
    "networkCode": "63902",
    "failureReason": "UserInBlackList",
    "retryCount": "2",
}
SMS = {
    "date": "2026-11-22 12:00:00",
    "from": "+254712345678",
    "id": "in-1",
    "linkId": "",
    "text": " Acha ",
    "to": "22345",
    "networkCode": "63902",
}
FIELDS = sorted({*REPORT, *SMS})


def test_a_report_is_read_and_kept_whole() -> None:
    report = parse_delivery_report(REPORT)
    assert (report.provider_id, report.status, report.failure_reason) == (
        "ATXid_1",
        "Failed",
        "UserInBlackList",
    )
    assert '"retryCount": "2"' in report.raw


def test_an_sms_is_read() -> None:
    incoming = parse_incoming(SMS)
    assert (incoming.provider_id, incoming.phone, incoming.text) == (
        "in-1",
        PhoneNumber("+254712345678"),
        "Acha",
    )


def test_a_sender_that_is_no_phone_is_a_sender() -> None:
    incoming = parse_incoming({**SMS, "from": "SAFARICOM"})
    assert (incoming.sender, incoming.phone) == ("SAFARICOM", None)


@pytest.mark.parametrize("missing", ["id", "status"])
def test_a_report_without_its_essentials_is_refused(missing: str) -> None:
    with pytest.raises(InvalidValue):
        parse_delivery_report({**REPORT, missing: " "})


@pytest.mark.parametrize("field", ["id", "from"])
@pytest.mark.parametrize("value", ["", "a" * 500, "a\x00b", "a\nb"])
def test_an_sms_without_its_essentials_is_refused(field: str, value: str) -> None:
    with pytest.raises(InvalidValue):
        parse_incoming({**SMS, field: value})


def test_a_long_text_is_cut_and_nul_is_dropped() -> None:
    incoming = parse_incoming({**SMS, "text": "a\x00b" + "c" * 5000})
    assert incoming.text.startswith("abc")
    assert len(incoming.text) == 1600


@given(st.dictionaries(st.sampled_from(FIELDS), st.text()))
def test_any_form_is_read_or_refused(form: dict[str, str]) -> None:
    for parse in (parse_delivery_report, parse_incoming):
        try:
            parsed = parse(form)
        except InvalidValue:
            continue
        assert "\x00" not in f"{parsed.provider_id}{parsed}"
