"""A receipt that is another member's, or divided, after the registry knew it: void there, and told anew."""

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from core import outbox
from core.ids import new_id
from payments.model import PostingState
from payments.receipts.tables import Receipt
from payments.registry_postings.corrections import OVER, CorrectionState, queue_correction
from payments.registry_postings.service import lane_of
from payments.registry_postings.tables import RegistryCorrection, RegistryPosting


def restate(session: Session, receipt: Receipt, member_id: uuid.UUID, why: str, *, now: datetime) -> bool:
    """Have the registry count this receipt for `member_id`. False, and nothing done, while it is being told.

    What it acknowledged is made void in the old name and told under a new reference in the new one; what it
    was not told yet, or never took, only changes its name.
    """
    row = session.get(RegistryPosting, receipt.id, with_for_update=True, populate_existing=True)
    if row is None:
        return True
    was_told = row.state == PostingState.ACKNOWLEDGED
    if was_told:
        queue_correction(session, receipt, row.member_id, why, now=now)
        row.reference_id, row.transaction_id = new_id(), None
        row.state, row.attempts = PostingState.PENDING, 0
        row.posted_at = row.told_at = row.acknowledged_at = row.read_back_amount_cents = None
        row.correlation_id = row.last_error = ""
        row.created_at = now
    elif not is_unknown_there(row):
        return False
    row.member_id, row.lane = member_id, lane_of(member_id)
    session.flush()
    if row.state == PostingState.PENDING:
        is_due = post_again(session, receipt.id, member_id, now=now)
        if was_told and not is_due:
            _add_another_task(session, row, now=now)
    return True


def withdraw(session: Session, receipt: Receipt, why: str, *, now: datetime) -> bool:
    """Have the registry count this receipt no more. False, and nothing done, while it is being told.

    What it acknowledged is made void there; what it was not told yet, or never took, is not told.
    """
    row = session.get(RegistryPosting, receipt.id, with_for_update=True, populate_existing=True)
    if row is None:
        return True
    if _is_being_made_void(session, row):
        return False
    if row.state == PostingState.ACKNOWLEDGED:
        queue_correction(session, receipt, row.member_id, why, now=now)
    elif not is_unknown_there(row):
        return False
    session.delete(row)
    session.flush()
    return True


def make_room(session: Session, receipt: Receipt, member_id: uuid.UUID) -> bool:
    """Let a receipt that comes back to a member be told anew. False, and nothing done, while the registry is
    told that its record is void.

    A refund that failed leaves the posting of what was to be given back, with the record that makes it void.
    """
    row = session.get(RegistryPosting, receipt.id, with_for_update=True, populate_existing=True)
    if row is None:
        return True
    void = session.get(RegistryCorrection, row.reference_id, populate_existing=True)
    if void is None:
        return True
    if void.state not in OVER:
        return False
    if void.state != CorrectionState.REJECTED or row.member_id != member_id:
        session.delete(row)
        session.flush()
    # Else the registry would not make it void: it counts it still, and in the right name again.
    return True


def _is_being_made_void(session: Session, row: RegistryPosting) -> bool:
    void = session.get(RegistryCorrection, row.reference_id, populate_existing=True)
    return void is not None and void.state not in OVER


def is_unknown_there(row: RegistryPosting) -> bool:
    """Whether the registry has nothing of this, and is not about to be told of it."""
    return _is_untold(row) or _was_never_taken(row)


def _is_untold(row: RegistryPosting) -> bool:
    # In a batch it may be on its way this moment.
    return row.state == PostingState.PENDING and row.attempts == 0 and row.transaction_id is None


def _was_never_taken(row: RegistryPosting) -> bool:
    return row.state == PostingState.REJECTED and row.read_back_amount_cents is None


def _add_another_task(session: Session, row: RegistryPosting, *, now: datetime) -> None:
    """The receipt's own task is not over, and perhaps only because who told of it has not yet finished it:
    then nobody would tell of it anew. Where it goes on, this one comes after it and finds nothing to do.
    """
    payload, order_key = {"receipt_id": str(row.receipt_id)}, f"post:{row.lane}"
    outbox.add(session, "post", f"{row.receipt_id}:{row.reference_id}", payload, now=now, order_key=order_key)


def post_again(session: Session, receipt_id: uuid.UUID, member_id: uuid.UUID, *, now: datetime) -> bool:
    """Make a receipt's posting task due, in its member's lane, whatever became of it before. False where it
    waits already, or somebody is at work on it.
    """
    key, order_key = str(receipt_id), f"post:{lane_of(member_id)}"
    if outbox.add(session, "post", key, {"receipt_id": key}, now=now, order_key=order_key):
        return True
    return put_back_posting(session, receipt_id, member_id, now=now)


def put_back_posting(session: Session, receipt_id: uuid.UUID, member_id: uuid.UUID, *, now: datetime) -> bool:
    """Make it due again if it was finished or given up, in its member's lane; False when it was neither."""
    order_key = f"post:{lane_of(member_id)}"
    return outbox.put_back(session, "post", str(receipt_id), now=now, order_key=order_key)
