"""What the results of our own orders mean: refunds go on, balances are kept; every one was stored first."""

import uuid
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.orm import Session

from payments.model import EvidenceChannel, Verdict
from payments.receipts.model import Meaning
from payments.refunds.results import apply_result, refund_for_update
from payments.refunds.tables import Refund
from payments.wallet_lines.tables import HeldAmount
from payments.wallets.payouts import OrderKind, OrderResult, Payouts

ORDER_CHANNELS = (EvidenceChannel.ORDER_RESULT, EvidenceChannel.ORDER_TIMEOUT)


def reference_of(kind: str, order_id: str) -> str:
    """What the address of a result says about it: the kind of order, and which one where there are many."""
    return f"{kind}:{order_id}"


class OrderResults:
    """Understands results by the wallet's initiator. The same result again changes nothing."""

    def __init__(self, payouts: Mapping[str, Payouts]) -> None:
        self._payouts = payouts

    def understand(
        self,
        session: Session,
        *,
        channel: EvidenceChannel,
        wallet: str,
        reference: str,
        body: str,
        now: datetime,
    ) -> Meaning:
        """What a stored result means. Raises UnreadableMessage."""
        payouts = self._payouts.get(wallet)
        name, _, order_id = reference.partition(":")
        if payouts is None or name not in set(OrderKind):
            return Meaning(Verdict.UNREADABLE, "we order nothing of this kind")
        kind = OrderKind(name)
        is_timeout = channel is EvidenceChannel.ORDER_TIMEOUT
        result = payouts.read_timeout(kind, body) if is_timeout else payouts.read_result(kind, body)
        said = f"{result.kind} {result.fate}: {result.code} {result.message}"
        if kind is OrderKind.BALANCE:
            _keep_balances(session, payouts, result, now=now)
            return Meaning(Verdict.NOTED, said)
        refund = _refund_of(session, order_id)
        if refund is None or refund.wallet != wallet:
            return Meaning(Verdict.MISMATCH, f"no order of ours; {said}", amount=result.amount)
        verdict = apply_result(session, refund, result, now=now)
        return Meaning(verdict, said, refund.receipt_id, receipt=result.receipt, amount=result.amount)


def _refund_of(session: Session, order_id: str) -> Refund | None:
    try:
        return refund_for_update(session, uuid.UUID(order_id))
    except ValueError:
        return None


def _keep_balances(session: Session, payouts: Payouts, result: OrderResult, *, now: datetime) -> None:
    rows = [
        {
            "wallet": payouts.name,
            "shortcode": payouts.shortcode,
            "account": held.account,
            "available_cents": held.available.amount_cents,
            "currency": held.available.currency,
            "at": result.at or now,
            "seen_at": now,
        }
        for held in result.balances
    ]
    if rows:
        session.execute(insert(HeldAmount).values(rows))
