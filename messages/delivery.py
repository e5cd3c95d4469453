"""Delivery reports: every one is kept, and only news changes what is known of an SMS."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import advisory_lock, fitting
from messages.model import DeliveryReport, MessageState
from messages.tables import DeliveryReportRow, MessageRow

# docs.africastalking.com/sms/deliveryreports; statuses that are not here are steps on the way.
_FINAL = {
    "success": MessageState.DELIVERED,
    "failed": MessageState.FAILED,
    "rejected": MessageState.FAILED,
}


def record_delivery(session: Session, report: DeliveryReport, *, now: datetime) -> bool:
    """Keep a report and apply it. False when no SMS of ours has this id, or not yet."""
    with advisory_lock(session, f"sms:{report.provider_id}"):
        row = DeliveryReportRow(
            provider_id=report.provider_id,
            status=report.status,
            failure_reason=report.failure_reason,
            network_code=report.network_code,
            raw=report.raw,
            received_at=now,
        )
        session.add(row)
        session.flush()
        message = session.scalar(
            select(MessageRow).where(MessageRow.provider_id == report.provider_id).with_for_update()
        )
    if message is not None:
        _apply(message, [row])
    return message is not None


def apply_early_reports(session: Session, message: MessageRow, provider_id: str) -> None:
    """Give a message its provider's id, and the reports that overtook the answer to our own call."""
    provider_id = fitting(MessageRow.provider_id, provider_id)
    # The same lock as above: a report arriving now is seen here, or sees the id that is set here.
    with advisory_lock(session, f"sms:{provider_id}"):
        message.provider_id = provider_id
        early = session.scalars(
            select(DeliveryReportRow)
            .where(DeliveryReportRow.provider_id == provider_id)
            .order_by(DeliveryReportRow.number)
        ).all()
    _apply(message, early)


def _apply(message: MessageRow, reports: Sequence[DeliveryReportRow]) -> None:
    for report in reports:
        state = _FINAL.get(report.status.casefold())
        if state is None and message.final_at is None:
            message.provider_status = report.status
            if message.state == MessageState.UNKNOWN:
                message.state, message.sent_at = MessageState.SENT, report.received_at
        elif state is not None and message.state != MessageState.DELIVERED:
            # A delivery outweighs an earlier failure; nothing outweighs a delivery.
            message.state, message.provider_status = state, report.status
            message.failure_reason = report.failure_reason if state is MessageState.FAILED else ""
            message.final_at = report.received_at
