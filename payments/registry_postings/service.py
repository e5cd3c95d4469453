"""Which receipts may go to the central registry: those of a member that the wallet itself lists, or whose
difference from its list the fund bears.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, any_, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core import outbox
from core.ids import new_id
from payments.model import PostingState
from payments.receipts.tables import Receipt
from payments.registry_postings.tables import RegistryCorrection, RegistryPosting
from payments.suspense.model import Act, DecisionState
from payments.suspense.tables import Decision
from payments.view import is_confirmed, is_listed_with

LANES = 8


def queue_if_confirmed(session: Session, receipt: Receipt, *, now: datetime) -> None:
    """Queue one receipt if the wallet lists it already, or lists less and the fund bears the rest."""
    if session.scalar(select(_may_be_told()).select_from(Receipt).where(Receipt.id == receipt.id)):
        _queue(session, [(receipt.id, receipt.member_id, receipt.paid_at)], now=now)


def confirmed_since(
    session: Session, wallet: str, shortcode: str, *, since: datetime, limit: int
) -> Sequence[uuid.UUID]:
    """Receipts paid after `since` that the wallet lists by now and nobody queued, oldest first."""
    from_wallet = (Receipt.wallet == wallet, Receipt.shortcode == shortcode, Receipt.paid_at >= since)
    return [row.id for row in session.execute(_to_queue(*from_wallet).limit(limit))]


def queue_members(session: Session, member_ids: Collection[uuid.UUID], *, now: datetime) -> None:
    """Queue all that the wallet lists by now of these members. Waits for whoever is queueing it just now."""
    members = any_(literal(list(member_ids), ARRAY(Uuid)))
    _queue_all(session, _to_queue(Receipt.member_id == members), now=now)


def queue_receipts(session: Session, receipt_ids: Collection[uuid.UUID], *, now: datetime) -> None:
    """Queue those of these receipts that the wallet lists by now and nobody queued."""
    these = any_(literal(list(receipt_ids), ARRAY(Uuid)))
    _queue_all(session, _to_queue(Receipt.id == these), now=now)


def _to_queue(*which: ColumnElement[bool]) -> Select[uuid.UUID, uuid.UUID | None, datetime]:
    """Receipts that may go and are not queued, in the order in which all queue: nobody waits in a ring."""
    # The list is only looked into for what is not queued: of a day that is nearly nothing. An offset keeps
    # these two questions apart, and so the first can be answered by two cores.
    not_queued = (
        select(Receipt.id)
        .outerjoin(RegistryPosting, RegistryPosting.receipt_id == Receipt.id)
        .where(Receipt.member_id.is_not(None), Receipt.reversed_at.is_(None))
        .where(RegistryPosting.receipt_id.is_(None), *which)
        .offset(0)
        .correlate(None)
    )
    return (
        select(Receipt.id, Receipt.member_id, Receipt.paid_at)
        .where(Receipt.id.in_(not_queued), _may_be_told())
        .order_by(Receipt.paid_at, Receipt.id)
    )


def _may_be_told() -> ColumnElement[bool]:
    """SQL: the wallet lists this receipt, or less, and staff decided that the fund bears the difference."""
    borne = (
        select(func.sum(Decision.after["borne_cents"].as_integer()))
        .where(
            Decision.receipt_id == Receipt.id,
            Decision.act == Act.WRITE_OFF,
            Decision.state == DecisionState.DONE,
        )
        .correlate(Receipt)
        .scalar_subquery()
    )
    return is_confirmed() | is_listed_with(Receipt.amount_cents - borne)


def _queue_all(
    session: Session, query: Select[uuid.UUID, uuid.UUID | None, datetime], *, now: datetime
) -> None:
    receipts = [(row.id, row.member_id, row.paid_at) for row in session.execute(query)]
    _queue(session, receipts, now=now)


def _queue(
    session: Session, receipts: Sequence[tuple[uuid.UUID, uuid.UUID | None, datetime]], *, now: datetime
) -> None:
    if not receipts:
        return
    # What was told and made void again is told anew under another reference.
    ids = [receipt_id for receipt_id, _, _ in receipts]
    void = set(
        session.scalars(
            select(RegistryCorrection.corrects).where(
                RegistryCorrection.corrects == any_(literal(ids, ARRAY(Uuid)))
            )
        )
    )
    rows = [
        {
            "receipt_id": receipt_id,
            "member_id": member_id,
            "reference_id": new_id() if receipt_id in void else receipt_id,
            "lane": lane_of(member_id),
            "state": PostingState.PENDING,
            "paid_at": paid_at,
            "created_at": now,
        }
        for receipt_id, member_id, paid_at in receipts
    ]
    session.execute(insert(RegistryPosting).values(rows).on_conflict_do_nothing())
    tasks = [
        # The registry hears of one member's money in the order in which it was paid.
        outbox.New(str(receipt_id), {"receipt_id": str(receipt_id)}, f"post:{lane_of(member_id)}")
        for receipt_id, member_id, _ in receipts
    ]
    outbox.add_all(session, "post", tasks, now=now)


def lane_of(member_id: uuid.UUID | None) -> int:
    """A member's lane. Few, so that batches are full; several, so that one waiting is not all waiting."""
    assert member_id is not None
    return member_id.int % LANES
