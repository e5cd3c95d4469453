"""Two memberships of one person, and what staff decide about them, for the tests of merging."""

import uuid

from core.ids import new_id
from core.phone import PhoneNumber
from members.duplicates.model import CaseState, Likeness
from members.duplicates.tables import DuplicateCaseRow
from members.tables import MemberRow
from payments.ledger.service import savings
from payments.merging.deciding import check_pair, decide_pair
from payments.merging.model import PairAct, PairWish
from payments.merging.tables import PairDecision
from tests.payments.world import START, World

WHY = "both papers were held side by side"
LIMIT_CENTS = 1_000_000
AMINA, BAKARI = "staff:amina", "staff:bakari"


class Pair:
    """One person's two memberships, each with money that the registry acknowledged, and their case."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.kept, self.closed = world.member(), world.member()
        for member, cents in ((self.kept, 5000), (self.closed, 2000), (self.closed, 3000)):
            self.pays(member, cents)
        world.settle(minutes=2)
        first_id, second_id = sorted((self.kept.id, self.closed.id))
        case = DuplicateCaseRow(
            id=new_id(),
            first_id=first_id,
            second_id=second_id,
            reasons=[Likeness.NAME_BIRTH],
            confidence=60,
            state=CaseState.OPEN,
            opened_at=START,
        )
        self.case_id = case.id
        with world.sessions.begin() as session:
            session.add(case)

    def pays(self, member: MemberRow, cents: int) -> None:
        self.world.confirm(self.world.wallet.pay_by_hand(PhoneNumber(member.phone), cents, member.number))

    def decide(
        self,
        act: PairAct = PairAct.MERGE,
        *,
        limit_cents: int = LIMIT_CENTS,
        key: uuid.UUID | None = None,
        undoes: uuid.UUID | None = None,
        reason: str = WHY,
    ) -> PairDecision:
        kept = self.kept.id if act is PairAct.MERGE else None
        wish = PairWish(key or new_id(), self.case_id, act, reason, kept_id=kept, undoes_id=undoes)
        with self.world.sessions.begin() as session:
            return decide_pair(
                session, wish, maker=AMINA, limit_cents=limit_cents, now=self.world.clock.now()
            )

    def undo(self, merge: PairDecision) -> PairDecision:
        return self.decide(PairAct.UNDO, undoes=merge.id)

    def check(self, decision: PairDecision, *, checker: str = BAKARI, approve: bool = True) -> PairDecision:
        with self.world.sessions.begin() as session:
            return check_pair(
                session,
                decision.id,
                checker=checker,
                approve=approve,
                reason=WHY,
                now=self.world.clock.now(),
            )

    def saved(self) -> tuple[int, int]:
        with self.world.sessions() as session:
            return tuple(savings(session, one.id).amount_cents for one in (self.kept, self.closed))  # type: ignore[return-value]

    def statuses(self) -> list[tuple[str, uuid.UUID | None]]:
        with self.world.sessions() as session:
            rows = [session.get_one(MemberRow, one.id) for one in (self.kept, self.closed)]
            return [(row.status, row.merged_into) for row in rows]

    def case_state(self) -> str:
        with self.world.sessions() as session:
            return session.get_one(DuplicateCaseRow, self.case_id).state

    def counted(self) -> dict[str, int]:
        """What the registry counts in each number's name: records less those made void."""
        counted: dict[str, int] = {}
        void = {record.corrects for record in self.world.registry.posts if record.corrects}
        for record in {record.reference_id: record for record in self.world.registry.posts}.values():
            if record.corrects is None and record.reference_id not in void:
                cents = counted.get(record.member_number, 0)
                counted[record.member_number] = cents + record.amount.amount_cents
        return counted
