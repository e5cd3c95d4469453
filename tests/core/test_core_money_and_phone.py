"""Money is counted in whole cents; phone numbers are parsed once and shown masked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidValue
from core.money import Money, cents_from_text
from core.phone import PhoneNumber


@given(st.integers(-(10**12), 10**12))
def test_an_amount_written_as_a_decimal_reads_back_exactly(cents: int) -> None:
    sign = "-" if cents < 0 else ""
    assert cents_from_text(f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02d}") == cents


@pytest.mark.parametrize("text", ["", "1.234", "1e3", "NaN", "five", "1.2.3", "--1", "٣", "0x10", "1 000"])
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        cents_from_text(text)


@pytest.mark.parametrize("amount", [1.0, True, "5", None])
def test_money_takes_whole_cents_only(amount: object) -> None:
    with pytest.raises(InvalidValue):
        Money(amount)  # type: ignore[arg-type]


def test_money_reads_as_people_write_it() -> None:
    assert str(Money(125_000)) == "KES 1,250"
    assert str(Money(5_050)) == "KES 50.50"
    assert str(Money(-2_000)) == "-KES 20"


def test_currencies_do_not_mix() -> None:
    with pytest.raises(InvalidValue):
        Money(100, "KES") + Money(100, "UGX")


@pytest.mark.parametrize(
    "typed", ["0712345678", "712345678", "254712345678", "+254712345678", "0712 345 678", "0712-345-678"]
)
def test_every_way_to_write_a_number_is_the_same_number(typed: str) -> None:
    assert PhoneNumber.parse(typed).e164 == "+254712345678"


@pytest.mark.parametrize("typed", ["", "12", "hello", "+1", "0712345678901234567890123", "0109999999x"])
def test_what_is_not_a_number_is_refused(typed: str) -> None:
    with pytest.raises(InvalidValue):
        PhoneNumber.parse(typed)


@given(st.text(max_size=40))
def test_parsing_anything_gives_a_number_or_a_clear_refusal(text: str) -> None:
    try:
        number = PhoneNumber.parse(text)
    except InvalidValue:
        return
    assert number.e164.startswith("+")


def test_the_wallet_hash_is_the_one_daraja_sends() -> None:
    # The hash M-Pesa C2B v1 sends for the test customer of the official documents.
    assert (
        PhoneNumber.parse("254705912645").wallet_hash
        == "94c392c311d522da950619227b3361752a42042db7e1e699b26e628305c68a88"
    )


def test_a_number_in_a_log_or_trace_is_masked() -> None:
    assert "345" not in repr(PhoneNumber.parse("0712345678"))
