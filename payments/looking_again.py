"""Looking again at money that names a member, once it is known that its phone pays for them."""

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import outbox
from core.clock import Clock
from core.database import Sessions
from core.money import Money
from core.outbox import Task
from payments import matching
from payments.model import EvidenceChannel
from payments.particulars import Particulars
from payments.receipts import service as receipts
from payments.receipts.model import NAMES_ANOTHER, Arrival
from payments.receipts.tables import Receipt

TOPIC = "look_again"


def have_looked_again(session: Session, credited: Receipt, *, now: datetime) -> None:
    """Queue what of this phone waits: a credit says more of whom it pays for. One task for each receipt."""
    if credited.payer_index is None:
        return
    waiting = session.scalars(
        select(Receipt.id).where(
            Receipt.payer_index == credited.payer_index,
            Receipt.member_id.is_(None),
            Receipt.match_why.in_(NAMES_ANOTHER),
        )
    )
    for receipt_id in waiting:
        payload = {"receipt_id": str(receipt_id)}
        outbox.add(session, TOPIC, f"{receipt_id}:{credited.id}", payload, now=now)


class LookingAgain:
    """Handles `look_again` tasks: `receipt_id`."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def run(self, task: Task) -> None:
        """Credit the money by the ordinary rules, if they know its owner by now; what staff decided stays."""
        receipt_id, now = uuid.UUID(task.payload["receipt_id"]), self._clock.now()
        with self._sessions.begin() as session:
            receipt = session.get(Receipt, receipt_id, with_for_update=True, populate_existing=True)
            if receipt is None or not is_free(receipt) or receipt.match_why not in NAMES_ANOTHER:
                return
            owner = matching.owner_of(session, arrival_of(receipt), receipt, is_last=True)
            if owner.member_id is not None:
                receipts.allocate(session, receipt, owner, now=now)


def is_free(receipt: Receipt) -> bool:
    """Whether it is in suspense and neither the wallet nor staff decided about it."""
    return receipt.member_id is None and receipt.reversed_at is None and receipt.staff_place is None


def arrival_of(receipt: Receipt) -> Arrival:
    """What is known of a receipt, as if it arrived now; its payer is the receipt's."""
    known = Particulars.from_json(receipt.particulars)
    return Arrival(
        wallet=receipt.wallet,
        shortcode=receipt.shortcode,
        receipt=receipt.receipt,
        amount=Money(receipt.amount_cents, receipt.currency),
        paid_at=receipt.paid_at,
        source=EvidenceChannel(receipt.source),
        account=known.account,
        payer_mask=known.payer_mask,
        payer_name=known.name,
    )
