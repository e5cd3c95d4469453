"""The real services of the payment rooms around a simulated wallet and registry, on a real database."""

import uuid
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func, select

from core import outbox
from core.clock import FundCalendar
from core.database import Sessions, make_sessions, vault_of
from core.ids import new_id
from core.outbox import BatchHandler, Handler, Later, OutboxRow, Task
from core.phone import PhoneNumber
from core.schedule import Every, write_due
from members.indexes import MemberIndexes
from members.model import NATIONAL_ID, Status
from members.numbers import MemberNumber, NationalId
from members.tables import MemberRow
from operations.simulation.chance import START, Diary, VirtualClock
from operations.simulation.payouts import SimulatedPayouts
from operations.simulation.registry import SimulatedRegistry
from operations.simulation.wallet import SHORTCODE, SimulatedWallet
from payments.asking import Asking
from payments.batch_intake import BatchIntake
from payments.claims.answering import ClaimAnswering, ClaimLooking
from payments.contributions import service as contributions
from payments.contributions.model import RequestOutcome, Terms
from payments.evidence import service as evidence
from payments.hashed_payers import HashedPayers
from payments.intake import Intake
from payments.looking_again import LookingAgain
from payments.model import Channel, EvidenceChannel
from payments.posting import Posting
from payments.prompting import Prompting
from payments.pulling import Pulling
from payments.receipts.tables import Receipt
from payments.refunds.refunding import DecidedRefunds, Refunding, RefundWishes
from payments.registry_postings.corrections import Correcting
from payments.schemes.rules import scheme_on
from payments.suspense.deciding import decide
from payments.suspense.model import Act, DecisionState, NotPossible, Wish
from payments.suspense.tables import Decision
from payments.unnamed_payers import UnnamedPayers
from payments.view import is_confirmed
from payments.wallets.choosing import Wallets
from workers.handling import TaskRunner
from workers.topics import TOPICS, jobs_of

PULL_DELAY: Final = timedelta(seconds=3)
HOOKS: Final = "https://kibaba.example/hooks/secret"
_TURNS_MAX: Final = 2000
_BATCH: Final = 50
_NO_LIMIT: Final = 10**12
_ACCOUNT: Final = {"wallet": "mpesa", "shortcode": SHORTCODE}
_SCHEDULE: Final = (
    Every(3600, "pull", "pull", _ACCOUNT),
    Every(600, "refunds", "refunds"),
)


class House:
    """What one simulated fund consists of."""

    def __init__(self, engine: Engine, random: Random, clock: VirtualClock, diary: Diary) -> None:
        self.sessions: Sessions = make_sessions(engine)
        self.clock = clock
        self.wallet = SimulatedWallet(clock, random, diary)
        self.payouts = SimulatedPayouts(self.wallet)
        self.registry = SimulatedRegistry(random, diary)
        self.terms = Terms(
            Wallets.only("mpesa", SHORTCODE), scheme_on("KE", START.date()), timedelta(seconds=3)
        )
        self.runner = TaskRunner(self.sessions, clock, self._handlers(), TOPICS, self._batch_handlers())
        self._serial = 0
        self._written: dict[str, str] = {}

    def _handlers(self) -> dict[str, Handler]:
        sessions, clock = self.sessions, self.clock
        wallets, payouts = {"mpesa": self.wallet}, {"mpesa": self.payouts}
        calendar = FundCalendar(ZoneInfo("Africa/Nairobi"))
        return {
            **dict.fromkeys(TOPICS, _done),
            "prompt": Prompting(sessions, wallets, clock, callback_base=HOOKS, description="Savings").run,
            "ask": Asking(sessions, wallets, clock, pull_delay=PULL_DELAY).run,
            "evidence": Intake(sessions, wallets, clock, pull_delay=PULL_DELAY, payouts=payouts).run,
            "pull": Pulling(sessions, wallets, clock, pull_delay=PULL_DELAY).run,
            "post": Posting(sessions, self.registry, clock, calendar, read_back_seconds=1.0).run,
            "correct": Correcting(sessions, self.registry, clock, calendar, read_back_seconds=1.0).run,
            "claim": ClaimAnswering(sessions, clock).run,
            "claim_again": ClaimLooking(sessions, clock).run,
            "unnamed_payer": UnnamedPayers(sessions, clock).run,
            "look_again": LookingAgain(sessions, clock).run,
            "hashed_payer": HashedPayers(sessions, clock).run,
            "refund": Refunding(sessions, payouts, clock, hooks=HOOKS).run,
            "refund_wish": RefundWishes(sessions, clock).run,
            "refunds": DecidedRefunds(sessions, clock).run,
        }

    def _batch_handlers(self) -> dict[str, BatchHandler]:
        wallets = {"mpesa": self.wallet}
        return {"evidence": BatchIntake(self.sessions, wallets, self.clock, pull_delay=PULL_DELAY).run}

    def join(self) -> MemberRow:
        """One more member, with a number, a phone and an ID of their own."""
        self._serial += 1
        phone = PhoneNumber(f"+2547120{self._serial:05d}")
        identifier = NationalId.parse(f"2345{self._serial:04d}")
        with self.sessions.begin() as session:
            indexes = MemberIndexes(vault_of(session))
            row = MemberRow(
                id=new_id(),
                number=MemberNumber.of_serial(self._serial).digits,
                status=Status.ACTIVE,
                language="sw",
                phone=phone.e164,
                phone_index=indexes.phone(phone),
                wallet_hash_index=indexes.wallet_hash(phone.wallet_hash),
                identifier_type=NATIONAL_ID,
                identifier=identifier.digits,
                identifier_index=indexes.identifier(identifier),
                join_key=f"join-{self._serial}",
                joined_at=self.clock.now(),
            )
            session.add(row)
        return row

    def ask_to_save(self, member: MemberRow, cents: int, key: str) -> RequestOutcome:
        with self.sessions.begin() as session:
            return contributions.request(
                session,
                self.terms,
                key=key,
                member_id=member.id,
                phone=PhoneNumber(member.phone),
                amount_cents=cents,
                channel=Channel.USSD,
                now=self.clock.now(),
            )

    def tell(self, channel: EvidenceChannel, body: str, reference: str) -> uuid.UUID:
        """A message arrives at our hooks."""
        with self.sessions.begin() as session:
            return evidence.store(
                session,
                channel=channel,
                wallet="mpesa",
                body=body,
                now=self.clock.now(),
                reference=reference,
                shortcode=SHORTCODE,
            )

    def remember(self, topic: str, key: str, **payload: str) -> None:
        """A task that another room would write."""
        with self.sessions.begin() as session:
            outbox.add(session, topic, key, payload, now=self.clock.now())

    def decide(self, wish: Wish) -> bool:
        """Staff decide about money; False when it is not possible as things stand."""
        with suppress(NotPossible), self.sessions.begin() as session:
            decide(session, wish, maker="staff:simulated", limit_cents=_NO_LIMIT, now=self.clock.now())
            return True
        return False

    def money_with_its_place(self, but: Collection[str]) -> list[tuple[uuid.UUID, int]]:
        """Ids and cents of what the wallet lists and is at one member or in suspense; `but` left out."""
        query = select(Receipt.id, Receipt.amount_cents).where(
            Receipt.reversed_at.is_(None),
            func.coalesce(Receipt.staff_place, "suspense").in_(("member", "suspense")),
            Receipt.receipt.not_in(but),
            is_confirmed(),
        )
        with self.sessions.begin() as session:
            return [(row.id, row.amount_cents) for row in session.execute(query.order_by(Receipt.receipt))]

    def splits(self) -> list[tuple[uuid.UUID, uuid.UUID]]:
        """Ids of divisions that hold, with their receipts', oldest first."""
        query = select(Decision.id, Decision.receipt_id).where(
            Decision.act == Act.SPLIT, Decision.state == DecisionState.DONE
        )
        with self.sessions.begin() as session:
            found = session.execute(query.order_by(Decision.made_at, Decision.id))
            return [(row.id, row.receipt_id) for row in found if row.receipt_id is not None]

    def work(self) -> None:
        """Work whatever is due, as relay and workers do, until nothing is."""
        for _ in range(_TURNS_MAX):
            now = self.clock.now()
            with self.sessions.begin() as session:
                new = [entry for entry in _SCHEDULE if self._written.get(entry.name) != entry.key_at(now)]
                write_due(session, new, now)
                ready = outbox.hand_out(session, now=now, seconds=0, limit=_BATCH)
            # As the relay: remembered when it is committed, so that it is not asked again.
            self._written |= {entry.name: entry.key_at(now) for entry in new}
            if not ready:
                return
            for ids, topic in jobs_of(ready):
                self.runner.run_all(ids, topic)
        raise AssertionError("work never ends")

    def next_due_seconds(self) -> float | None:
        """How long until something is due; None when nothing waits but what comes round by itself."""
        with self.sessions.begin() as session:
            due_at = session.scalar(select(func.min(OutboxRow.due_at)).where(OutboxRow.state == "pending"))
        return None if due_at is None else max(0.0, (due_at - self.clock.now()).total_seconds())


def _done(_: Task) -> Later | None:
    return None
