"""A realistic day for pages to show: 44 payments on their way, differences of most kinds, work for staff."""

import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from core import outbox
from core.ids import new_id
from core.money import Money
from core.outbox import OutboxRow
from core.phone import PhoneNumber
from dashboard.services import Services
from members.model import NATIONAL_ID, PhoneChangeState, Purpose, Status
from members.numbers import MemberNumber, NationalId
from members.tables import ConsentRow, MemberRow, PhoneChangeRow
from payments.contributions.tables import Contribution, ContributionEvent
from payments.evidence.tables import Evidence, EvidenceVerdict
from payments.model import BreakClass, EvidenceChannel, MatchStep, PostingState, Verdict
from payments.particulars import Particulars
from payments.payers import payer_index
from payments.receipts.model import Arrival, Owner
from payments.receipts.service import record
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break, ReconciliationRun
from payments.registry_postings.tables import RegistryPosting
from payments.wallet_lines.tables import PullRun, StoredLine
from payments.wallets.protocol import LineKind

_NAMES = ("W***** M****", "A**** O*****", "J*** K*******", "F***** N****", "P**** W*****", "M*** A*****")
_AMOUNTS = (50, 50, 50, 100, 100, 150, 200, 200, 250, 300, 500, 1000, 1250)
_WHYS = {
    "requested": "asked by ussd",
    "prompting": "sending",
    "prompted": "accepted",
    "unknown": "no answer yet",
}
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


@dataclass
class Day:
    """What was put in. `secrets` are the phone numbers and IDs that no masked page may hold."""

    members: list[uuid.UUID] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    phones: list[PhoneNumber] = field(default_factory=list)
    identifiers: list[str] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    breaks: dict[str, uuid.UUID] = field(default_factory=dict)
    wish: uuid.UUID | None = None
    change: uuid.UUID | None = None
    dead_task: uuid.UUID | None = None

    @property
    def secrets(self) -> list[str]:
        return [phone.e164[4:] for phone in self.phones] + self.identifiers


def seed(session: Session, parts: Services, *, members: int = 14, payments: int = 44) -> Day:
    """Fill the fund's current day."""
    return _Seeder(session, parts).run(members, payments)


class _Seeder:
    def __init__(self, session: Session, parts: Services) -> None:
        self.session = session
        self.parts = parts
        self.now = parts.clock.now()
        self.start = parts.calendar.bounds(parts.calendar.day_of(self.now))[0]
        self.chance = random.Random(20261122)  # noqa: S311 -- receipts of a test, the same every time
        self.run_id = new_id()
        self.day = Day()

    def run(self, members: int, payments: int) -> Day:
        for serial in range(1, members + 1):
            self.member(serial)
        span = (self.now - self.start).total_seconds() - 3600
        for place in range(payments):
            self.payment(place, self.start + timedelta(seconds=3000 + span * place / payments))
        self.session.flush()
        self.settle_outbox()
        self.differences()
        self.unknown_wish()
        self.changes()
        self.dead_row()
        self.pulls()
        self.run_of_the_day()
        return self.day

    def member(self, serial: int) -> None:
        phone = PhoneNumber.parse(f"07{12_345_678 + serial * 1_317:08d}")
        digits = str(22_113_300 + serial * 7_919)
        number = MemberNumber.of_serial(1_200 + serial)
        indexes = self.parts.members.indexes
        joined_at = self.now - timedelta(days=40 - serial, hours=serial)
        status = {3: Status.PENDING_VERIFICATION, 5: Status.NEEDS_REVIEW}.get(serial, Status.ACTIVE)
        row = MemberRow(
            id=new_id(),
            number=number.digits,
            status=status,
            language="sw" if serial % 2 else "en",
            phone=phone.e164,
            phone_index=indexes.phone(phone),
            wallet_hash_index=indexes.wallet_hash(phone.wallet_hash),
            identifier_type=NATIONAL_ID,
            identifier=digits,
            identifier_index=indexes.identifier(NationalId.parse(digits)),
            masked_name=_NAMES[serial % len(_NAMES)],
            name_confirmed=True,
            join_key=f"join-{serial}",
            joined_at=joined_at,
        )
        self.session.add(row)
        self.session.flush()
        for purpose, given in ((Purpose.SAVING, True), (Purpose.REMINDERS, serial % 3 > 0)):
            consent = ConsentRow(
                member_id=row.id,
                purpose=purpose,
                given=given,
                notice_version="2026-11",
                language=row.language,
                channel="ussd",
                at=joined_at,
            )
            self.session.add(consent)
        self.day.members.append(row.id)
        self.day.numbers.append(number.digits)
        self.day.phones.append(phone)
        self.day.identifiers.append(digits)

    def payment(self, place: int, paid_at: datetime) -> None:
        """Most come by a prompt, some by hand; how far each came depends on its place."""
        who = place % len(self.day.members)
        in_suspense = place in {17, 39}
        phone = PhoneNumber.parse(f"07{99_000_000 + place:08d}") if in_suspense else self.day.phones[who]
        by_prompt = place % 3 > 0 and not in_suspense
        owner = Owner(self.day.members[who], MatchStep.PROMPT if by_prompt else MatchStep.MEMBER_NUMBER)
        if in_suspense:
            owner = Owner(None, MatchStep.SUSPENSE, "no member has this number")
            self.day.phones.append(phone)
        arrival = Arrival(
            wallet=self.parts.wallet,
            shortcode=self.parts.shortcode,
            receipt="SKM" + "".join(self.chance.choices(_ALPHABET, k=7)),
            amount=Money(self.chance.choice(_AMOUNTS) * 100),
            paid_at=paid_at,
            source=EvidenceChannel.STK_CALLBACK if by_prompt else EvidenceChannel.C2B_CONFIRMATION,
            account="" if by_prompt else ("41O0045" if in_suspense else self.day.numbers[who]),
            payer=phone,
        )
        told_at = paid_at + timedelta(seconds=4)
        receipt = record(self.session, arrival, owner, pull_delay=timedelta(seconds=3), now=told_at).receipt
        self.day.receipts.append(receipt)
        wish = self.wish(receipt, phone, who) if by_prompt else None
        self.message(receipt, arrival.source, Verdict.SUSPENSE if in_suspense else Verdict.CREDITED, wish)
        if place not in {22, 36}:
            shown = receipt.amount_cents + (5_000 if place == 28 else 0)
            self.line(receipt, shown, paid_at + timedelta(minutes=3))
        if not in_suspense and place not in {22, 28, 36, 41, 42, 43}:
            self.posting(receipt, acknowledged=place not in {33, 37, 40})

    def wish(self, receipt: Receipt, phone: PhoneNumber, who: int) -> Contribution:
        asked_at = receipt.paid_at - timedelta(seconds=31)
        wish = Contribution(
            id=new_id(),
            key=f"hop-{receipt.receipt}",
            member_id=self.day.members[who],
            phone=phone.e164,
            payer_index=payer_index(self.session, phone),
            wallet=receipt.wallet,
            shortcode=receipt.shortcode,
            amount_cents=receipt.amount_cents,
            currency=receipt.currency,
            channel="ussd",
            state="paid",
            checkout_id=f"ws_CO_{receipt.receipt}",
            receipt_id=receipt.id,
            requested_at=asked_at,
            prompted_at=asked_at + timedelta(seconds=4),
            finished_at=receipt.recorded_at,
        )
        self.session.add(wish)
        self.session.flush()
        self.events(wish, ("requested", 0), ("prompting", 3), ("prompted", 4), ("paid", 35))
        return wish

    def events(self, wish: Contribution, *steps: tuple[str, int]) -> None:
        for state, seconds in steps:
            at = wish.requested_at + timedelta(seconds=seconds)
            why = _WHYS.get(state, "")
            self.session.add(ContributionEvent(contribution_id=wish.id, state=state, at=at, why=why))
            self.session.flush()

    def message(
        self,
        receipt: Receipt,
        channel: str,
        verdict: str,
        wish: Contribution | None,
        cents: int | None = None,
    ) -> None:
        kept = Evidence(
            id=new_id(), channel=channel, wallet=receipt.wallet, body="{}", received_at=receipt.recorded_at
        )
        self.session.add(kept)
        self.session.flush()
        meaning = EvidenceVerdict(
            evidence_id=kept.id,
            verdict=verdict,
            receipt_id=receipt.id,
            contribution_id=wish.id if wish else None,
            receipt=receipt.receipt,
            amount_cents=cents or receipt.amount_cents,
            payer_masked=Particulars.from_json(receipt.particulars).payer_masked,
            at=receipt.recorded_at + timedelta(seconds=1),
        )
        self.session.add(meaning)

    def line(self, receipt: Receipt, cents: int, seen_at: datetime) -> None:
        self.session.add(
            StoredLine(
                wallet=receipt.wallet,
                shortcode=receipt.shortcode,
                row_key=receipt.receipt,
                receipt=receipt.receipt,
                kind=LineKind.CREDIT,
                amount_cents=cents,
                currency="KES",
                particulars=receipt.particulars,
                source="pull",
                at=receipt.paid_at,
                seen_at=seen_at,
            )
        )

    def posting(self, receipt: Receipt, *, acknowledged: bool) -> None:
        posted_at = receipt.paid_at + timedelta(minutes=4)
        posting = self.session.get(RegistryPosting, receipt.id) or RegistryPosting(
            receipt_id=receipt.id,
            member_id=receipt.member_id,
            reference_id=receipt.id,
            transaction_id=new_id(),
            paid_at=receipt.paid_at,
            created_at=posted_at,
        )
        posting.state = PostingState.ACKNOWLEDGED if acknowledged else PostingState.POSTED
        posting.posted_at = posted_at
        if acknowledged:
            posting.acknowledged_at = posted_at + timedelta(seconds=2)
            posting.read_back_amount_cents = receipt.amount_cents
        self.session.add(posting)

    def settle_outbox(self) -> None:
        """All tasks so far are done but the last few."""
        self.session.execute(
            update(OutboxRow)
            .where(OutboxRow.topic.in_(("post", "pull", "message")))
            .values(state="done", finished_at=self.now, created_at=self.now)
        )
        for place in (41, 42, 43):
            payload = {"receipt_id": str(self.day.receipts[place].id)}
            outbox.add(self.session, "post", f"again-{place}", payload, now=self.now)
        self.session.execute(
            update(OutboxRow)
            .where(OutboxRow.state == "pending")
            .values(created_at=self.now - timedelta(minutes=20))
        )

    def differences(self) -> None:
        seen = self.now - timedelta(minutes=44)
        for place, kind in (
            (22, BreakClass.NOT_ON_STATEMENT),
            (36, BreakClass.NOT_ON_STATEMENT),
            (28, BreakClass.AMOUNT_DIFFERS),
            (17, BreakClass.SUSPENSE),
            (39, BreakClass.SUSPENSE),
            (41, BreakClass.NOT_POSTED),
            (42, BreakClass.NOT_POSTED),
            (43, BreakClass.NOT_POSTED),
            (33, BreakClass.NOT_ACKNOWLEDGED),
            (37, BreakClass.NOT_ACKNOWLEDGED),
            (40, BreakClass.NOT_ACKNOWLEDGED),
        ):
            receipt = self.day.receipts[place]
            other = receipt.amount_cents + 5_000 if kind is BreakClass.AMOUNT_DIFFERS else None
            self.difference(kind, receipt.receipt, receipt, receipt.amount_cents, other, seen)
        self.difference(BreakClass.NOT_IN_LEDGER, "SKM9PLQ2XA", None, None, 20_000, seen)
        resolved = self.difference(
            BreakClass.NOT_POSTED,
            self.day.receipts[2].receipt,
            self.day.receipts[2],
            self.day.receipts[2].amount_cents,
            None,
            self.now - timedelta(hours=5),
        )
        resolved.state, resolved.resolution = "resolved", "posted and read back"
        resolved.resolved_at = self.now - timedelta(hours=4)

    def difference(
        self,
        kind: BreakClass,
        subject: str,
        receipt: Receipt | None,
        cents: int | None,
        other_cents: int | None,
        seen: datetime,
    ) -> Break:
        row = Break(
            id=new_id(),
            wallet=self.parts.wallet,
            shortcode=self.parts.shortcode,
            day=self.parts.calendar.day_of(self.now),
            break_class=kind,
            subject=subject,
            state="open",
            run_id=self.run_id,
            amount_cents=cents,
            other_amount_cents=other_cents,
            receipt_id=receipt.id if receipt else None,
            first_seen=seen,
            last_seen=self.now - timedelta(minutes=6),
        )
        self.session.add(row)
        self.session.flush()
        self.day.breaks.setdefault(kind, row.id)
        return row

    def unknown_wish(self) -> None:
        wish = Contribution(
            id=new_id(),
            key="hop-unknown",
            member_id=self.day.members[0],
            phone=self.day.phones[0].e164,
            payer_index=payer_index(self.session, self.day.phones[0]),
            wallet=self.parts.wallet,
            shortcode=self.parts.shortcode,
            amount_cents=15_000,
            currency="KES",
            channel="ussd",
            state="unknown",
            checkout_id="ws_CO_unknown",
            requested_at=self.now - timedelta(minutes=52),
        )
        self.session.add(wish)
        self.session.flush()
        self.events(wish, ("requested", 0), ("prompting", 3), ("prompted", 4), ("unknown", 330))
        row = self.difference(
            BreakClass.UNKNOWN_OUTCOME, str(wish.id), None, 15_000, None, self.now - timedelta(minutes=44)
        )
        row.contribution_id = wish.id
        self.day.wish = wish.id

    def changes(self) -> None:
        for place, (state, doubt) in enumerate(
            ((PhoneChangeState.STAFF, "facts"), (PhoneChangeState.WAITING, ""))
        ):
            new_phone = PhoneNumber.parse(f"0733{450_123 + place:06d}")
            indexes = self.parts.members.indexes
            change = PhoneChangeRow(
                id=new_id(),
                key=f"change-{place}",
                member_id=self.day.members[place],
                old_phone=self.day.phones[place].e164,
                old_phone_index=indexes.phone(self.day.phones[place]),
                new_phone=new_phone.e164,
                new_phone_index=indexes.phone(new_phone),
                state=state,
                doubt=doubt,
                requested_at=self.now - timedelta(hours=5 + place),
                due_at=self.now + timedelta(hours=19),
            )
            self.session.add(change)
            self.session.flush()
            self.day.phones.append(new_phone)
            self.day.change = self.day.change or change.id

    def dead_row(self) -> None:
        at = self.now - timedelta(hours=2)
        outbox.add(self.session, "message", "receipt:given-up", {"template": "receipt"}, now=at)
        row = self.session.query(OutboxRow).filter_by(topic="message", key="receipt:given-up").one()
        row.state, row.finished_at, row.attempts, row.failures = "dead", at, 6, 6
        row.last_error = f"UserInBlacklist for {self.day.phones[3].wire}"
        self.day.dead_task = row.id

    def pulls(self) -> None:
        for hours, complete in ((0, True), (1, False), (2, True)):
            at = self.now - timedelta(hours=hours, minutes=9)
            self.session.add(
                PullRun(
                    id=new_id(),
                    wallet=self.parts.wallet,
                    shortcode=self.parts.shortcode,
                    window_start=at - timedelta(hours=2),
                    window_end=at,
                    complete=complete,
                    pages=1 if complete else 0,
                    lines=12 - hours if complete else 0,
                    error="" if complete else "the wallet answered 503",
                    finished_at=at,
                )
            )

    def run_of_the_day(self) -> None:
        money = sum(receipt.amount_cents for receipt in self.day.receipts)
        missing = sum(self.day.receipts[place].amount_cents for place in (22, 36))
        self.session.add(
            ReconciliationRun(
                id=self.run_id,
                wallet=self.parts.wallet,
                shortcode=self.parts.shortcode,
                day=self.parts.calendar.day_of(self.now),
                at=self.now - timedelta(minutes=6),
                received=44,
                received_cents=money,
                confirmed=41,
                confirmed_cents=money - missing,
                posted=38,
                posted_cents=0,
                acknowledged=35,
                acknowledged_cents=0,
                wallet_lines=43,
                wallet_in_cents=money - missing + 5_000 + 20_000,
                wallet_out_cents=0,
                breaks_open=13,
                breaks_found=1,
                breaks_resolved=1,
            )
        )
