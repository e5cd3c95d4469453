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
from payments.naming import references_of, waits_named
from payments.particulars import Particulars
from payments.receipts import service as receipts
from payments.receipts.model import NAMES_ANOTHER, Arrival
from payments.receipts.tables import Receipt

TOPIC = "look_again"
PAGE = 200


def have_looked_again(session: Session, credited: Receipt, *, occasion: str = "", now: datetime) -> None:
    """Queue one task about what waits of this phone, if anything does: a credit says whom it pays for.

    `occasion` tells apart what happens to one receipt more than once, as decisions of staff do.
    """
    if credited.payer_index is None:
        return
    waiting = select(Receipt.id).where(waits_named(credited.payer_index)).limit(1)
    if session.scalar(waiting) is not None:
        _queue_page(session, credited.id, occasion, "", now=now)


def _queue_page(
    session: Session, credited_id: uuid.UUID, occasion: str, after: str, *, now: datetime
) -> None:
    payload = {"credited_id": str(credited_id), "occasion": occasion, "after": after}
    outbox.add(session, TOPIC, f"{credited_id}:{occasion}:{after}", payload, now=now)


class LookingAgain:
    """Handles `look_again` tasks: `credited_id`, `occasion`, `after`; `receipt_id` alone in those of old."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def run(self, task: Task) -> None:
        """Credit by the ordinary rules what of one page names the member credited; queue the next page.

        One transaction for each payment: many that hold the same balances for long would stop all others.
        """
        now = self._clock.now()
        if "receipt_id" in task.payload:
            self._look_at(uuid.UUID(task.payload["receipt_id"]), now=now)
            return
        credited_id, after = uuid.UUID(task.payload["credited_id"]), task.payload["after"]
        with self._sessions.begin() as session:
            page = _page(session, credited_id, after)
        for receipt_id, names_them in page:
            if names_them:
                self._look_at(receipt_id, now=now)
        if len(page) == PAGE:
            with self._sessions.begin() as session:
                _queue_page(session, credited_id, task.payload["occasion"], str(page[-1][0]), now=now)

    def _look_at(self, receipt_id: uuid.UUID, *, now: datetime) -> None:
        with self._sessions.begin() as session:
            receipt = session.get(Receipt, receipt_id, with_for_update=True, populate_existing=True)
            if receipt is None or not is_free(receipt) or receipt.match_why not in NAMES_ANOTHER:
                return
            owner = matching.owner_of(session, arrival_of(receipt), receipt, is_last=True)
            if owner.member_id is not None:
                receipts.allocate(session, receipt, owner, now=now)


def _page(session: Session, credited_id: uuid.UUID, after: str) -> list[tuple[uuid.UUID, bool]]:
    """Of the next payments that wait, in the order of their ids: whether each names the member credited.

    No other is freed by a credit to this one. Nothing when staff or the wallet took the credit back since.
    """
    credited = session.get_one(Receipt, credited_id)
    if credited.member_id is None or credited.payer_index is None or credited.reversed_at is not None:
        return []
    own = references_of(session, credited.member_id)
    waiting = select(Receipt.id, Receipt.particulars).where(waits_named(credited.payer_index))
    if after:
        waiting = waiting.where(Receipt.id > uuid.UUID(after))
    rows = session.execute(waiting.order_by(Receipt.id).limit(PAGE))
    return [(id_, own.step_of(Particulars.from_json(text).account) is not None) for id_, text in rows]


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
