"""Providers that are away for a while: members save all the while, nothing is lost, nothing comes twice."""

from collections import defaultdict

from tests.end_to_end.phones import new_member
from tests.end_to_end.stack import Stack
from tests.end_to_end.waiting import wait_for

ROUNDS = 4
MEMBERS = 5


def test_while_the_fund_is_away_members_save_and_afterwards_all_is_posted_in_order(stack: Stack) -> None:
    members = [new_member(stack) for _ in range(MEMBERS)]
    stack.fault("stk", auto=True)
    stack.fault("fund", outage=True)
    before = stack.sandbox("GET", "/fund/total")["count"]
    for turn in range(1, ROUNDS + 1):
        if turn == ROUNDS // 2:
            # Away in another way: it answers, and wrongly.
            stack.fault("fund", http_status=500)
        for phone, _ in members:
            phone.save(30 * turn)
        for phone, _ in members:
            phone.wait_for_sms(f"received KES {30 * turn}, ", f"Your savings: KES {15 * turn * (turn + 1)} ")
    assert stack.sandbox("GET", "/fund/total")["count"] == before
    assert all(request["status"] >= 500 for request in stack.sandbox("GET", "/requests", to="fund")[-5:])

    stack.no_faults()
    wait_for(
        lambda: (
            stack.sandbox("GET", "/fund/total")["count"] == before + MEMBERS * ROUNDS and stack.is_at_rest()
        ),
        "everything to be posted",
        seconds=150,
        otherwise=stack.explain,
    )
    posted = defaultdict(list)
    for record in stack.sandbox("GET", "/fund/contributions"):
        assert record["deliveries"] == 1
        posted[record["member_identifier"][0]["identifier_value"]].append(record["amount"])
    for _, number in members:
        assert posted[number] == ["30.00", "60.00", "90.00", "120.00"]
    proof = stack.proof()
    assert proof["acknowledged"] == proof["posted"]
    # Others on this stack may have given money back: the fund no longer counts it.
    assert proof["acknowledged"] - proof["corrected"] == stack.sandbox("GET", "/fund/total")["count"]
    assert proof["postings_sum_cents"] == proof["unknown"] == 0


def test_while_no_sms_can_be_sent_nothing_is_lost_and_each_is_sent_once_afterwards(stack: Stack) -> None:
    phone, _ = new_member(stack, "sw")
    phone.wait_for_sms("Karibu")
    stack.fault("sms", outage=True)
    phone.dial("90")
    phone.answer("1")
    assert phone.pay()["code"] == 0
    wait_for(
        lambda: any(request["status"] == 503 for request in stack.sandbox("GET", "/requests", to="sms")),
        "a try to send",
    )
    assert "KES 90 " in phone.balance()
    assert not [text for text in phone.sms() if "KES 90" in text]
    stack.no_faults()
    phone.wait_for_sms("tumepokea KES 90", seconds=120)
    stack.wait_for_rest()
    assert len([text for text in phone.sms() if "KES 90" in text]) == 1
