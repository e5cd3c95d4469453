"""Telling the central registry that what it acknowledged holds no more: one more record, which voids it."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core import outbox
from core.clock import Clock, FundCalendar
from core.database import Sessions
from core.ids import new_id
from core.money import Money
from core.outbox import Later, Task
from members.tables import MemberRow
from payments.alerts.service import AlertKind, raise_alert
from payments.contributions.tables import Contribution
from payments.model import PostingState
from payments.receipts.tables import Receipt
from payments.registry_postings.model import (
    Booking,
    CentralRegistry,
    ContributionRecord,
    Found,
    Posted,
    Refused,
    StoredRecord,
    Unavailable,
    Unclear,
)
from payments.registry_postings.tables import RegistryCorrection, RegistryPosting

TOPIC = "correct"
MERGED, SPLIT, MOVED, GIVEN_BACK = "merged", "split", "moved", "given_back"
# The money went elsewhere in this house: it is told by another reference, once it is a member's.
TOLD_ANEW = (MERGED, SPLIT, MOVED)
# The record was acknowledged when its end was decided, and its posting changed or went then.
_DECIDED_LATE = (*TOLD_ANEW, GIVEN_BACK)
_FIRST_NOT_OVER_SECONDS = 30.0
_PAUSE_SECONDS_MAX = 300.0
_ERROR_CHARACTERS_MAX = 300


class CorrectionState(StrEnum):
    """NOT_NEEDED: the registry never had the record that would be corrected."""

    PENDING = "pending"
    POSTED = "posted"
    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    NOT_NEEDED = "not_needed"


OVER = (CorrectionState.ACKNOWLEDGED, CorrectionState.REJECTED, CorrectionState.NOT_NEEDED)


def queue_correction(
    session: Session, receipt: Receipt, member_id: uuid.UUID, why: str, *, now: datetime
) -> None:
    """Remember, once, that the registry must be told that the record of this receipt is void.

    `member_id`: whose savings it is, unless the record was posted in another's name.
    """
    posting = session.get(RegistryPosting, receipt.id)
    corrects = posting.reference_id if posting else receipt.id
    row = {
        "corrects": corrects,
        "receipt_id": receipt.id,
        "reference_id": new_id(),
        "member_id": posting.member_id if posting else member_id,
        "why": why,
        "state": CorrectionState.PENDING,
        "created_at": now,
    }
    session.execute(insert(RegistryCorrection).values(row).on_conflict_do_nothing())
    outbox.add(session, TOPIC, str(corrects), {"corrects": str(corrects)}, now=now)


class Correcting:
    """Handles `correct` tasks: waits until the first record is over, tells of its end, reads that back."""

    def __init__(
        self,
        sessions: Sessions,
        registry: CentralRegistry,
        clock: Clock,
        calendar: FundCalendar,
        *,
        read_back_seconds: float,
    ) -> None:
        self._sessions = sessions
        self._registry = registry
        self._clock = clock
        self._calendar = calendar
        self._read_back_seconds = read_back_seconds

    def run(self, task: Task) -> Later | None:
        """Read back what may have been told before telling it (again); None when it is over."""
        corrects = uuid.UUID(task.payload["corrects"])
        with self._sessions.begin() as session:
            prepared = self._prepare(session, corrects)
        if not isinstance(prepared, tuple):
            return prepared
        record, was_told = prepared
        # No transaction is open during the calls.
        if was_told:
            found = self._registry.read_back([record.reference_id])
            if isinstance(found, Unavailable):
                return self._pause(task, found)
            if found.records:
                return self._compare(task, corrects, record, found)
        with self._sessions.begin() as session:
            # Counted before the call: after a crash it is read back first.
            _locked(session, corrects).attempts += 1
        outcome = self._registry.post([record])
        match outcome:
            case Unclear():
                return self._pause(task, outcome)
            case Refused():
                self._reject(corrects, f"{outcome.code} {outcome.message}")
                return None
            case Posted():
                with self._sessions.begin() as session:
                    row = _locked(session, corrects)
                    row.state, row.posted_at = CorrectionState.POSTED, row.posted_at or self._clock.now()
                return Later(max(self._read_back_seconds, 1.0), "to be read back")

    def _prepare(
        self, session: Session, corrects: uuid.UUID
    ) -> tuple[ContributionRecord, bool] | Later | None:
        row = _locked(session, corrects)
        if row.state in OVER:
            return None
        if row.why in _DECIDED_LATE:
            # The receipt's posting is by now that of another record, or none.
            return self._record(session, row), row.attempts > 0
        posting = session.get(RegistryPosting, row.receipt_id)
        if posting is None:
            row.state = CorrectionState.NOT_NEEDED
            return None
        if posting.state == PostingState.REJECTED:
            # What it never took needs no correction; what it holds otherwise is a difference already.
            row.state = CorrectionState.NOT_NEEDED
            return None
        if posting.state != PostingState.ACKNOWLEDGED:
            return Later(_FIRST_NOT_OVER_SECONDS, "the record to be corrected is not over")
        return self._record(session, row), row.attempts > 0

    def _record(self, session: Session, row: RegistryCorrection) -> ContributionRecord:
        receipt = session.get_one(Receipt, row.receipt_id)
        period = session.scalar(select(Contribution.period).where(Contribution.receipt_id == receipt.id))
        return ContributionRecord(
            reference_id=row.reference_id,
            transaction_id=row.reference_id,
            member_number=session.get_one(MemberRow, row.member_id).number,
            amount=Money(receipt.amount_cents, receipt.currency),
            paid_at=receipt.paid_at,
            period=period or f"{self._calendar.day_of(receipt.paid_at):%Y-%m}",
            wallet=receipt.wallet,
            receipt=receipt.receipt,
            corrects=row.corrects,
        )

    def _compare(
        self, task: Task, corrects: uuid.UUID, told: ContributionRecord, found: Found
    ) -> Later | None:
        if any(record.booking is Booking.PENDING for record in found.records):
            return self._pause(task, Unavailable("the registry has not decided yet"))
        wanted = StoredRecord(told.reference_id, told.member_number, told.amount)
        same = [
            StoredRecord(record.reference_id, record.member_number, record.amount) == wanted
            for record in found.records
        ]
        if same != [True]:
            self._reject(corrects, "read back: not what was told")
            return None
        with self._sessions.begin() as session:
            row, now = _locked(session, corrects), self._clock.now()
            row.state, row.acknowledged_at, row.last_error = CorrectionState.ACKNOWLEDGED, now, ""
            row.posted_at = row.posted_at or now
        return None

    def _reject(self, corrects: uuid.UUID, why: str) -> None:
        with self._sessions.begin() as session:
            row = _locked(session, corrects)
            row.state, row.last_error = CorrectionState.REJECTED, why[:_ERROR_CHARACTERS_MAX]
            receipt = session.get_one(Receipt, row.receipt_id)
            raise_alert(session, AlertKind.CORRECTION_REFUSED, receipt.receipt, why, now=self._clock.now())

    def _pause(self, task: Task, trouble: Unclear | Unavailable) -> Later:
        backed_off = min(_PAUSE_SECONDS_MAX, 2.0 ** min(task.attempt, 10))
        return Later(max(backed_off, trouble.retry_seconds or 0.0), trouble.reason)


def _locked(session: Session, corrects: uuid.UUID) -> RegistryCorrection:
    return session.get_one(RegistryCorrection, corrects, with_for_update=True, populate_existing=True)
