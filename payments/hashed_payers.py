"""Asking the phone that paid, when the wallet hashed its number and its list tells it only later."""

import uuid

from sqlalchemy import select

from core.clock import Clock
from core.database import Sessions
from core.outbox import Later, Task
from core.phone import PhoneNumber
from payments import matching
from payments.looking_again import arrival_of, have_looked_again, is_free
from payments.particulars import Particulars
from payments.receipts import service as receipts
from payments.receipts.tables import Receipt
from payments.telling import tell_waiting
from payments.wallet_lines.tables import StoredLine
from payments.wallets.protocol import LineKind

# By then the hourly pull has read every page twice; what it did not list, staff look into.
_LOOK_SECONDS = (30.0, 60.0, 600.0, 3600.0, 3600.0, 3600.0)


class HashedPayers:
    """Handles `hashed_payer` tasks: `receipt_id`, of money that waits for a word of who paid it."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def run(self, task: Task) -> Later | None:
        """Ask once the list has the number, or credit what is known by then; nothing when it is not free."""
        now = self._clock.now()
        with self._sessions.begin() as session:
            receipt = session.get(Receipt, uuid.UUID(task.payload["receipt_id"]), with_for_update=True)
            if receipt is None or not is_free(receipt):
                return None
            line = session.scalars(
                select(StoredLine)
                .where(
                    StoredLine.wallet == receipt.wallet,
                    StoredLine.shortcode == receipt.shortcode,
                    StoredLine.receipt == receipt.receipt,
                    StoredLine.kind == LineKind.CREDIT,
                    StoredLine.payer_index == receipt.payer_index,
                )
                .limit(1)
            ).first()
            phone = Particulars.from_json(line.particulars).payer if line is not None else ""
            if phone:
                owner = matching.owner_of(session, arrival_of(receipt), receipt, is_last=True)
                if owner.member_id is None:
                    receipts.still_waits(session, receipt, owner)
                    tell_waiting(session, receipt, owner, PhoneNumber(phone), now=now)
                else:
                    # Known since it came: its phone was seen to pay for its member, or staff said so.
                    receipts.allocate(session, receipt, owner, now=now)
                    have_looked_again(session, receipt, now=now)
                return None
        if task.attempt > len(_LOOK_SECONDS):
            return None
        return Later(_LOOK_SECONDS[task.attempt - 1], "not on the wallet's list yet")
