"""`bin/kibaba member show`: a member's payments by the fund's own clock, for programs and for people."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from core.clock import FundCalendar
from core.ids import new_id
from core.money import Money
from operations.commands.member import facts_of, line_of
from payments.model import PaymentState
from payments.view import Payment
from payments.wishes import OtherMember, Wish

NAIROBI = FundCalendar(ZoneInfo("Africa/Nairobi"))


def a_payment(receipt: str | None = "SKL0000001") -> Payment:
    """Made shortly before midnight in London, after it in Nairobi."""
    return Payment(
        at=datetime(2026, 11, 22, 22, 11, 5, 123456, tzinfo=UTC),
        amount=Money(123_450),
        state=PaymentState.ACKNOWLEDGED,
        receipt=receipt,
        receipt_id=new_id(),
        contribution_id=None,
    )


def test_programs_get_the_second_with_the_offset_of_the_funds_clock() -> None:
    assert facts_of(a_payment(), NAIROBI) == {
        "receipt": "SKL0000001",
        "amount_cents": 123_450,
        "state": "acknowledged",
        "at": "2026-11-23T01:11:05+03:00",
        "for_member": None,
        "paid_by": None,
        "period": None,
    }


def test_a_payment_for_somebody_else_or_another_month_says_so() -> None:
    other = OtherMember(new_id(), "400000012")
    facts = facts_of(a_payment(), NAIROBI, Wish("2026-10", other, None))
    assert (facts["for_member"], facts["paid_by"], facts["period"]) == ("400000012", None, "2026-10")
    assert line_of(facts, "KES").endswith("acknowledged  for 400000012  counts for 2026-10")
    assert line_of(facts_of(a_payment(), NAIROBI, Wish(None, None, other)), "KES").endswith(
        "acknowledged  paid by 400000012"
    )


def test_people_read_the_minute_as_their_own_clock_shows_it() -> None:
    line = line_of(facts_of(a_payment(), NAIROBI), "KES")
    assert line.split() == ["2026-11-23", "01:11", "KES", "1,234.50", "SKL0000001", "acknowledged"]
    assert " - " in line_of(facts_of(a_payment(receipt=None), NAIROBI), "KES")
