"""Deciding about money whose payer the wallet never named: its list was read without, or is away too long."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Sessions
from core.outbox import Later, Task
from payments import matching
from payments.looking_again import arrival_of, is_free
from payments.receipts import service as receipts
from payments.receipts.model import PAYER_UNNAMED
from payments.receipts.tables import Receipt
from payments.telling import tell_waiting
from payments.wallet_lines.coverage import is_covered
from payments.wallet_lines.tables import PullRun

# With the list away for so long, staff have been alerted many times over.
_WAIT_MAX = timedelta(hours=24)
_LOOK_AGAIN_SECONDS = 600.0


class UnnamedPayers:
    """Handles `unnamed_payer` tasks: `receipt_id`."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    def run(self, task: Task) -> Later | None:
        """Decide without the payer, once no list can be expected to say who paid."""
        receipt_id, now = uuid.UUID(task.payload["receipt_id"]), self._clock.now()
        with self._sessions.begin() as session:
            receipt = session.get(Receipt, receipt_id, with_for_update=True, populate_existing=True)
            if receipt is None or not _waits(receipt):
                return None
            if now < task.created_at + _WAIT_MAX and _may_be_listed(session, receipt):
                return Later(_LOOK_AGAIN_SECONDS, "the wallet's list is away")
            _decide(session, receipt, now=now)
        return None


def _waits(receipt: Receipt) -> bool:
    return is_free(receipt) and receipt.match_why == PAYER_UNNAMED


def _may_be_listed(session: Session, receipt: Receipt) -> bool:
    """Whether this wallet has a list, and none was read in full since the payment."""
    where = (receipt.wallet, receipt.shortcode)
    has_list = exists().where(PullRun.wallet == where[0], PullRun.shortcode == where[1])
    if not session.scalar(select(has_list)):
        return False
    return not is_covered(session, *where, receipt.paid_at, receipt.paid_at)


def _decide(session: Session, receipt: Receipt, *, now: datetime) -> None:
    owner = matching.owner_of(session, arrival_of(receipt), receipt, is_last=True)
    if owner.member_id is None:
        receipts.still_waits(session, receipt, owner)
        tell_waiting(session, receipt, owner, None, now=now, is_last=True)
    else:
        receipts.allocate(session, receipt, owner, now=now)
