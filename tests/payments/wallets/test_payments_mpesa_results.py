"""A prompt's callback is read whole or refused, never half understood; result codes are data."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import Money
from core.phone import PhoneNumber
from payments.wallets.mpesa.result_codes import RESULT_CODES, meaning_of
from payments.wallets.mpesa.stk_result import read_prompt_result
from payments.wallets.protocol import Fate, PromptResult, UnreadableMessage
from tests.payments.wallets.mpesa_bodies import CHECKOUT, MERCHANT, callback, paid_items

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_a_success_gives_receipt_amount_time_and_payer() -> None:
    result = read_prompt_result(callback(0, "The service request is processed successfully.", paid_items()))
    assert result == PromptResult(
        checkout_id=CHECKOUT,
        merchant_id=MERCHANT,
        fate=Fate.PAID,
        code="0",
        message="The service request is processed successfully.",
        receipt="NLJ7RT61SV",
        amount=Money(5000),
        paid_at=datetime(2019, 12, 19, 7, 21, 15, tzinfo=UTC),
        payer=PhoneNumber("+254708374149"),
    )


@given(st.permutations(paid_items()))
def test_the_order_of_items_means_nothing(items: list[dict[str, Any]]) -> None:
    assert read_prompt_result(callback(0, "", items)) == read_prompt_result(callback(0, "", paid_items()))


@pytest.mark.parametrize(
    ("code", "fate", "told", "may_still_pay"),
    [
        (1, Fate.FAILED, "prompt_insufficient", False),
        (1032, Fate.CANCELLED, "prompt_cancelled", False),
        (1037, Fate.FAILED, "prompt_unreachable", True),
        (1019, Fate.EXPIRED, "prompt_expired", True),
        (2001, Fate.FAILED, "prompt_wrong_pin", False),
        ("SFC_IC0003", Fate.FAILED, "prompt_failed", False),
        ("1032", Fate.CANCELLED, "prompt_cancelled", False),
        (7777, Fate.UNKNOWN, "", True),
        (-1, Fate.UNKNOWN, "", True),
    ],
)
def test_a_failure_says_what_became_of_it(
    code: int | str, fate: Fate, told: str, may_still_pay: bool
) -> None:
    result = read_prompt_result(callback(code, "text"))
    assert (result.fate, result.told, result.may_still_pay) == (fate, told, may_still_pay)
    assert (result.code, result.receipt, result.amount) == (str(code), None, None)


def test_a_failure_with_payment_items_is_still_a_failure() -> None:
    assert read_prompt_result(callback(1032, "", paid_items())).receipt is None


def test_a_success_without_items_is_paid_without_receipt() -> None:
    result = read_prompt_result(callback(0))
    assert (result.fate, result.receipt) == (Fate.PAID, None)


def test_large_and_cent_amounts_are_exact() -> None:
    for written, cents in ((1, 100), (249999.99, 24_999_999), ("70.10", 7010), ("1,168.00", 116_800)):
        result = read_prompt_result(callback(0, "", paid_items(Amount=written)))
        assert result.amount == Money(cents)


@pytest.mark.parametrize("phone", ["2547*****149", 1, "", "not a phone"])
def test_an_unreadable_payer_or_time_does_not_lose_the_payment(phone: Any) -> None:
    result = read_prompt_result(callback(0, "", paid_items(PhoneNumber=phone, TransactionDate="soon")))
    assert (result.receipt, result.payer, result.paid_at) == ("NLJ7RT61SV", None, None)


@pytest.mark.parametrize(
    "changed",
    [
        {"Amount": 0},
        {"Amount": -50},
        {"Amount": 1e30},
        {"Amount": 50.001},
        {"Amount": True},
        {"Amount": [50]},
        {"Amount": "KES 50"},
        {"Amount": "9" * 5000},
        {"MpesaReceiptNumber": ""},
        {"MpesaReceiptNumber": "NLJ7RT61SV; DROP"},
        {"MpesaReceiptNumber": "x" * 21},
    ],
)
def test_a_wrong_amount_or_receipt_makes_the_message_unreadable(changed: dict[str, Any]) -> None:
    with pytest.raises(UnreadableMessage):
        read_prompt_result(callback(0, "", paid_items(**changed)))


def test_two_amounts_in_one_message_are_refused() -> None:
    with pytest.raises(UnreadableMessage, match="twice"):
        read_prompt_result(callback(0, "", [*paid_items(), {"Name": "Amount", "Value": 5000}]))


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"Body": null}',
        '{"Body": {"stkCallback": {}}}',
        callback(0).replace('"ResultCode": 0', '"ResultCode": 0, "ResultCode": 1032'),
        callback(0).replace('"ResultCode": 0', '"ResultCode": NaN'),
        callback(0).replace('"ResultCode": 0', '"ResultCode": true'),
        callback(0).replace('"ResultCode": 0', '"ResultCode": [0]'),
        callback(0).replace(CHECKOUT, ""),
        callback(0).replace(CHECKOUT, "\\u0000"),
        callback(0).replace(CHECKOUT, "x" * 101),
        callback(0, "", [{"Name": "n", "Value": 1}] * 21),
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 5000,
        callback(0) + " " * 70_000,
        b"\xff\xfe",
    ],
)
def test_anything_else_is_unreadable(raw: str | bytes) -> None:
    with pytest.raises(UnreadableMessage):
        read_prompt_result(raw)


def test_the_error_names_fields_and_shows_no_values() -> None:
    with pytest.raises(UnreadableMessage) as caught:
        read_prompt_result(
            '{"Body": {"stkCallback": {"CheckoutRequestID": "254708374149 is me", "ResultCode": []}}}'
        )
    assert "Body.stkCallback.ResultCode" in str(caught.value)
    assert "254708374149" not in str(caught.value)


def test_text_that_cannot_be_stored_is_cleaned() -> None:
    result = read_prompt_result(callback(1, "no\x00 \ud800money\n"))
    assert result.message == "no   money"
    result.message.encode()


def _readable_or_refused(raw: str | bytes) -> None:
    try:
        result = read_prompt_result(raw)
    except UnreadableMessage:
        return
    assert result.checkout_id


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    _readable_or_refused(raw)


@given(JSON)
def test_any_json_is_read_or_refused(body: Any) -> None:
    _readable_or_refused(json.dumps(body))


@given(
    st.dictionaries(st.sampled_from(["Amount", "MpesaReceiptNumber", "TransactionDate", "PhoneNumber"]), JSON)
)
def test_any_item_values_are_read_or_refused(values: dict[str, Any]) -> None:
    _readable_or_refused(callback(0, "", paid_items(**values)))


@given(JSON, JSON, JSON)
def test_any_fields_are_read_or_refused(code: Any, description: Any, items: Any) -> None:
    fields = {"CheckoutRequestID": CHECKOUT, "ResultCode": code, "ResultDesc": description}
    body = {"stkCallback": fields | {"CallbackMetadata": {"Item": items}}}
    _readable_or_refused(json.dumps({"Body": body}))


def test_only_zero_is_paid() -> None:
    assert [code for code, row in RESULT_CODES.items() if row.fate is Fate.PAID] == ["0"]


def test_what_the_member_cannot_help_alerts_staff() -> None:
    general = {code for code, row in RESULT_CODES.items() if row.told == "prompt_failed"}
    assert general == {code for code, row in RESULT_CODES.items() if row.alert}
    assert meaning_of("never seen").alert


def test_every_failure_has_words_for_the_member() -> None:
    assert all(row.told.startswith("prompt_") for code, row in RESULT_CODES.items() if code != "0")
