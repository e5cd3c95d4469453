"""Hand payments whose owners are known: most are matched, none wrongly, and suspense suggests the owner."""

from bench.hand_payments import Truths
from bench.matching import Tally, judge, pay
from core.database import Sessions, vault_of
from members.indexes import MemberIndexes

# As many payments of each member as the full set has.
PAYMENTS, MEMBERS, SEED = 500, 150, 20261122


def test_a_small_truth_set_is_matched_without_one_wrong_credit(sessions: Sessions) -> None:
    truths = Truths(SEED)
    with sessions.begin() as session:
        truths.make_people(MEMBERS, MemberIndexes(vault_of(session)))
        session.add_all(person.row for person in truths.people)
    made = list(truths.payments(PAYMENTS))
    pay(sessions, made)
    total = Tally()
    with sessions() as session:
        for tally in judge(session, made).values():
            total.add(tally)
    assert (total.payments, total.wrong) == (PAYMENTS, 0)
    # In so small a set more of it is the beginning, when no phone is known yet.
    assert total.matched >= 0.93 * PAYMENTS
    assert total.among_three >= 0.9 * total.suspense
