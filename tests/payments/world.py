"""A small world for the payment rooms: members, a clock, a wallet, a registry and the real task runner."""

import uuid
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select, update

from core import outbox
from core.clock import FundCalendar
from core.database import Sessions, make_sessions, vault_of
from core.ids import new_id
from core.outbox import Handler, Later, OutboxRow, Task
from core.phone import PhoneNumber
from members.indexes import MemberIndexes
from members.model import NATIONAL_ID, Status
from members.notices import PHONE_PLACE
from members.numbers import MemberNumber, NationalId
from members.tables import MemberRow
from payments.alerts.service import open_alerts
from payments.alerts.watching import Lookout
from payments.asking import Asking
from payments.balance_asking import BalanceAsking
from payments.batch_intake import BatchIntake
from payments.claims.answering import ClaimAnswering, ClaimLooking
from payments.contributions import service as contributions
from payments.contributions.model import Requested, RequestOutcome, Terms
from payments.contributions.tables import Contribution
from payments.evidence import service as evidence
from payments.evidence.tables import EvidenceVerdict
from payments.hashed_payers import HashedPayers
from payments.intake import Intake
from payments.ledger.proof import Proof, proof
from payments.looking_again import LookingAgain
from payments.model import Channel, EvidenceChannel
from payments.order_results import reference_of
from payments.posting import Posting
from payments.prompting import Prompting
from payments.pulling import Pulling
from payments.receipts.tables import Receipt
from payments.reconciliation.service import Reconciling, reconcile
from payments.refunds.refunding import DecidedRefunds, Refunding, RefundWishes
from payments.registry_postings.corrections import Correcting
from payments.schemes.rules import scheme_on
from payments.telling import BalanceTelling
from payments.unnamed_payers import UnnamedPayers
from payments.wallets.choosing import Wallets
from payments.wallets.protocol import Wallet
from payments.way_telling import WayTelling
from tests.payments.scripted_payouts import ScriptedPayouts
from tests.payments.scripted_registry import ScriptedRegistry
from tests.payments.scripted_wallet import SHORTCODE, ScriptedWallet, SteppedClock
from workers.handling import TaskRunner
from workers.topics import TOPICS, jobs_of

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PULL_DELAY = timedelta(seconds=3)
HOOKS = "https://kibaba.example/hooks/secret"
_TURNS_MAX = 500


class World:
    """Everything the payment rooms need, on a real database."""

    def __init__(self, engine: Engine) -> None:
        self.sessions: Sessions = make_sessions(engine)
        self.clock = SteppedClock(START)
        self.calendar = FundCalendar(ZoneInfo("Africa/Nairobi"))

        def in_use() -> int:
            return int(engine.pool.checkedout())  # type: ignore[attr-defined]

        self.wallet = ScriptedWallet(self.clock.now, in_use)
        self.registry = ScriptedRegistry(in_use)
        # Shared by all use cases below: a wallet put in here is known to every one.
        wallets: dict[str, Wallet] = {self.wallet.name: self.wallet}
        self.wallets = wallets
        self.payouts = ScriptedPayouts(self.wallet, in_use)
        payouts = {self.wallet.name: self.payouts}
        self.intake = Intake(self.sessions, wallets, self.clock, pull_delay=PULL_DELAY, payouts=payouts)
        self.prompting = Prompting(
            self.sessions,
            wallets,
            self.clock,
            callback_base=HOOKS,
            description="Savings",
        )
        self.asking = Asking(self.sessions, wallets, self.clock, pull_delay=PULL_DELAY)
        self.pulling = Pulling(self.sessions, wallets, self.clock, pull_delay=PULL_DELAY)
        self.posting = Posting(self.sessions, self.registry, self.clock, self.calendar, read_back_seconds=1.0)
        self.reconciling = Reconciling(
            self.sessions, self.clock, self.calendar, free_up_to=lambda _wallet, _day: 0
        )
        house = Wallets.only("mpesa", SHORTCODE)
        self.terms = Terms(house, scheme_on("KE", START.date()), timedelta(seconds=3))
        handlers: dict[str, Handler] = {
            **dict.fromkeys(TOPICS, _sent),
            "prompt": self.prompting.run,
            "ask": self.asking.run,
            "evidence": self.intake.run,
            "pull": self.pulling.run,
            "post": self.posting.run,
            "reconcile": self.reconciling.run,
            "correct": Correcting(
                self.sessions, self.registry, self.clock, self.calendar, read_back_seconds=1.0
            ).run,
            "balance": BalanceTelling(self.sessions, self.clock, currency="KES").run,
            "where": WayTelling(self.sessions, self.clock).run,
            "claim": ClaimAnswering(self.sessions, self.clock).run,
            "claim_again": ClaimLooking(self.sessions, self.clock).run,
            "unnamed_payer": UnnamedPayers(self.sessions, self.clock).run,
            "look_again": LookingAgain(self.sessions, self.clock).run,
            "hashed_payer": HashedPayers(self.sessions, self.clock).run,
            "refund": Refunding(self.sessions, payouts, self.clock, hooks=HOOKS).run,
            "refund_wish": RefundWishes(self.sessions, self.clock).run,
            "refunds": DecidedRefunds(self.sessions, self.clock).run,
            "wallet_balance": BalanceAsking(self.sessions, payouts, self.clock, hooks=HOOKS).run,
        }
        self.batch_intake = BatchIntake(self.sessions, wallets, self.clock, pull_delay=PULL_DELAY)
        batches = {"evidence": self.batch_intake.run}
        self.runner = TaskRunner(self.sessions, self.clock, handlers, TOPICS, batches)
        self._serial = 0

    def member(self, status: Status = Status.ACTIVE, national_id: str = "") -> MemberRow:
        """A member with a number, a phone and an ID of their own."""
        self._serial += 1
        phone = PhoneNumber(f"+2547120000{self._serial:02d}")
        identifier = NationalId.parse(national_id or f"2345{self._serial:04d}")
        with self.sessions.begin() as session:
            indexes = MemberIndexes(vault_of(session))
            row = MemberRow(
                id=new_id(),
                number=MemberNumber.of_serial(self._serial).digits,
                status=status,
                language="en",
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

    def ask_to_save(
        self, member: MemberRow, amount_cents: int = 5000, key: str | None = None
    ) -> RequestOutcome:
        with self.sessions.begin() as session:
            return contributions.request(
                session,
                self.terms,
                key=key or uuid.uuid4().hex,
                member_id=member.id,
                phone=PhoneNumber(member.phone),
                amount_cents=amount_cents,
                channel=Channel.USSD,
                now=self.clock.now(),
            )

    def prompted(self, member: MemberRow, amount_cents: int = 5000) -> tuple[uuid.UUID, str]:
        """A contribution whose prompt is on the phone, and the wallet's name for it."""
        outcome = self.ask_to_save(member, amount_cents)
        assert isinstance(outcome, Requested), outcome
        self.clock.forward(seconds=3)
        self.work("prompt")
        return outcome.contribution_id, list(self.wallet.prompts)[-1]

    def alerts(self, lookout: Lookout) -> set[str]:
        """What is wrong when the look-out looks now."""
        lookout.run(Task(uuid.uuid4(), "alerts", "k", {}, 1, START))
        with self.sessions.begin() as session:
            return {alert.kind for alert in open_alerts(session)}

    def tell(
        self, channel: EvidenceChannel, body: str, reference: str = "", wallet: str = "mpesa"
    ) -> uuid.UUID:
        """A message arrives at our hook."""
        with self.sessions.begin() as session:
            return evidence.store(
                session,
                channel=channel,
                wallet=wallet,
                body=body,
                now=self.clock.now(),
                reference=reference,
            )

    def call_back(self, body: str, contribution_id: uuid.UUID | str = "") -> uuid.UUID:
        return self.tell(EvidenceChannel.STK_CALLBACK, body, str(contribution_id))

    def confirm(self, body: str) -> uuid.UUID:
        return self.tell(EvidenceChannel.C2B_CONFIRMATION, body)

    def hear_of_orders(self, *, as_timeouts: bool = False) -> list[uuid.UUID]:
        """What the wallet has to say about our orders arrives."""
        news, self.payouts.news = self.payouts.news, []
        channel = EvidenceChannel.ORDER_TIMEOUT if as_timeouts else EvidenceChannel.ORDER_RESULT
        return [self.tell(channel, body, reference_of(kind, order)) for kind, order, body, _ in news]

    def write(self, topic: str, member: MemberRow, code: str = "") -> None:
        """A member asks something by SMS."""
        self.add_task(topic, {"member_id": str(member.id)} | ({"code": code} if code else {}))
        self.work(topic)

    def say_yes(self, phone: PhoneNumber, code: str) -> None:
        """The phone that paid says, by SMS, that the number typed is right."""
        with self.sessions.begin() as session:
            sealed = vault_of(session).seal(PHONE_PLACE, phone.e164)
        self.add_task("claim", {"phone_sealed": sealed, "language": "sw", "code": code})
        self.work("claim")

    def add_task(self, topic: str, payload: dict[str, str]) -> None:
        with self.sessions.begin() as session:
            outbox.add(session, topic, uuid.uuid4().hex, payload, now=self.clock.now())

    def work(self, *topics: str) -> None:
        """Work every task that is due now, of these topics or of all, until none is."""
        for _ in range(_TURNS_MAX):
            with self.sessions.begin() as session:
                due = session.scalars(
                    select(OutboxRow.id)
                    .where(OutboxRow.state == "pending", OutboxRow.due_at <= self.clock.now())
                    .where(OutboxRow.topic.in_(topics) if topics else OutboxRow.topic.is_not(None))
                )
                wanted = set(due)
                ready = [
                    task
                    for task in outbox.hand_out(session, now=self.clock.now(), seconds=0, limit=200)
                    if task[0] in wanted
                ]
            if not ready:
                return
            for ids, topic in jobs_of(ready):
                self.runner.run_all(ids, topic)
        raise AssertionError("work never ends")

    def pull(self) -> None:
        """The wallet's list is read, as it is every few minutes; also where it could not be a moment ago."""
        with self.sessions.begin() as session:
            waiting = update(OutboxRow).where(OutboxRow.topic == "pull", OutboxRow.state == "pending")
            session.execute(waiting.values(due_at=self.clock.now()))
        self.add_task("pull", {"wallet": self.wallet.name, "shortcode": SHORTCODE})
        self.work("pull")

    def settle(self, minutes: int = 20, step_seconds: int = 10) -> None:
        """Let time pass, working what falls due."""
        for _ in range(minutes * 60 // step_seconds):
            self.work()
            self.clock.forward(seconds=step_seconds)
        self.work()

    def contribution(self, contribution_id: uuid.UUID) -> Contribution:
        with self.sessions.begin() as session:
            return session.get_one(Contribution, contribution_id)

    def receipts(self) -> list[Receipt]:
        with self.sessions.begin() as session:
            return list(session.scalars(select(Receipt).order_by(Receipt.receipt)))

    def verdict(self, evidence_id: uuid.UUID) -> str:
        with self.sessions.begin() as session:
            return session.get_one(EvidenceVerdict, evidence_id).verdict

    def tasks(self, topic: str) -> list[OutboxRow]:
        with self.sessions.begin() as session:
            return list(
                session.scalars(select(OutboxRow).where(OutboxRow.topic == topic).order_by(OutboxRow.id))
            )

    def messages(self) -> list[str]:
        """The templates of every message queued, in order."""
        return [task.payload["template"] for task in self.tasks("message")]

    def proof(self) -> Proof:
        with self.sessions.begin() as session:
            return proof(session)

    def reconcile(self, day: date | None = None) -> uuid.UUID:
        """The first day compared, or another one."""
        with self.sessions.begin() as session:
            return reconcile(
                session,
                self.calendar,
                wallet="mpesa",
                shortcode=SHORTCODE,
                day=day or self.calendar.day_of(START),
                now=self.clock.now(),
            )

    def task(self, row: OutboxRow, attempt: int = 1) -> Task:
        return Task(row.id, row.topic, row.key, row.payload, attempt, row.created_at)


def _sent(_: Task) -> Later | None:
    return None
