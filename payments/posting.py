"""Telling the central registry of confirmed receipts, in batches, and believing only what it gives back."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.orm import Session

from core.clock import Clock, FundCalendar
from core.database import Sessions
from core.outbox import Later, Task
from payments.registry_postings import batches
from payments.registry_postings.batches import Prepared
from payments.registry_postings.model import (
    Booking,
    CentralRegistry,
    Found,
    Refused,
    StoredRecord,
    Unavailable,
    Unclear,
)

BATCH_MAX = 500
# Short, so that an outage drains soon after its end.
_PAUSE_SECONDS_MAX = 60.0
# What was taken but is not there after this long was lost, and is told again under the same ids.
_TELL_AGAIN_AFTER = timedelta(seconds=10)
# What is missing for longer waits in a task of its own, so that it does not hold up its lane.
_SET_APART_AFTER = timedelta(minutes=2)
_AT_ONCE_SECONDS = 0.1
_CORRELATION_CHARACTERS_MAX = 100


class Posting:
    """Handles `post` tasks, one batch at a time in each lane.

    A task names one receipt and takes with it all that wait in the same lane; its own id is that of
    the first batch it forms. `read_back_seconds`: when a post is looked for.
    """

    def __init__(
        self,
        sessions: Sessions,
        registry: CentralRegistry,
        clock: Clock,
        calendar: FundCalendar,
        *,
        read_back_seconds: float,
        batch_max: int = BATCH_MAX,
    ) -> None:
        self._sessions = sessions
        self._registry = registry
        self._clock = clock
        self._calendar = calendar
        self._read_back_seconds = read_back_seconds
        self._batch_max = batch_max

    def run(self, task: Task) -> Later | None:
        """Read back what may have been posted, post what is not there, and say when to look again."""
        with self._sessions.begin() as session:
            prepared = self._prepare(session, task)
        told = [posting for posting in prepared if posting.may_be_there]
        trouble: Unclear | Unavailable | None
        if told:
            # No transaction is open during the calls.
            prepared, trouble = self._read_back(prepared, told)
            if trouble is not None:
                return self._pause(task, prepared, trouble)
        if not prepared:
            return None
        now = self._clock.now()
        due = [
            posting
            for posting in prepared
            if posting.told_at is None
            or posting.posted_at is None
            or now - posting.told_at >= _TELL_AGAIN_AFTER
        ]
        if due:
            trouble = self._tell(due)
            if trouble is not None:
                return self._pause(task, prepared, trouble)
            if self._read_back_seconds <= _AT_ONCE_SECONDS:
                # What the registry shows at once needs no second task.
                prepared, trouble = self._read_back(prepared, due)
                if trouble is None and not prepared:
                    return None
        return self._look_again(task, prepared)

    def _prepare(self, session: Session, task: Task) -> list[Prepared]:
        if "transaction_id" in task.payload:
            transaction_id: uuid.UUID | None = uuid.UUID(task.payload["transaction_id"])
        else:
            receipt_id = uuid.UUID(task.payload["receipt_id"])
            transaction_id = batches.form(
                session, task.id, receipt_id, limit=self._batch_max, now=self._clock.now()
            )
        if transaction_id is None:
            return []
        return batches.prepare(session, transaction_id, self._calendar)

    def _read_back(
        self, prepared: Sequence[Prepared], told: Sequence[Prepared]
    ) -> tuple[list[Prepared], Unavailable | None]:
        """Settle what is there; returns what is left, or all with what stood in the way."""
        found = self._registry.read_back([posting.reference_id for posting in told])
        if isinstance(found, Unavailable):
            return list(prepared), found
        return self._compared(prepared, found), None

    def _compared(self, prepared: Sequence[Prepared], found: Found) -> list[Prepared]:
        """Settle what is there; returns what is not, or not decided."""
        stored: dict[uuid.UUID, list[StoredRecord]] = defaultdict(list)
        for record in found.records:
            stored[record.reference_id].append(record)
        now = self._clock.now()
        good: list[uuid.UUID] = []
        undecided: list[uuid.UUID] = []
        left: list[Prepared] = []
        with self._sessions.begin() as session:
            for posting in prepared:
                records = stored.get(posting.reference_id, [])
                if not records:
                    left.append(posting)
                elif all(record.booking is Booking.REJECTED for record in records):
                    batches.reject(session, [posting.receipt_id], "read back: the registry has rejected it")
                elif differences := _differences(posting, records):
                    why = f"read back: {', '.join(differences)} differ"
                    cents = sum(record.amount.amount_cents for record in records)
                    batches.reject(session, [posting.receipt_id], why, read_back_amount_cents=cents)
                elif records[0].booking is Booking.PENDING:
                    undecided.append(posting.receipt_id)
                    # It is there, which is as good as told just now.
                    left.append(replace(posting, told_at=now, posted_at=posting.posted_at or now))
                else:
                    good.append(posting.receipt_id)
            batches.acknowledge(session, good, now)
            batches.note_taken(session, undecided, now)
        return left

    def _tell(self, due: Sequence[Prepared]) -> Unclear | None:
        """Tell of a batch. One that is refused for its content is halved, until each culprit stands alone."""
        ids = [posting.receipt_id for posting in due]
        with self._sessions.begin() as session:
            batches.count_attempt(session, ids, self._clock.now())
        outcome = self._registry.post([posting.record for posting in due])
        if isinstance(outcome, Unclear):
            return outcome
        if isinstance(outcome, Refused):
            if len(due) > 1:
                half = len(due) // 2
                return self._tell(due[:half]) or self._tell(due[half:])
            with self._sessions.begin() as session:
                batches.reject(session, ids, f"{outcome.code} {outcome.message}")
            return None
        with self._sessions.begin() as session:
            correlation_id = outcome.correlation_id[:_CORRELATION_CHARACTERS_MAX]
            batches.mark_posted(session, ids, correlation_id, self._clock.now())
        return None

    def _look_again(self, task: Task, prepared: Sequence[Prepared]) -> Later | None:
        seconds = max(self._read_back_seconds, 0.0)
        first = [posting.posted_at for posting in prepared if posting.posted_at is not None]
        overdue = bool(first) and self._clock.now() - min(first) > _SET_APART_AFTER
        if not overdue:
            return Later(seconds, "to be read back")
        if "transaction_id" in task.payload:
            return Later(_PAUSE_SECONDS_MAX, "taken, but not there")
        with self._sessions.begin() as session:
            batches.set_apart(session, prepared[0].record.transaction_id, now=self._clock.now())
        return None

    def _pause(self, task: Task, prepared: Sequence[Prepared], trouble: Unclear | Unavailable) -> Later:
        with self._sessions.begin() as session:
            ids = [posting.receipt_id for posting in prepared]
            batches.note_trouble(session, ids, trouble.reason)
        backed_off = min(_PAUSE_SECONDS_MAX, 2.0 ** min(task.attempt, 10))
        return Later(max(backed_off, trouble.retry_seconds or 0.0), trouble.reason)


def _differences(posting: Prepared, records: Sequence[StoredRecord]) -> list[str]:
    """In what the registry holds something else than it was told, under the reference they share."""
    told = posting.record
    differences = []
    if any(stored.member_number != told.member_number for stored in records):
        differences.append("member_number")
    if any(stored.amount != told.amount for stored in records):
        differences.append("amount")
    return [*differences, "more than one record"] if len(records) > 1 else differences
