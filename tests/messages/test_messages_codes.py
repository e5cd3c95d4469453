"""Which word of an SMS is the receipt code: one a wallet writes, never an amount or a date beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.model import receipt_code_in

MPESA, AIRTEL, MTN = "SFF6XYZ12X", "MP261122.1405.L06941", "23503452"
CODES = [MPESA, AIRTEL, MTN, "UKV0000001", "12345678901", f"{MPESA}-1", f"{AIRTEL}-12"]
CURRENCIES = ["KSH", "Ksh.", "KES", "kshs", "TSH", "TZS", "UGX", "USH", "RWF", "FRW", "Sh"]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    "told",
    [
        *(
            "Ksh5000",
            "I paid 5000KSH code",
            "KSH500.00",
            "Kes1,500.00",
            "KSH150,000",
            "Ksh.150000",
            "KES:5000",
        ),
        *("5000/=", "150000/=", "5000/-", "Ksh5000/=", "150,000/=", "1500.00", "5000bob", "150000 shillings"),
        *("TSH50000", "50000TZS", "UGX1500000", "1,500,000UGX", "USH20000", "5000RWF", "FRW5000", "5000 Frw"),
        *(
            "22NOV2026",
            "22NOV",
            "22nov26",
            "22-Nov-2026",
            "22nd.Nov.2026",
            "Nov22",
            "NOV2026",
            "22Novemba2026",
        ),
        *(
            "Agosti22",
            "22/11/2026",
            "22-11-2026",
            "22.11.26",
            "2026-11-22",
            "on 22NOV2026 10.30AM",
            "1405hrs",
        ),
        *("5000KSH 22NOV2026", "0712345678", "+254712345678", "from 256712345678", "paybill 174379"),
    ],
)
def test_what_is_told_beside_a_code_is_never_the_code(told: str, code: str) -> None:
    assert receipt_code_in(f"RECEIPT {told} {code}") == code
    assert receipt_code_in(f"YES {code} {told}") == code
    assert receipt_code_in(f"Rejesha {code.lower()}, {told}.") == code


@pytest.mark.parametrize(
    "text",
    [
        "RISITI Ksh5000",
        "YES 5000KSH",
        "REFUND KSH500.00",
        "YES 22NOV2026",
        "RECEIPT on 22-11-2026",
        "YES 10.30AM",
    ],
)
def test_an_amount_or_a_date_alone_is_no_code(text: str) -> None:
    assert receipt_code_in(text) is None


@given(
    st.integers(1, 99_999_999),
    st.sampled_from(CURRENCIES),
    st.sampled_from(CODES),
    st.booleans(),
    st.booleans(),
)
def test_an_amount_is_never_the_code(
    units: int, currency: str, code: str, is_grouped: bool, is_behind: bool
) -> None:
    number = f"{units:,}" if is_grouped else str(units)
    amount = f"{number}{currency}" if is_behind else f"{currency}{number}"
    assert receipt_code_in(f"RECEIPT {amount} {code}") == code
    assert receipt_code_in(f"RECEIPT {amount}") is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("RECEIPT plot12 SFF6XYZ12X", MPESA),
        ("RECEIPT order2026 MP261122.1405.L06941", AIRTEL),
        ("RECEIPT 0712345678", None),
        ("NDIYO si mimi, piga +254711222333", None),
        ("RECEIPT 174379 0712345678", "174379"),
        ("RECEIPT ABC123 23503452", "ABC123"),
        ("RISITI Ksh5000 SFFAXYZBCX", "SFFAXYZBCX"),
        ("RISITI SFF6XYZ12X.Ksh50.00", MPESA),
        ("RISITI SFF6XYZ12X SFF6XYZ13X", MPESA),
        ("RECEIPT SFF6XYZ12X Confirmed.Ksh50.00 sent to HABA on 22/11/26 at 2:05 PM.", MPESA),
    ],
)
def test_of_several_words_the_one_most_like_a_receipt_is_the_code(text: str, code: str | None) -> None:
    assert receipt_code_in(text) == code
