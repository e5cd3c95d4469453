"""Whatever happens to messages and workers, in whatever order: no shilling is lost, doubled or invented."""

import json
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from core.phone import PhoneNumber
from payments.contributions.model import Requested
from payments.wallets.protocol import Rejected, Unknown
from tests.databases import empty
from tests.payments.world import World

STRANGER = PhoneNumber("+254733000111")


class Killed(BaseException):
    """A worker's end between two writes."""


class Assassin:
    """Kills at the nth commit from now, before or after it took effect."""

    def __init__(self, sessions: Any) -> None:
        self.countdown = 0
        self.after = False
        event.listen(sessions, "before_commit", self._before)
        event.listen(sessions, "after_commit", self._after)

    def _before(self, _: Session) -> None:
        self._strike(after=False)

    def _after(self, _: Session) -> None:
        self._strike(after=True)

    def _strike(self, *, after: bool) -> None:
        if self.countdown and self.after == after:
            self.countdown -= 1
            if not self.countdown:
                raise Killed


class Money(RuleBasedStateMachine):
    """Members, prompts, hand payments; callbacks lost, doubled, late and forged; workers killed anywhere."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        empty(self.engine.url)
        self.engine.dispose()
        self.world = World(self.engine)
        self.assassin = Assassin(self.world.sessions)
        self.members = [self.world.member() for _ in range(3)]
        self.undelivered: list[tuple[str, str, str]] = []

    @initialize()
    def begin(self) -> None:
        self.forged = 0

    @rule(member=st.integers(0, 2), cents=st.sampled_from([5000, 7000]))
    def ask_to_save(self, member: int, cents: int) -> None:
        outcome = self.world.ask_to_save(self.members[member], cents)
        if isinstance(outcome, Requested):
            self.world.clock.forward(seconds=3)

    @rule(
        outcome=st.sampled_from(
            [Unknown("timeout"), Rejected("busy", "busy", retry_seconds=10), Rejected("no", "no")]
        )
    )
    def script(self, outcome: Any) -> None:
        self.world.wallet.outcomes.append(outcome)

    @rule(data=st.data(), code=st.sampled_from(["0", "0", "0", "1", "1032", "1037"]))
    def end_a_prompt(self, data: st.DataObject, code: str) -> None:
        prompts = [prompt for prompt in self.world.wallet.prompts.values() if prompt.code in {None, "1037"}]
        if not prompts:
            return
        prompt = data.draw(st.sampled_from(prompts))
        body = self.world.wallet.end(prompt.checkout_id, code)
        copies = data.draw(st.integers(0, 2))
        reference = str(prompt.request.contribution_id) if data.draw(st.booleans()) else ""
        self.undelivered += [("callback", body, reference)] * copies
        if code == "0" and data.draw(st.booleans()):
            hidden = data.draw(st.sampled_from([{}, {"payer_mask": "2547 ***** 001"}]))
            confirmation = self.world.wallet.confirmation_of(prompt.checkout_id, **hidden)
            self.undelivered.append(("confirmation", confirmation, ""))

    @rule(
        payer=st.sampled_from([0, 1, 2, None]),
        account=st.sampled_from([0, 1, 2, "", "WRONG"]),
        cents=st.sampled_from([5000, 7000]),
        copies=st.integers(0, 2),
    )
    def pay_by_hand(self, payer: int | None, account: int | str, cents: int, copies: int) -> None:
        phone = STRANGER if payer is None else PhoneNumber(self.members[payer].phone)
        typed = self.members[account].number if isinstance(account, int) else account
        body = self.world.wallet.pay_by_hand(phone, cents, typed)
        self.undelivered += [("confirmation", body, "")] * copies

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        if not self.undelivered:
            return
        # Any of them, so that order is not kept.
        kind, body, reference = self.undelivered.pop(data.draw(st.integers(0, len(self.undelivered) - 1)))
        self._deliver(kind, body, reference)

    @rule(data=st.data())
    def forge(self, data: st.DataObject) -> None:
        self.forged += 1
        checkout_id = data.draw(st.sampled_from(["ws_CO_invented", *self.world.wallet.prompts]))
        receipt = f"FORGED{self.forged:04d}"
        body = {"checkout_id": checkout_id, "code": "0", "receipt": receipt, "amount_cents": 999900}
        self._deliver("callback", json.dumps(body), "")

    @rule(seconds=st.sampled_from([1, 10, 60, 400]))
    def pass_time(self, seconds: int) -> None:
        self.world.clock.forward(seconds=seconds)

    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        taken = {line.linked_receipt for line in self.world.wallet.lines}
        left = [line.receipt for line in self.world.wallet.lines if not line.linked_receipt]
        if choices := [receipt for receipt in left if receipt not in taken]:
            self.world.wallet.take_back(data.draw(st.sampled_from(choices)))

    @rule(down=st.booleans())
    def switch_wallet(self, *, down: bool) -> None:
        self.world.wallet.is_down = down

    @rule(down=st.booleans())
    def switch_registry(self, *, down: bool) -> None:
        self.world.registry.is_down = down

    @rule()
    def work(self) -> None:
        self.world.work()

    @rule(commits=st.integers(1, 12), after=st.booleans())
    def work_and_be_killed(self, commits: int, *, after: bool) -> None:
        self.assassin.countdown, self.assassin.after = commits, after
        with suppress(Killed):
            self.world.work()
        self.assassin.countdown = 0

    def _deliver(self, kind: str, body: str, reference: str) -> None:
        if kind == "callback":
            self.world.call_back(body, reference)
        else:
            self.world.confirm(body)

    @invariant()
    def the_books_balance(self) -> None:
        proof = self.world.proof()
        assert proof.holds
        truth = {line.receipt for line in self.world.wallet.lines}
        receipts = self.world.receipts()
        assert {receipt.receipt for receipt in receipts} <= truth, "a receipt the wallet does not know"
        assert len(receipts) == len({receipt.receipt for receipt in receipts})
        requests = [request.contribution_id for request in self.world.wallet.requests]
        sent = [prompt.request.contribution_id for prompt in self.world.wallet.prompts.values()]
        assert len(sent) == len(set(sent)), f"a prompt was on the phone twice: {requests}"

    def teardown(self) -> None:
        """At rest: credited, suspense and refunded are what the wallet holds; nothing is unknown."""
        world = self.world
        world.wallet.is_down = world.registry.is_down = False
        world.wallet.outcomes.clear()
        for prompt in list(world.wallet.prompts.values()):
            if prompt.code is None:
                world.wallet.end(prompt.checkout_id, "1032")
        world.settle(minutes=12, step_seconds=20)
        world.clock.forward(hours=1)
        world.confirm(world.wallet.pay_by_hand(STRANGER, 5000, "the last one asks for a full list"))
        world.settle(minutes=12, step_seconds=20)
        proof = world.proof()
        assert proof.holds
        assert proof.unknown == 0
        assert proof.credited_cents + proof.suspense_cents + proof.refunded_cents == world.wallet.holds_cents
        with world.sessions.begin() as session:
            told = session.execute(text(_TOLD)).all()
            paid = session.execute(text(_PAID_WITHOUT_RECEIPT)).all()
            untold = session.execute(text(_UNPOSTED)).all()
        assert all(count == 1 for _, count in told), told
        assert paid == []
        assert untold == []
        # Which of two wishes of one phone and amount a late answer without a message was to, nobody can tell.
        paid_wishes: Counter[tuple[str, int]] = Counter()
        answered: Counter[tuple[str, int]] = Counter()
        for prompt in world.wallet.prompts.values():
            alike = (prompt.request.phone.e164, prompt.request.amount.amount_cents)
            paid_wishes[alike] += world.contribution(prompt.request.contribution_id).state == "paid"
            answered[alike] += prompt.receipt is not None
        assert {alike: count for alike, count in answered.items() if paid_wishes[alike] < count} == {}
        posted = [record.reference_id for record in world.registry.stored.values()]
        assert len(posted) == len(set(posted)) == proof.acknowledged + proof.corrected
        assert world.registry.counts_cents == proof.credited_cents


_TOLD = """
SELECT r.id, count(o.id) FROM receipts r
LEFT JOIN outbox o ON o.topic = 'message' AND o.key = 'receipt:' || r.id
WHERE r.member_id IS NOT NULL GROUP BY r.id
"""
_PAID_WITHOUT_RECEIPT = """
SELECT id FROM contributions WHERE (state = 'paid') <> (receipt_id IS NOT NULL)
   OR state IN ('requested', 'prompting', 'prompted', 'unknown')
"""
_UNPOSTED = """
SELECT r.id FROM receipts r LEFT JOIN registry_postings p ON p.receipt_id = r.id
WHERE r.member_id IS NOT NULL AND r.reversed_at IS NULL AND p.state IS DISTINCT FROM 'acknowledged'
"""


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_no_shilling_is_lost_doubled_or_invented(engine: Engine) -> None:
    machine = type("MoneyHere", (Money,), {"engine": engine})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
