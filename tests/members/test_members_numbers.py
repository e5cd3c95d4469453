"""Member numbers and national IDs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidValue
from members.numbers import SERIAL_MAX, MemberNumber, NationalId

serials = st.integers(min_value=1, max_value=SERIAL_MAX)


def refused(text: str) -> bool:
    try:
        MemberNumber.parse(text)
    except InvalidValue:
        return True
    return False


@given(serials)
def test_a_member_number_reads_back_with_spaces_and_dashes(serial: int) -> None:
    number = MemberNumber.of_serial(serial)
    for typed in (number.digits, number.spaced, f" {number.digits[:4]}-{number.digits[4:]} "):
        assert MemberNumber.parse(typed) == number


@given(serials)
def test_every_single_wrong_digit_is_refused(serial: int) -> None:
    digits = MemberNumber.of_serial(serial).digits
    for position, right in enumerate(digits):
        for wrong in set("0123456789") - {right}:
            assert refused(digits[:position] + wrong + digits[position + 1 :])


@given(serials)
def test_every_swap_of_neighbours_is_refused(serial: int) -> None:
    digits = MemberNumber.of_serial(serial).digits
    for position in range(len(digits) - 1):
        first, second = digits[position], digits[position + 1]
        if first != second:
            assert refused(digits[:position] + second + first + digits[position + 2 :])


@given(serials)
def test_a_digit_lost_or_typed_twice_is_refused(serial: int) -> None:
    digits = MemberNumber.of_serial(serial).digits
    for position in range(len(digits)):
        assert refused(digits[:position] + digits[position + 1 :])
        assert refused(digits[:position] + digits[position] + digits[position:])


@given(st.text())
def test_any_text_is_a_member_number_or_refused(text: str) -> None:
    if not refused(text):
        assert len(MemberNumber.parse(text).digits) == 9


@pytest.mark.parametrize(
    "text", ["0712345678", "712345678", "254712345678", "23456789", "4" * 31, "٤٠٠٠٠٠٠١٣"]
)
def test_phones_and_ids_are_never_member_numbers(text: str) -> None:
    assert refused(text)


@pytest.mark.parametrize("serial", [0, SERIAL_MAX + 1, -1])
def test_there_is_no_number_outside_the_sequence(serial: int) -> None:
    with pytest.raises(InvalidValue):
        MemberNumber.of_serial(serial)


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("23456789", "23456789"),
        (" 2345 6789 ", "23456789"),
        ("234-567", "234567"),
        ("02345678", "2345678"),
        ("2.345.678", "2345678"),
        # Uganda and Rwanda.
        ("cf91012345abcd", "CF91012345ABCD"),
        ("CM 87067890 EFGH", "CM87067890EFGH"),
        ("1 1991 7 0012345 678", "1199170012345678"),
    ],
)
def test_a_national_id_has_one_form_however_it_is_typed(typed: str, digits: str) -> None:
    assert NationalId.parse(typed).digits == digits


@pytest.mark.parametrize("typed", ["", "12345", "123456789", "1234567a", "00012345", "२३४५६७८", "1" * 40])
def test_what_is_no_national_id_is_refused(typed: str) -> None:
    with pytest.raises(InvalidValue):
        NationalId.parse(typed)


@pytest.mark.parametrize("typed", ["CX91012345ABCD", "CM9101234", "4199170012345678", "119917001234567"])
def test_what_is_almost_a_neighbours_id_is_refused(typed: str) -> None:
    with pytest.raises(InvalidValue):
        NationalId.parse(typed)


def test_a_national_id_is_not_shown_by_its_repr() -> None:
    assert repr(NationalId.parse("23456789")) == "NationalId(*****789)"
