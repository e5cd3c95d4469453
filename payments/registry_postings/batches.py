"""Batches of postings: who is in one, what each record says, and what became of it."""

import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Row,
    String,
    Uuid,
    any_,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from core import outbox
from core.clock import FundCalendar
from core.ids import new_id
from core.money import Money
from core.outbox import OutboxRow
from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.contributions.tables import Contribution
from payments.model import PostingState
from payments.particulars import Particulars
from payments.receipts.tables import Receipt
from payments.registry_postings.model import ContributionRecord
from payments.registry_postings.service import queue_members
from payments.registry_postings.tables import RegistryPosting
from payments.wallet_lines.tables import StoredLine
from payments.wallets.protocol import LineKind

TOPIC = "post"
EVENT_TOPIC = "dci_event"
OVER = (PostingState.ACKNOWLEDGED, PostingState.REJECTED)
_ERROR_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class Prepared:
    """One posting of a batch, ready to be told. `may_be_there`: it was told before, whatever came of it."""

    receipt_id: uuid.UUID
    record: ContributionRecord
    may_be_there: bool
    told_at: datetime | None
    posted_at: datetime | None

    @property
    def reference_id(self) -> uuid.UUID:
        return self.record.reference_id


def form(
    session: Session, task_id: uuid.UUID, receipt_id: uuid.UUID, *, limit: int, now: datetime
) -> uuid.UUID | None:
    """The batch that a task is to work: the one it formed before, or one of all that waits in the lane.

    None when the receipt is over or in a batch that another task is at work on.
    """
    own = session.get(RegistryPosting, receipt_id, with_for_update=True)
    if own is None:
        return None
    if own.transaction_id is not None:
        # Finished tasks are put back by staff; then this one works the receipt's old batch again.
        return None if _another_works(session, own.transaction_id, task_id) else own.transaction_id
    if own.state in OVER:
        return None
    _join_those_just_confirmed(session, own.lane, limit=limit, now=now)
    waiting = session.scalars(
        select(RegistryPosting.receipt_id)
        .where(
            RegistryPosting.lane == own.lane,
            RegistryPosting.transaction_id.is_(None),
            RegistryPosting.state == PostingState.PENDING,
        )
        .order_by(RegistryPosting.paid_at, RegistryPosting.receipt_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    taken = list(dict.fromkeys([*waiting, receipt_id]))
    batch_id = task_id
    if _is_used(session, task_id):
        # It was put back, and led a batch before: the registry and who subscribed know that one.
        batch_id = new_id()
        set_apart(session, task_id, now=now)
    set_all(session, taken, transaction_id=batch_id)
    outbox.finish_keys(session, TOPIC, [str(taken_id) for taken_id in taken], but=task_id, now=now)
    payload = {"transaction_id": str(batch_id), "led_by": str(task_id)}
    outbox.add(session, EVENT_TOPIC, _announced(batch_id), payload, now=now)
    return batch_id


def _is_used(session: Session, batch_id: uuid.UUID) -> bool:
    told = exists().where(RegistryPosting.transaction_id == batch_id)
    announced = exists().where(OutboxRow.topic == EVENT_TOPIC, OutboxRow.key == _announced(batch_id))
    return bool(session.scalar(select(or_(told, announced))))


def _another_works(session: Session, batch_id: uuid.UUID, task_id: uuid.UUID) -> bool:
    """Whether the task that formed this batch is another one, and not over with it."""
    if batch_id == task_id:
        return False
    announced = session.scalar(
        select(OutboxRow.payload).where(OutboxRow.topic == EVENT_TOPIC, OutboxRow.key == _announced(batch_id))
    )
    leader_id = uuid.UUID((announced or {}).get("led_by", str(batch_id)))
    leader = session.get(OutboxRow, leader_id)
    if leader is None or leader_id == task_id or leader.state != "pending":
        return False
    # One that was put back may be to form another.
    led = session.get(RegistryPosting, uuid.UUID(leader.payload["receipt_id"]))
    return led is not None and led.transaction_id == batch_id


def _announced(batch_id: uuid.UUID) -> str:
    return f"contributions:{batch_id}"


def set_apart(session: Session, transaction_id: uuid.UUID, *, now: datetime) -> None:
    """Have what is left of a batch looked for by a task of its own, in no order."""
    key, payload = _apart(transaction_id), {"transaction_id": str(transaction_id)}
    if not outbox.add(session, TOPIC, key, payload, now=now):
        # It was left before, and what was told again since is left once more.
        outbox.put_back(session, TOPIC, key, now=now)


def read_sooner(session: Session, reference_id: str, *, now: datetime) -> None:
    """Have the batch of a record looked for at once, whoever works it; of others' records nothing happens."""
    try:
        of_record = RegistryPosting.reference_id == uuid.UUID(reference_id)
    except ValueError:
        return
    batch_id = session.scalar(select(RegistryPosting.transaction_id).where(of_record))
    if batch_id is not None:
        inside = select(RegistryPosting.receipt_id).where(RegistryPosting.transaction_id == batch_id)
        keys = [str(receipt_id) for receipt_id in session.scalars(inside)]
        outbox.wake(session, TOPIC, [*keys, _apart(batch_id)], now=now)


def _apart(batch_id: uuid.UUID) -> str:
    return f"apart:{batch_id}"


def prepare(session: Session, transaction_id: uuid.UUID, calendar: FundCalendar) -> list[Prepared]:
    """What of a batch is not over, oldest first. What was reversed before it was told is over now."""
    rows = session.execute(
        select(
            *(RegistryPosting.receipt_id, RegistryPosting.reference_id, RegistryPosting.attempts),
            *(RegistryPosting.told_at, RegistryPosting.posted_at, Receipt.reversed_at, Receipt.particulars),
            *(Receipt.amount_cents, Receipt.currency, Receipt.paid_at, Receipt.receipt),
            *(Receipt.wallet, Receipt.shortcode, MemberRow.number, Contribution.period),
            Receipt.member_id.label("owner_id"),
        )
        .outerjoin(Contribution, Contribution.receipt_id == RegistryPosting.receipt_id)
        .where(
            RegistryPosting.transaction_id == transaction_id,
            RegistryPosting.state.not_in(OVER),
            Receipt.id == RegistryPosting.receipt_id,
            MemberRow.id == RegistryPosting.member_id,
        )
        .order_by(RegistryPosting.paid_at, RegistryPosting.receipt_id)
    ).all()
    reversed_ids = [row.receipt_id for row in rows if _is_void(row)]
    if reversed_ids:
        reject(session, reversed_ids, "reversed before it was posted")
    payers = _payers(session, rows)
    return [
        Prepared(
            row.receipt_id,
            _record(row, transaction_id, payers.get(row.receipt_id), calendar),
            may_be_there=row.attempts > 0,
            told_at=row.told_at,
            posted_at=row.posted_at,
        )
        for row in rows
        if not _is_void(row)
    ]


def _join_those_just_confirmed(session: Session, lane: int, *, limit: int, now: datetime) -> None:
    """Queue what else is confirmed of the members whose turn it is.

    A payment may be confirmed while the transaction that queues an earlier one of the same member is still
    open: here that one is waited for, so that it does not come to the registry after the later.
    """
    members = session.scalars(
        select(RegistryPosting.member_id)
        .where(
            RegistryPosting.lane == lane,
            RegistryPosting.transaction_id.is_(None),
            RegistryPosting.state == PostingState.PENDING,
        )
        .order_by(RegistryPosting.paid_at, RegistryPosting.receipt_id)
        .limit(limit)
    ).all()
    queue_members(session, set(members), now=now)


def count_attempt(session: Session, receipt_ids: Collection[uuid.UUID], now: datetime) -> None:
    """Counted before the call: after a crash they are read back first."""
    set_all(session, receipt_ids, attempts=RegistryPosting.attempts + 1, told_at=now)


def mark_posted(
    session: Session, receipt_ids: Collection[uuid.UUID], correlation_id: str, now: datetime
) -> None:
    """The registry has taken them, which proves nothing yet."""
    set_all(
        session,
        receipt_ids,
        state=PostingState.POSTED,
        posted_at=func.coalesce(RegistryPosting.posted_at, now),
        correlation_id=correlation_id,
        last_error="",
    )


def note_taken(session: Session, receipt_ids: Collection[uuid.UUID], now: datetime) -> None:
    """They are there, whether or not the registry's word for it arrived."""
    set_all(
        session,
        receipt_ids,
        state=PostingState.POSTED,
        posted_at=func.coalesce(RegistryPosting.posted_at, now),
    )


def acknowledge(session: Session, receipt_ids: Collection[uuid.UUID], now: datetime) -> None:
    """They were read back as they were told."""
    amount = select(Receipt.amount_cents).where(Receipt.id == RegistryPosting.receipt_id).scalar_subquery()
    set_all(
        session,
        receipt_ids,
        state=PostingState.ACKNOWLEDGED,
        posted_at=func.coalesce(RegistryPosting.posted_at, now),
        acknowledged_at=now,
        read_back_amount_cents=amount,
        last_error="",
    )


def reject(session: Session, receipt_ids: Collection[uuid.UUID], why: str, **more: object) -> None:
    """For staff to decide, with the registry's words."""
    set_all(
        session,
        receipt_ids,
        state=PostingState.REJECTED,
        last_error=why[:_ERROR_CHARACTERS_MAX],
        **more,
    )


def note_trouble(session: Session, receipt_ids: Collection[uuid.UUID], why: str) -> None:
    """What stands between these and the registry now."""
    set_all(session, receipt_ids, last_error=why[:_ERROR_CHARACTERS_MAX])


def set_all(session: Session, receipt_ids: Collection[uuid.UUID], **values: object) -> None:
    """One statement for the whole batch."""
    if receipt_ids:
        session.execute(
            update(RegistryPosting)
            .where(RegistryPosting.receipt_id == any_(_array(receipt_ids)))
            .values(**values)
            .execution_options(synchronize_session=False)
        )


def _array(ids: Collection[uuid.UUID]) -> ColumnElement[Any]:
    # One array rather than hundreds of parameters: the statement stays the same and small. Written by us,
    # because the driver writes five hundred ids one by one.
    return cast(literal("{" + ",".join(map(str, ids)) + "}", String), ARRAY(Uuid))


def _is_void(row: Row[*tuple[Any, ...]]) -> bool:
    """Taken back, by the wallet or by a refund, before anyone was told."""
    return row.attempts == 0 and (row.reversed_at is not None or row.owner_id is None)


def _record(
    row: Row[*tuple[Any, ...]], transaction_id: uuid.UUID, payer: PhoneNumber | None, calendar: FundCalendar
) -> ContributionRecord:
    return ContributionRecord(
        reference_id=row.reference_id,
        transaction_id=transaction_id,
        member_number=row.number,
        amount=Money(row.amount_cents, row.currency),
        paid_at=row.paid_at,
        period=row.period or f"{calendar.day_of(row.paid_at):%Y-%m}",
        wallet=row.wallet,
        receipt=row.receipt,
        payer=payer,
    )


def _payers(session: Session, rows: Sequence[Row[*tuple[Any, ...]]]) -> dict[uuid.UUID, PhoneNumber]:
    named = {row.receipt_id: Particulars.from_json(row.particulars).payer for row in rows}
    hidden = {
        (row.wallet, row.shortcode, row.receipt): row.receipt_id for row in rows if not named[row.receipt_id]
    }
    # A confirmation may have hidden the payer; the wallet's own list names them.
    for line in _credit_lines(session, list(hidden)):
        payer = Particulars.from_json(line.particulars).payer
        if payer:
            named[hidden[line.wallet, line.shortcode, line.receipt]] = payer
    return {receipt_id: PhoneNumber(payer) for receipt_id, payer in named.items() if payer}


def _credit_lines(session: Session, receipts: Sequence[tuple[str, str, str]]) -> Iterator[StoredLine]:
    if not receipts:
        return iter(())
    accounts = {(wallet, shortcode) for wallet, shortcode, _ in receipts}
    numbers = literal([receipt for _, _, receipt in receipts], ARRAY(String))
    query = select(StoredLine).where(
        tuple_(StoredLine.wallet, StoredLine.shortcode).in_(accounts),
        StoredLine.receipt == any_(numbers),
        StoredLine.kind == LineKind.CREDIT,
    )
    wanted = set(receipts)
    return (line for line in session.scalars(query) if (line.wallet, line.shortcode, line.receipt) in wanted)
