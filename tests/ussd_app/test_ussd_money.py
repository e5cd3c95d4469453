"""On the phone: claiming a payment that does not show, and following one from asked to the fund."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from core.money import Money
from core.phone import PhoneNumber
from members.look_ups import NUMBERS_PER_DAY_MAX
from members.numbers import MemberNumber
from members.tables import NumberLookUpRow
from payments.claims.view import claims_for_staff
from payments.contributions.tables import Contribution
from payments.ledger.proof import proof
from payments.model import EvidenceChannel, MatchStep
from payments.receipts import service as receipts
from payments.receipts.model import Arrival, Owner
from payments.receipts.tables import Receipt
from tests.ussd_app.conftest import PIN, Phone, join
from ussd_app.bootstrap import Services

CALLER = "+254712345678"
STRANGER = "+254733123456"
CODE = "SKM1A2B3C4"


def paid_by_hand(services: Services, payer: str, account: str = "mama") -> None:
    """KES 50 came to the paybill, and nobody knows whose it is."""
    now = services.clock.now()
    arrival = Arrival(
        "mpesa",
        "600000",
        CODE,
        Money(5000),
        now,
        EvidenceChannel.C2B_CONFIRMATION,
        account,
        PhoneNumber(payer),
    )
    nobody = Owner(None, MatchStep.SUSPENSE, "the reference has no known form")
    with services.sessions.begin() as session:
        receipts.record(session, arrival, nobody, pull_delay=timedelta(seconds=3), now=now)


def claim(phone: Phone, code: str = CODE) -> str:
    # Who has saved before finds the amount they save in front of the rest.
    details = "5" if "Save KES" in phone.dial() else "4"
    for typed in (details, "4", "1"):
        phone.answer(typed)
    return phone.answer(code)


def test_who_paid_claims_it_on_the_phone_and_sees_it_among_the_savings(
    services: Services, phone: Callable[[str], Phone]
) -> None:
    caller = phone(CALLER)
    join(caller)
    paid_by_hand(services, CALLER)
    assert "We have KES 50" in claim(caller, "skm 1a2b3c4")
    assert "among your savings" in caller.answer("1")
    # The aggregator posts it once more: the same reply, and nothing else happens.
    assert "among your savings" in caller.post()
    with services.sessions() as session:
        assert (proof(session).credited_cents, proof(session).suspense_cents) == (5000, 0)
    assert "is among your savings already" in claim(caller)
    caller.dial("02")
    assert "KES 50 received" in caller.answer(PIN)
    way = caller.answer("1")
    assert f"The way of KES 50 {CODE}" in way
    assert "received" in way
    assert "Next: the wallet confirms" in way


def test_money_of_another_phone_is_a_case_for_staff_and_not_spoken_of(
    services: Services, phone: Callable[[str], Phone]
) -> None:
    caller = phone(CALLER)
    join(caller)
    paid_by_hand(services, STRANGER)
    reply = claim(caller)
    assert "Our staff will look into it" in reply
    assert "50" not in reply
    with services.sessions() as session:
        [case] = claims_for_staff(session)
        assert (case.code, case.why) == (CODE, "the payer's evidence does not fit")
        assert case.receipt_id == session.scalar(select(Receipt.id))
        assert proof(session).credited_cents == 0


def test_an_unknown_code_is_looked_for_and_guessing_ends(phone: Callable[[str], Phone]) -> None:
    caller = phone(CALLER)
    join(caller)
    for number in range(5):
        assert "We do not have this payment yet" in claim(caller, f"SKMGUESS{number}")
    assert "tried too often" in claim(caller, "SKMGUESS9")


def balance(phone: Phone) -> str:
    phone.dial("01")
    return phone.answer(PIN)


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({"state": "requested"}, True),
        ({"state": "prompted"}, True),
        ({"state": "unknown"}, True),
        ({"state": "failed"}, False),
        ({"state": "cancelled"}, False),
        ({"state": "expired"}, False),
        ({"state": "expired", "said_paid": True}, True),
    ],
)
def test_the_balance_says_what_more_is_on_its_way(
    services: Services, phone: Callable[[str], Phone], changes: dict[str, object], is_told: bool
) -> None:
    caller = phone(CALLER)
    join(caller)
    assert "on its way" not in balance(caller)
    caller.dial("50")
    caller.answer("1")
    with services.sessions.begin() as session:
        session.execute(update(Contribution).values(**changes))
    assert ("KES 50 more is on its way" in balance(caller)) is is_told
    with services.sessions.begin() as session:
        session.execute(update(Contribution).values(requested_at=services.clock.now() - timedelta(hours=25)))
    assert "on its way" not in balance(caller)


def test_money_that_has_arrived_is_on_its_way_no_more(
    services: Services, phone: Callable[[str], Phone]
) -> None:
    caller = phone(CALLER)
    join(caller)
    caller.dial("50")
    caller.answer("1")
    paid_by_hand(services, CALLER)
    with services.sessions.begin() as session:
        receipt_id = session.scalar(select(Receipt.id))
        session.execute(update(Contribution).values(state="paid", said_paid=True, receipt_id=receipt_id))
    assert "on its way" not in balance(caller)


def number_of(services: Services, number: str) -> str:
    with services.sessions() as session:
        member = services.members.by_phone(session, PhoneNumber(number))
    assert member is not None
    return member.number.digits


def test_whose_number_it_is_is_told_for_so_many_numbers_a_day(
    services: Services, phone: Callable[[str], Phone]
) -> None:
    caller = phone(CALLER)
    join(caller)
    numbers = [MemberNumber.of_serial(serial).digits for serial in range(900, 901 + NUMBERS_PER_DAY_MAX)]
    caller.dial()
    for typed in ("1", "5", "3"):
        caller.answer(typed)
    for number in (*numbers[:-1], numbers[0]):
        assert "We know no member" in caller.answer(number)
    refused = caller.answer(numbers[-1])
    assert "all the numbers you can try today" in refused
    assert "Type the member number" in refused
    assert "We know no member" in caller.answer(numbers[0])
    # Neither the same post again nor dialling anew gives more of them.
    caller.dial()
    for typed in ("1", "5", "3"):
        caller.answer(typed)
    assert "all the numbers you can try today" in caller.answer(number_of(services, CALLER))
    with services.sessions.begin() as session:
        yesterday = NumberLookUpRow.day - 1
        session.execute(update(NumberLookUpRow).values(day=yesterday))
    assert "That is your own number" in caller.answer(number_of(services, CALLER))
