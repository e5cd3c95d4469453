"""One of two equal payments is given back: asked by SMS, paid out by the wallet, told to the fund."""

from tests.end_to_end.phones import new_member
from tests.end_to_end.stack import Stack
from tests.end_to_end.test_end_to_end_hand_payments import pay
from tests.end_to_end.test_end_to_end_money_back import at_the_fund, wait_for_a_correction
from tests.end_to_end.waiting import wait_for


def test_one_of_two_equal_payments_is_sent_back_and_the_fund_is_told(stack: Stack) -> None:
    phone, number = new_member(stack)
    before = stack.proof()
    twice = [pay(stack, number, 90, phone.number) for _ in range(2)]
    for receipt in twice:
        phone.wait_for_sms("received KES 90", receipt)
    wait_for(stack.is_all_at_the_fund, "both at the fund", otherwise=stack.explain)
    phone.send_sms(f"REFUND {twice[1]}")
    phone.wait_for_sms("we are sending KES 90", twice[1])
    phone.wait_for_sms("was sent back to the phone that paid", twice[1])
    assert "KES 90" in phone.balance()
    after = stack.proof()
    assert after["refunded_cents"] - before["refunded_cents"] == 9000
    assert after["credited_cents"] - before["credited_cents"] == 9000
    assert after["postings_sum_cents"] == 0
    wait_for_a_correction(stack, twice[1])
    assert len(at_the_fund(stack, twice[0])) == 1
