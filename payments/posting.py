"""Telling the central registry of a confirmed receipt, and believing only what it gives back when asked."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Clock, FundCalendar
from core.database import Sessions
from core.money import Money
from core.outbox import Later, Task
from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.model import PostingState
from payments.particulars import Particulars
from payments.receipts.tables import Receipt
from payments.registry_postings.model import (
    CentralRegistry,
    ContributionRecord,
    Found,
    Refused,
    StoredRecord,
    Unavailable,
    Unclear,
)
from payments.registry_postings.tables import RegistryPosting
from payments.wallet_lines.tables import StoredLine
from payments.wallets.protocol import LineKind

# Short, so that an outage drains soon after its end.
_PAUSE_SECONDS_MAX = 60.0
# What was taken but is not there after this long was lost, and is told again under the same ids.
_TELL_AGAIN_AFTER = timedelta(seconds=10)
_ERROR_CHARACTERS_MAX = 300
_CORRELATION_CHARACTERS_MAX = 100
_OVER = (PostingState.ACKNOWLEDGED, PostingState.REJECTED)


@dataclass(frozen=True, slots=True)
class _Prepared:
    record: ContributionRecord
    may_be_there: bool
    posted_at: datetime | None


class Posting:
    """Handles `post` tasks, one at a time for each member. `read_back_seconds`: when a post is looked for."""

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
        """Read back what may have been posted, post what is not there, and say when to look again."""
        receipt_id = uuid.UUID(task.payload["receipt_id"])
        with self._sessions.begin() as session:
            prepared = self._prepare(session, receipt_id)
        if prepared is None:
            return None
        # No transaction is open during the calls.
        found = self._registry.read_back(receipt_id) if prepared.may_be_there else Found(())
        if isinstance(found, Unavailable):
            return self._pause(receipt_id, task, found.reason)
        if found.records:
            self._compare(receipt_id, prepared.record, found)
            return None
        told_at = prepared.posted_at
        if told_at is not None and self._clock.now() - told_at < _TELL_AGAIN_AFTER:
            return Later(max(1.0, self._read_back_seconds), "not there yet")
        return self._tell(receipt_id, task, prepared.record)

    def _prepare(self, session: Session, receipt_id: uuid.UUID) -> _Prepared | None:
        row = session.get(RegistryPosting, receipt_id)
        if row is None or row.state in _OVER:
            return None
        receipt = session.get_one(Receipt, receipt_id)
        if receipt.reversed_at is not None and row.attempts == 0:
            row.state = PostingState.REJECTED
            row.last_error = "reversed before it was posted"
            return None
        number = session.scalars(select(MemberRow.number).where(MemberRow.id == row.member_id)).one()
        payer = _payer_of(session, receipt)
        record = ContributionRecord(
            reference_id=row.reference_id,
            transaction_id=row.transaction_id,
            member_number=number,
            amount=Money(receipt.amount_cents, receipt.currency),
            paid_at=receipt.paid_at,
            period=f"{self._calendar.day_of(receipt.paid_at):%Y-%m}",
            wallet=receipt.wallet,
            receipt=receipt.receipt,
            payer=payer,
        )
        return _Prepared(record, row.attempts > 0, row.posted_at)

    def _tell(self, receipt_id: uuid.UUID, task: Task, record: ContributionRecord) -> Later | None:
        with self._sessions.begin() as session:
            # Counted before the call: after a crash we read back first.
            _row(session, receipt_id).attempts += 1
        outcome = self._registry.post(record)
        if isinstance(outcome, Unclear):
            return self._pause(receipt_id, task, outcome.reason)
        if isinstance(outcome, Refused):
            return self._refused(receipt_id, task, outcome)
        with self._sessions.begin() as session:
            row = _row(session, receipt_id)
            row.state = PostingState.POSTED
            row.posted_at = self._clock.now()
            row.correlation_id = outcome.correlation_id[:_CORRELATION_CHARACTERS_MAX]
            row.last_error = ""
        return Later(self._read_back_seconds, "to be read back")

    def _compare(self, receipt_id: uuid.UUID, record: ContributionRecord, found: Found) -> None:
        told = StoredRecord(record.reference_id, record.member_number, record.amount)
        differences = [
            name
            for name in ("reference_id", "member_number", "amount")
            if any(getattr(stored, name) != getattr(told, name) for stored in found.records)
        ]
        if len(found.records) > 1:
            differences.append("more than one record")
        now = self._clock.now()
        with self._sessions.begin() as session:
            row = _row(session, receipt_id)
            row.posted_at = row.posted_at or now
            row.read_back_amount_cents = sum(stored.amount.amount_cents for stored in found.records)
            row.state = PostingState.REJECTED if differences else PostingState.ACKNOWLEDGED
            row.acknowledged_at = None if differences else now
            row.last_error = f"read back: {', '.join(differences)} differ" if differences else ""

    def _refused(self, receipt_id: uuid.UUID, task: Task, refused: Refused) -> Later | None:
        why = f"{refused.code} {refused.message}"
        if not refused.permanent:
            return self._pause(receipt_id, task, why)
        with self._sessions.begin() as session:
            row = _row(session, receipt_id)
            row.state = PostingState.REJECTED
            row.last_error = why[:_ERROR_CHARACTERS_MAX]
        return None

    def _pause(self, receipt_id: uuid.UUID, task: Task, why: str) -> Later:
        with self._sessions.begin() as session:
            _row(session, receipt_id).last_error = why[:_ERROR_CHARACTERS_MAX]
        return Later(min(_PAUSE_SECONDS_MAX, 2.0 ** min(task.attempt, 10)), why)


def _row(session: Session, receipt_id: uuid.UUID) -> RegistryPosting:
    return session.get_one(RegistryPosting, receipt_id, with_for_update=True)


def _payer_of(session: Session, receipt: Receipt) -> PhoneNumber | None:
    # A confirmation may have hidden the payer; the wallet's own list names them.
    known = [Particulars.from_json(receipt.particulars).payer]
    if not known[0]:
        lines = select(StoredLine.particulars).where(
            StoredLine.wallet == receipt.wallet,
            StoredLine.shortcode == receipt.shortcode,
            StoredLine.receipt == receipt.receipt,
            StoredLine.kind == LineKind.CREDIT,
        )
        known = [Particulars.from_json(text).payer for text in session.scalars(lines)]
    return next((PhoneNumber(payer) for payer in known if payer), None)
