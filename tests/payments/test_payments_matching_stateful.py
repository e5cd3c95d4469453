"""Matching in any order of evidence: never against what is known, the same in the end, nothing lost."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine

from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.receipts.tables import Receipt
from payments.suspense.model import NotPossible, Place
from payments.suspense.places import Standing, move
from payments.wallet_lines.asking import ask_for_pull
from tests.databases import empty
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.world import World

MEMBERS = 3
KINDS = ("number", "number", "number", "national ID", "blank", "word")


@dataclass
class Paid:
    """One payment as the model knows it; numbers are those of members, None is a stranger or nobody."""

    body: str
    kind: str
    named: int | None
    payer: int | None


class Matching(RuleBasedStateMachine):
    """People pay; messages are late, doubled, hidden; the list comes and goes; staff decide."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        empty(self.engine.url)
        self.engine.dispose()
        self.world = World(self.engine)
        self.members: list[MemberRow] = [self.world.member() for _ in range(MEMBERS)]
        self.paid: dict[str, Paid] = {}
        self.unheard: list[str] = []
        # What staff decided last, and for whom they ever said that somebody's phone had paid.
        self.decided: dict[str, int | None] = {}
        self.chosen: set[tuple[int, int]] = set()

    @rule(
        payer=st.sampled_from([*range(MEMBERS), None]),
        named=st.integers(0, MEMBERS - 1),
        kind=st.sampled_from(KINDS),
        shown=st.sampled_from(["hash", "plain", "mask", "mask", "nothing"]),
    )
    def pay(self, payer: int | None, named: int, kind: str, shown: str) -> None:
        # Each stranger pays once, so that no habit of theirs is to be reckoned with.
        phone = PhoneNumber(
            f"+25473300{900 + len(self.paid):04d}" if payer is None else self.members[payer].phone
        )
        typed = {
            "number": self.members[named].number,
            "national ID": self.members[named].identifier,
            "blank": "AKIBA",
            "word": "MAMA MBOGA",
        }[kind]
        hidden = {
            "hash": {"payer_hash": phone.wallet_hash},
            "plain": {"payer": phone.e164},
            "mask": {"payer_mask": f"2547*****{phone.e164[-3:]}"},
            "nothing": {"payer_name": "WANJIKU"},
        }[shown]
        body = self.world.wallet.pay_by_hand(phone, 5000, typed, **hidden)
        receipt = self.world.wallet.lines[-1].receipt
        points = named if kind in {"number", "national ID"} else None
        self.paid[receipt] = Paid(body, kind, points, payer)
        self.unheard.append(receipt)

    @precondition(lambda self: self.unheard)
    @rule(data=st.data(), copies=st.integers(0, 2))
    def hear(self, data: st.DataObject, copies: int) -> None:
        receipt = self.unheard.pop(data.draw(st.integers(0, len(self.unheard) - 1)))
        for _ in range(copies):
            self.world.confirm(self.paid[receipt].body)

    @precondition(lambda self: self.paid)
    @rule(data=st.data())
    def hear_again(self, data: st.DataObject) -> None:
        self.world.confirm(self.paid[data.draw(st.sampled_from(sorted(self.paid)))].body)

    @rule()
    def understand(self) -> None:
        self.world.work("evidence")

    @rule(seconds=st.sampled_from([10, 60, 660, 3600]))
    def work(self, seconds: int) -> None:
        """The list is read, what waits for it is decided, the registry is told."""
        self.world.clock.forward(seconds=seconds)
        self.world.work()

    @rule(down=st.booleans())
    def switch_list(self, *, down: bool) -> None:
        self.world.wallet.is_down = down

    @rule(data=st.data(), member=st.sampled_from([*range(MEMBERS), None]))
    def staff_decide(self, data: st.DataObject, member: int | None) -> None:
        receipts = self.world.receipts()
        if not receipts:
            return
        receipt = data.draw(st.sampled_from(receipts))
        to = Standing(Place.SUSPENSE)
        if member is not None:
            to = Standing(Place.MEMBER, self.members[member].id)
        key, now = f"staff:{len(self.decided)}:{now_of(self.world)}:{receipt.receipt}", self.world.clock.now()
        self.world.clock.forward(seconds=1)
        try:
            with self.world.sessions.begin() as session:
                move(session, session.get_one(Receipt, receipt.id), to, key=key, corrects=None, now=now)
        except NotPossible:
            return
        self.decided[receipt.receipt] = member
        payer = self.paid[receipt.receipt].payer
        if member is not None and payer is not None:
            self.chosen.add((payer, member))

    @invariant()
    def nothing_is_credited_against_the_evidence(self) -> None:
        for receipt in self.world.receipts():
            paid, owner = self.paid[receipt.receipt], self._owner(receipt)
            if receipt.receipt in self.decided:
                assert owner == self.decided[receipt.receipt], "a message moved what staff decided"
            elif owner is not None:
                assert owner in {paid.named, paid.payer}, "credited to somebody nothing speaks for"
                others = {paid.named, paid.payer} - {owner, None}
                assert not others or self._is_meant(paid.payer, owner), f"a guess: {paid}"
                assert paid.payer is not None, f"a stranger's number was believed: {paid}"

    @invariant()
    def the_books_hold_each_payment_once(self) -> None:
        proof, receipts = self.world.proof(), self.world.receipts()
        assert proof.holds
        assert len({receipt.receipt for receipt in receipts}) == len(receipts)
        assert {receipt.receipt for receipt in receipts} <= self.paid.keys()
        assert proof.credited_cents + proof.suspense_cents == 5000 * len(receipts)

    def teardown(self) -> None:
        """When everything was heard, the list has been read and time has passed: whose is what."""
        self.world.wallet.is_down = False
        for receipt in self.unheard:
            self.world.confirm(self.paid[receipt].body)
        # As every hour: where no message came of any payment, only the list knows of them.
        with self.world.sessions.begin() as session:
            ask_for_pull(session, "mpesa", SHORTCODE, delay=timedelta(), now=self.world.clock.now())
        self.world.settle(minutes=15, step_seconds=60)
        self.nothing_is_credited_against_the_evidence()
        self.the_books_hold_each_payment_once()
        receipts = {receipt.receipt: receipt for receipt in self.world.receipts()}
        assert receipts.keys() == self.paid.keys(), "a payment was lost"
        for name, paid in self.paid.items():
            if name not in self.decided:
                owners = self._may_own(paid)
                assert self._owner(receipts[name]) in owners, f"{paid} may be {owners}'s"

    def _owner(self, receipt: Receipt) -> int | None:
        ids = [member.id for member in self.members]
        return None if receipt.member_id is None else ids.index(receipt.member_id)

    def _may_own(self, paid: Paid) -> set[int | None]:
        """Whose a payment ends up to be. More than one only where what a phone paid before decides."""
        if paid.named is None or paid.payer is None:
            return {None}
        if paid.payer == paid.named:
            return {paid.named}
        return {None, paid.named} if self._is_meant(paid.payer, paid.named) else {None}

    def _is_meant(self, payer: int | None, named: int) -> bool:
        """Whether this phone is known to pay for this member: staff said so, or its number came twice."""
        kinds = [one.kind for one in self.paid.values() if (one.payer, one.named) == (payer, named)]
        return (payer, named) in self.chosen or (len(kinds) > 1 and "number" in kinds)


def now_of(world: World) -> str:
    return world.clock.now().isoformat()


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_whose_money_it_is_does_not_depend_on_the_order_of_evidence(engine: Engine) -> None:
    machine = type("MatchingHere", (Matching,), {"engine": engine})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
