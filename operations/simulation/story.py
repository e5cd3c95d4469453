"""What people, the network and fate do to the house: one random act after another."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy.exc import OperationalError

from core.phone import PhoneNumber
from operations.simulation.chance import Diary, VirtualClock
from operations.simulation.crashes import Assassin, Killed
from operations.simulation.house import House
from operations.simulation.wallet import Prompt
from payments.contributions.model import Requested
from payments.model import EvidenceChannel
from payments.order_results import reference_of
from payments.suspense.model import Act, Share, Wish
from payments.wallets.payouts import OrderKind
from payments.wallets.protocol import LineKind

MEMBERS = 4
STRANGER = PhoneNumber("+254733000111")
AMOUNTS = (5000, 5000, 7000, 12000)
_DELAYS = (0, 0, 0, 5, 40, 200, 900)


@dataclass(frozen=True)
class Letter:
    """A message on its way to us."""

    due_at: datetime
    channel: EvidenceChannel
    body: str
    reference: str = ""


class Story:
    """One day of one fund, told by a seed."""

    def __init__(self, house: House, random: Random, clock: VirtualClock, diary: Diary) -> None:
        self.house = house
        self._random = random
        self._clock = clock
        self._diary = diary
        self._assassin = Assassin(house.sessions)
        self._letters: list[Letter] = []
        self._serial = 0
        self.members = [house.join() for _ in range(MEMBERS)]
        self.forged: set[str] = set()
        self._acts: list[tuple[int, str, Callable[[], None]]] = [
            (8, "save", self._save),
            (9, "answer", self._answer),
            (8, "hand", self._pay_by_hand),
            (3, "trouble", self._trouble),
            (2, "forge", self._forge),
            (2, "reverse", self._reverse),
            (2, "claim", self._claim),
            (2, "refund", self._want_back),
            (5, "divide", self._divide),
            (3, "join", self._join_again),
            (1, "settle", self._settle),
            (2, "switch", self._switch),
            (6, "time", self._pass_time),
            (5, "crash", self._crash),
        ]

    def step(self) -> None:
        """One act; then, mostly, what arrived is delivered and what is due is worked."""
        weights = [weight for weight, _, _ in self._acts]
        _, name, act = self._random.choices(self._acts, weights)[0]
        self._diary.note(f"{self._clock.now():%d %H:%M:%S} {name}")
        act()
        self._deliver()
        if self._random.random() < 0.7:  # noqa: PLR2004 -- now and then workers are slow
            self._work()
        else:
            self._diary.fault("nobody worked")
        self._collect_news()

    def come_to_rest(self) -> None:
        """Every fault ends, everything on its way arrives, and time passes until nothing is left to do."""
        house = self.house
        house.wallet.is_down = house.registry.is_down = house.wallet.breaks_pages = False
        house.registry.calm = True
        house.wallet.next_prompts.clear()
        self._assassin.rest()
        for prompt in house.wallet.prompts.values():
            if prompt.code in {None, "777"}:
                house.wallet.end(prompt, "1032")
        for round_number in range(3):
            self._quiet_hours(hours=2)
            if round_number == 0:
                # The last payment has the whole list read once more.
                receipt = house.wallet.pay_by_hand(STRANGER, 5000, "the last one")
                self._send(EvidenceChannel.C2B_CONFIRMATION, house.wallet.confirmation_of(receipt))

    def _quiet_hours(self, hours: int) -> None:
        end = self._clock.now() + timedelta(hours=hours)
        while self._clock.now() < end:
            self._deliver()
            self.house.work()
            self._collect_news(calm=True)
            waiting = [letter.due_at for letter in self._letters]
            seconds = self.house.next_due_seconds()
            pauses = [(due - self._clock.now()).total_seconds() for due in waiting]
            pauses += [] if seconds is None else [seconds]
            # Seconds, so that no wish waits long, and never less, so that time goes on.
            self._clock.forward(max(1.0, min([*pauses, 900.0])))

    def _work(self) -> None:
        try:
            self.house.work()
        except Killed:
            self._diary.fault("process killed")
        except OperationalError:
            # It was the relay's own connection: it looks again in a second.
            self._diary.fault("database connection cut")
        finally:
            self._assassin.rest()

    def _send(self, channel: EvidenceChannel, body: str, reference: str = "") -> None:
        """Once, twice or never, soon or late, and so before or after what was sent earlier."""
        copies = self._random.choice((0, 1, 1, 1, 1, 2))
        if copies != 1:
            self._diary.fault("message lost" if not copies else "message doubled")
        for _ in range(copies):
            delay = self._random.choice(_DELAYS)
            if delay:
                self._diary.fault("message late")
            self._letters.append(
                Letter(self._clock.now() + timedelta(seconds=delay), channel, body, reference)
            )

    def _deliver(self) -> None:
        due = [letter for letter in self._letters if letter.due_at <= self._clock.now()]
        self._letters = [letter for letter in self._letters if letter.due_at > self._clock.now()]
        self._random.shuffle(due)
        for letter in due:
            self.house.tell(letter.channel, letter.body, letter.reference)

    def _collect_news(self, *, calm: bool = False) -> None:
        news, self.house.payouts.news = self.house.payouts.news, []
        for each in news:
            reference = reference_of(each.kind, each.order_id)
            if not calm and each.kind is OrderKind.PAYOUT and self._random.random() < 0.3:  # noqa: PLR2004
                self._diary.fault("payout queue timed out")
                self._send(EvidenceChannel.ORDER_TIMEOUT, each.body, reference)
                continue
            self._send(EvidenceChannel.ORDER_RESULT, each.body, reference)

    def _save(self) -> None:
        self._serial += 1
        key = f"hop-{self._serial}"
        member, cents = self._random.choice(self.members), self._random.choice(AMOUNTS)
        for _ in range(self._random.choice((1, 1, 2))):
            outcome = self.house.ask_to_save(member, cents, key)
        if isinstance(outcome, Requested):
            self._clock.forward(3)

    def _trouble(self) -> None:
        fate = self._random.choice(("time-out", "time-out", "nothing", "busy", "refused"))
        self._diary.fault(f"prompt: {fate}")
        self.house.wallet.next_prompts.append(fate)

    def _answer(self) -> None:
        waiting = [each for each in self.house.wallet.prompts.values() if each.code in {None, "1037", "777"}]
        if not waiting:
            return
        prompt = self._random.choice(waiting)
        if prompt.code is not None:
            self._diary.fault("late success after failure")
        code = "0" if prompt.code else self._random.choice(("0", "0", "0", "1", "1032", "1037", "777"))
        self.house.wallet.end(prompt, code)
        self._tell_end(prompt)

    def _tell_end(self, prompt: Prompt) -> None:
        reference = str(prompt.request.contribution_id) if self._random.random() < 0.8 else ""  # noqa: PLR2004
        self._send(EvidenceChannel.STK_CALLBACK, self.house.wallet.callback_of(prompt), reference)
        if prompt.code == "0" and self._random.random() < 0.5:  # noqa: PLR2004 -- addresses registered or not
            self._diary.fault("told by STK and C2B")
            body = self.house.wallet.confirmation_of(prompt.receipt, **self._shown(prompt.request.phone))
            self._send(EvidenceChannel.C2B_CONFIRMATION, body)

    def _pay_by_hand(self) -> None:
        payer = self._random.choice([*(PhoneNumber(each.phone) for each in self.members), STRANGER])
        member = self._random.choice(self.members)
        accounts = (
            member.number,
            member.number,
            member.identifier,
            member.phone,
            "",
            "AKIBA",
            "WRONG",
            "40000",
        )
        receipt = self.house.wallet.pay_by_hand(
            payer, self._random.choice(AMOUNTS), self._random.choice(accounts)
        )
        body = self.house.wallet.confirmation_of(receipt, **self._shown(payer))
        self._send(EvidenceChannel.C2B_CONFIRMATION, body)

    def _shown(self, phone: PhoneNumber) -> dict[str, str]:
        """As version 1 hashes, as version 2 masks, in plain, or not at all."""
        return self._random.choice(
            (
                {"payer_hash": phone.wallet_hash},
                {"payer_mask": f"{phone.wire[:5]}****{phone.wire[-3:]}"},
                {"payer": phone.e164},
                {},
            )
        )

    def _forge(self) -> None:
        self._diary.fault("forgery")
        receipt = f"FORGED{len(self.forged):04d}"
        now = self._clock.now()
        checkout_id = self._random.choice(["ws_CO_invented", *self.house.wallet.prompts])
        body: dict[str, object] = {"receipt": receipt, "cents": 990000, "paid_at": now.isoformat()}
        if self._random.random() < 0.5:  # noqa: PLR2004
            body |= {"checkout_id": checkout_id, "code": "0", "payer": self.members[0].phone}
            self.house.tell(EvidenceChannel.STK_CALLBACK, json.dumps(body), "")
            return
        self.forged.add(receipt)
        body |= {"account": self._random.choice(self.members).number}
        self.house.tell(EvidenceChannel.C2B_CONFIRMATION, json.dumps(body), "")

    def _reverse(self) -> None:
        lines = [line.receipt for line in self.house.wallet.lines if line.kind is LineKind.CREDIT]
        if lines:
            self._diary.fault("reversed after credit")
            self.house.wallet.take_back(self._random.choice(lines))

    def _claim(self) -> None:
        receipt = self._some_receipt()
        if receipt:
            self._serial += 1
            member = self._random.choice(self.members)
            self.house.remember("claim", f"c{self._serial}", member_id=str(member.id), code=receipt)

    def _want_back(self) -> None:
        receipt = self._some_receipt()
        if receipt:
            self._serial += 1
            member = self._random.choice(self.members)
            self.house.remember("refund_wish", f"r{self._serial}", member_id=str(member.id), code=receipt)

    def _divide(self) -> None:
        """Staff give one payment by hand, or what was left of one, to several members."""
        asked = [prompt.receipt for prompt in self.house.wallet.prompts.values()]
        standing = self.house.money_with_its_place(asked)
        if not standing:
            return
        receipt_id, cents = self._random.choice(standing)
        members = self._random.sample(self.members, self._random.choice((1, 2, 3)))
        shares = tuple(Share(member.id, self._random.randint(1, cents // len(members))) for member in members)
        if self.house.decide(self._wish(Act.SPLIT, receipt_id, shares=shares)):
            self._diary.note(f"{len(shares)} share {cents} cents")

    def _join_again(self) -> None:
        """It was the wrong members."""
        splits = self.house.splits()
        if splits:
            decision_id, receipt_id = self._random.choice(splits)
            if self.house.decide(self._wish(Act.UNDO, receipt_id, undoes_id=decision_id)):
                self._diary.note("parts joined again")

    def _wish(self, act: Act, receipt_id: UUID, **about: Any) -> Wish:
        key = UUID(int=self._random.getrandbits(128))
        return Wish(key, act, "as the payer told us", receipt_id=receipt_id, **about)

    def _some_receipt(self) -> str:
        lines = [line.receipt for line in self.house.wallet.lines if line.kind is LineKind.CREDIT]
        return self._random.choice([*lines, *sorted(self.forged)]) if lines else ""

    def _settle(self) -> None:
        if self.house.wallet.holds_cents > AMOUNTS[0]:
            self.house.wallet.move(LineKind.SETTLEMENT, -AMOUNTS[0] // 2)
            self.house.wallet.move(LineKind.CHARGE, -2300)

    def _switch(self) -> None:
        wallet, registry = self.house.wallet, self.house.registry
        what = self._random.choice(("wallet", "registry", "pages"))
        self._diary.fault(f"outage: {what}")
        if what == "wallet":
            wallet.is_down = not wallet.is_down
        elif what == "registry":
            registry.is_down = not registry.is_down
        else:
            wallet.breaks_pages = True

    def _pass_time(self) -> None:
        self._clock.forward(self._random.choice((1, 10, 60, 400)))

    def _crash(self) -> None:
        how = self._random.choice(("before", "after", "database"))
        self._assassin.wait_for(self._random.randint(1, 12), how)
        self._deliver_in_danger()

    def _deliver_in_danger(self) -> None:
        # Work at once, so that the blow falls into it.
        with suppress(Killed):
            self._work()
