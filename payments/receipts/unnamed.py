"""The wish to look again at money whose payer the wallet hid, when its list should have named them."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core import outbox
from payments.receipts.tables import Receipt

# The list is read some seconds after each payment; this bounds what a slow wallet may make of it.
PATIENCE = timedelta(minutes=10)


def await_payer(session: Session, receipt: Receipt, *, now: datetime) -> None:
    """Have the owner decided after some minutes, even if nobody names the payer until then."""
    payload = {"receipt_id": str(receipt.id)}
    outbox.add(session, "unnamed_payer", str(receipt.id), payload, now=now, due_at=now + PATIENCE)


def stop_waiting(session: Session, receipt: Receipt, *, now: datetime) -> None:
    """The payer was named, or need not be: nothing is left to be decided later."""
    outbox.bring_forward(session, "unnamed_payer", str(receipt.id), now)
