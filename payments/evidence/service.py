"""Keeping raw messages: stored with the task to understand them, in one transaction, and nothing else."""

import uuid
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from core import outbox
from core.ids import new_id
from payments.evidence.tables import Evidence, EvidenceVerdict
from payments.model import EvidenceChannel

REFERENCE_CHARACTERS_MAX = 64


def store(
    session: Session,
    *,
    channel: EvidenceChannel,
    wallet: str,
    body: str,
    now: datetime,
    reference: str = "",
    shortcode: str = "",
) -> uuid.UUID:
    """Keep a raw message as it came.

    `reference`: what our own address said, the id of what we asked or nothing. `shortcode`: which of ours the
    address was given for.
    """
    evidence_id = new_id()
    session.execute(
        insert(Evidence).values(
            id=evidence_id,
            channel=channel,
            wallet=wallet,
            shortcode=shortcode,
            reference=reference[:REFERENCE_CHARACTERS_MAX],
            body=body,
            received_at=now,
        )
    )
    outbox.add(session, "evidence", str(evidence_id), {"evidence_id": str(evidence_id)}, now=now)
    return evidence_id


def first_heard(session: Session, contribution_id: uuid.UUID) -> datetime | None:
    """When the first callback about a prompt came; None when none did."""
    return session.scalar(
        select(func.min(Evidence.received_at))
        .join(EvidenceVerdict, EvidenceVerdict.evidence_id == Evidence.id)
        .where(
            EvidenceVerdict.contribution_id == contribution_id,
            Evidence.channel == EvidenceChannel.STK_CALLBACK,
        )
    )
