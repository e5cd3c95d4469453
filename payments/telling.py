"""What members are told about their money: outbox rows for the message room, one per fact."""

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from core import outbox
from payments.contributions.tables import Contribution
from payments.ledger.service import savings
from payments.receipts.tables import Receipt

_DEFAULT_TEMPLATE = "prompt_failed"


def tell_receipt(session: Session, receipt: Receipt, member_id: uuid.UUID, *, now: datetime) -> None:
    """Say once that this money arrived, with the balance it made."""
    values = {
        "amount_cents": receipt.amount_cents,
        "balance_cents": savings(session, member_id, receipt.currency).amount_cents,
        "receipt": receipt.receipt,
    }
    payload = {"template": "receipt", "member_id": str(member_id), "values": values}
    outbox.add(session, "message", f"receipt:{receipt.id}", payload, now=now)


def tell_prompt_result(session: Session, contribution: Contribution, template: str, *, now: datetime) -> None:
    """Say once how a prompt ended without money. `template`: the wallet's word for it, or empty."""
    payload = {
        "template": template or _DEFAULT_TEMPLATE,
        "member_id": str(contribution.member_id),
        "values": {"amount_cents": contribution.amount_cents},
    }
    outbox.add(session, "message", f"prompt-result:{contribution.id}", payload, now=now)
