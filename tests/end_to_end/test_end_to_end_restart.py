"""Stopping, being killed, and starting again."""

from tests.end_to_end.phones import new_member
from tests.end_to_end.process_tree import marked
from tests.end_to_end.stack import Stack
from tests.end_to_end.waiting import wait_for


def test_a_restart_keeps_all_data_and_ends_work_in_flight_and_fresh_forgets(own_stack: Stack) -> None:
    stack = own_stack
    stack.start()
    (paid, paid_number), (asked, asked_number) = new_member(stack), new_member(stack)
    # One has paid, and neither the fund nor the member was told; the other has a prompt on the phone.
    for part in ("fund", "sms"):
        stack.fault(part, outage=True)
    paid.save(50)
    paid.pay()
    asked.save(70)
    asked.wait_for_prompt()
    wait_for(lambda: stack.proof()["receipts"] == 1, "the first payment")
    assert stack.stop() == 0

    stack.start()
    stack.no_faults()
    asked.pay()
    paid.wait_for_sms("received KES 50", seconds=120)
    asked.wait_for_sms("received KES 70", seconds=120)
    wait_for(
        lambda: stack.sandbox("GET", "/fund/total")["count"] == 2 and stack.is_at_rest(),
        "both to be posted",
        seconds=120,
        otherwise=stack.explain,
    )
    proof = stack.proof()
    assert (proof["members"], proof["credited_cents"], proof["acknowledged"]) == (2, 12_000, 2)
    assert proof["postings_sum_cents"] == proof["unknown"] == 0
    assert {row["account"] for row in stack.statement()} == {paid_number, asked_number}
    assert "You have saved KES 50 " in paid.balance()

    stack.kill()
    wait_for(lambda: marked(str(stack.state)) == [], "every process to end")
    stack.start("--fresh")
    proof = stack.proof()
    assert (proof["members"], proof["receipts"], proof["credited_cents"]) == (0, 0, 0)
    assert stack.statement() == []
    assert "Choose language" in paid.dial()
    assert stack.stop() == 0
