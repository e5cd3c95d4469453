"""Claims that staff close: once, with a reason, told honestly; and what begins anew when claimed again."""

import threading
import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from core.audit import AuditEntry
from core.errors import InvalidValue
from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.claims.closing import close
from payments.claims.model import (
    AlreadyYours,
    ClaimOutcome,
    ClaimState,
    ForStaff,
    NotAClaim,
    NotKnownYet,
    Offered,
)
from payments.claims.service import CLAIMS_PER_DAY_MAX, claim, look_again, take
from payments.claims.tables import Claim
from payments.claims.view import claims_for_staff, claims_to, count_for_staff
from payments.receipts.tables import Receipt
from payments.suspense.deciding import decide
from payments.suspense.model import Act, NotPossible, Wish
from tests.databases import is_kept_waiting
from tests.end_to_end.waiting import wait_for
from tests.payments.world import World

STRANGER = PhoneNumber("+254733000111")
CODE = "SKL0000001"
BY = "staff:01a20123-ff47-74bc-bb1d-000000000000"
REASON = "called them: the code is their sister's"


def pay(world: World) -> None:
    """A stranger's payment, about which nothing speaks for anybody."""
    world.wallet.is_down = True
    world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, "shamba"))
    world.work("evidence")


def claims(world: World, member: MemberRow, code: str = CODE) -> ClaimOutcome:
    with world.sessions.begin() as session:
        return claim(session, member.id, code, now=world.clock.now())


def row_of(world: World, code: str = CODE) -> Claim:
    with world.sessions.begin() as session:
        return session.scalars(select(Claim).where(Claim.receipt == code)).one()


def closes(world: World, claim_id: uuid.UUID, reason: str = REASON) -> bool:
    with world.sessions.begin() as session:
        return close(session, claim_id, by=BY, reason=reason, now=world.clock.now())


def give(world: World, member: MemberRow, *, limit_cents: int) -> None:
    with world.sessions.begin() as session:
        wish = Wish(
            key=uuid.uuid4(),
            act=Act.MATCH,
            reason="it is theirs, they showed the SMS",
            receipt_id=session.scalars(select(Receipt.id)).one(),
            member_id=member.id,
        )
        decide(session, wish, maker=BY, limit_cents=limit_cents, now=world.clock.now())


def _looks(world: World, claim_id: uuid.UUID) -> None:
    with world.sessions.begin() as session:
        look_again(session, claim_id, now=world.clock.now(), last=False)


def _takes(world: World, claim_id: uuid.UUID) -> None:
    with world.sessions.begin() as session:
        assert take(session, claim_id, now=world.clock.now())


@pytest.mark.parametrize("act", [_looks, _takes])
def test_whoever_works_a_claim_holds_its_receipt_first(
    world: World, act: Callable[[World, uuid.UUID], None]
) -> None:
    """As staff who close it do: one of two that met the other way round would be turned away."""
    member = world.member()
    if act is _looks:
        claims(world, member)
        world.clock.forward(seconds=1)
    world.wallet.is_down = True
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, "shamba"))
    world.work("evidence")
    if act is _takes:
        assert isinstance(claims(world, member), Offered)
    row = row_of(world)
    thread = threading.Thread(target=act, args=(world, row.id))
    with world.sessions.begin() as session:
        session.scalars(select(Receipt).with_for_update()).one()
        thread.start()
        wait_for(lambda: is_kept_waiting(session), "the claim's worker to wait")
        # Raises where somebody holds it.
        session.scalars(select(Claim).where(Claim.id == row.id).with_for_update(nowait=True)).one()
    thread.join()
    assert row_of(world).state == (ClaimState.OFFERED if act is _looks else ClaimState.TAKEN)


def test_a_closed_claim_leaves_the_list_and_is_told_once(world: World) -> None:
    member = world.member()
    pay(world)
    assert isinstance(claims(world, member), ForStaff)
    before = world.messages()
    assert closes(world, row_of(world).id)
    assert not closes(world, row_of(world).id)
    with world.sessions.begin() as session:
        assert claims_for_staff(session) == []
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "claim.closed"))
        receipt_id = session.scalars(select(Receipt.id)).one()
    assert (entry.actor, entry.reason, entry.subject) == (BY, REASON, str(receipt_id))
    assert entry.details["member"] == str(member.id)
    assert row_of(world).state == ClaimState.SETTLED
    assert row_of(world).decided_at == world.clock.now()
    assert world.messages() == [*before, "claim_closed"]
    told = world.tasks("message")[-1].payload
    assert (told["member_id"], told["values"]) == (str(member.id), {"receipt": CODE})
    assert world.proof().suspense_cents == 5000


def test_a_claim_is_closed_with_a_reason_and_only_if_there_is_one(world: World) -> None:
    member = world.member()
    pay(world)
    claims(world, member)
    with pytest.raises(NotPossible) as refused:
        closes(world, row_of(world).id, "no")
    assert refused.value.why == "no_reason"
    with pytest.raises(InvalidValue):
        closes(world, uuid.uuid4())
    assert row_of(world).state == ClaimState.STAFF


def test_nobody_is_told_that_nothing_was_added_when_it_was(world: World) -> None:
    member = world.member()
    pay(world)
    claims(world, member)
    give(world, member, limit_cents=10**9)
    assert not closes(world, row_of(world).id)
    assert "claim_closed" not in world.messages()
    assert isinstance(claims(world, member), AlreadyYours)


def test_a_claim_waits_for_the_decision_that_may_give_the_money(world: World) -> None:
    member = world.member()
    pay(world)
    claims(world, member)
    give(world, member, limit_cents=0)
    with pytest.raises(NotPossible) as refused:
        closes(world, row_of(world).id)
    assert refused.value.why == "money_waits"
    assert "claim_closed" not in world.messages()


def test_who_claims_again_is_a_case_again_behind_those_who_wait(world: World) -> None:
    member, other = world.member(), world.member()
    pay(world)
    claims(world, member)
    first = row_of(world).id
    assert closes(world, first)
    world.settle(minutes=1)
    claims(world, other)
    world.settle(minutes=1)
    assert isinstance(claims(world, member), ForStaff)
    with world.sessions.begin() as session:
        assert [each.member_id for each in claims_for_staff(session)] == [other.id, member.id]
    assert closes(world, first)
    assert world.messages().count("claim_closed") == 2


def test_a_closed_claim_to_an_unknown_code_is_looked_for_again(world: World) -> None:
    member = world.member()
    claims(world, member)
    world.settle(minutes=4 * 60, step_seconds=60)
    assert closes(world, row_of(world).id)
    assert isinstance(claims(world, member), NotKnownYet)
    world.settle(minutes=4 * 60, step_seconds=60)
    assert row_of(world).state == ClaimState.STAFF
    assert world.messages() == ["claim_staff", "claim_closed", "claim_staff"]


def test_beginning_anew_counts_among_the_claims_of_the_day(world: World) -> None:
    member = world.member()
    pay(world)
    claims(world, member)
    assert closes(world, row_of(world).id)
    for number in range(1, CLAIMS_PER_DAY_MAX):
        claims(world, member, f"GUESS0000{number}")
    assert claims(world, member) == NotAClaim("too_many")
    assert row_of(world).state == ClaimState.SETTLED


def test_all_who_claim_a_payment_are_named_also_those_who_did_before_it_was_known(world: World) -> None:
    early, late, owner = world.member(), world.member(), world.member()
    claims(world, early)
    with world.sessions.begin() as session:
        session.execute(update(Claim).values(state=ClaimState.STAFF, why="no wallet lists this receipt"))
    pay(world)
    world.clock.forward(seconds=60)
    claims(world, late)
    world.clock.forward(seconds=60)
    claims(world, owner)
    give(world, owner, limit_cents=10**9)
    with world.sessions.begin() as session:
        receipt = session.scalars(select(Receipt)).one()
        assert [each.member_id for each in claims_to(session, receipt)] == [early.id, late.id]
        assert count_for_staff(session) == len(claims_for_staff(session)) == 2
        assert len(claims_for_staff(session, limit=1)) == 1
