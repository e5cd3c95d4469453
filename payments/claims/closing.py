"""Claims that staff close: the money stays where it is, and the claimant is told so."""

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.errors import InvalidValue
from core.ids import new_id
from core.reasons import REASON_CHARACTERS_MAX
from members.notices import tell_member
from payments.claims.model import ClaimState
from payments.claims.service import own_of, receipt_of
from payments.claims.tables import Claim
from payments.receipts.tables import Receipt
from payments.suspense.model import DecisionState, NotPossible
from payments.suspense.second_person import require_reason
from payments.suspense.tables import Decision


def close(session: Session, claim_id: uuid.UUID, *, by: str, reason: str, now: datetime) -> bool:
    """End a claim that waits for a person, and tell the claimant by SMS that nothing was added.

    False when it no longer waits, or the money is the claimant's by now: nobody is told anything then.
    Raises InvalidValue for what is no claim, NotPossible without a reason, and while a decision about the
    money waits for a second person: it may give it to the claimant.
    """
    code = session.scalar(select(Claim.receipt).where(Claim.id == claim_id))
    if code is None:
        raise InvalidValue("there is no such claim")
    require_reason(reason)
    # The receipt before the claim, as whoever claims: nobody waits in a circle.
    receipt = receipt_of(session, code)
    row = session.get_one(Claim, claim_id, with_for_update=True, populate_existing=True)
    if row.state != ClaimState.STAFF or own_of(session, receipt, row.member_id) is not None:
        return False
    if receipt is not None and _is_being_decided(session, receipt):
        raise NotPossible("money_waits")
    row.state, row.decided_at = ClaimState.SETTLED, now
    # A claim that is begun anew may be closed again, and is told of again.
    tell_member(session, "claim_closed", row.member_id, new_id(), now=now, values={"receipt": row.receipt})
    _note(session, row, by=by, reason=reason, now=now)
    return True


def _is_being_decided(session: Session, receipt: Receipt) -> bool:
    proposed = select(Decision.id).where(
        Decision.receipt_id == receipt.id, Decision.state == DecisionState.PROPOSED
    )
    return session.scalar(proposed.limit(1)) is not None


def _note(session: Session, row: Claim, *, by: str, reason: str, now: datetime) -> None:
    audit.record(
        session,
        at=now,
        actor=by,
        action="claim.closed",
        # Beside the decisions about the money, where there is any.
        subject=row.receipt_id or row.id,
        reason=reason[:REASON_CHARACTERS_MAX],
        details={
            "claim": str(row.id),
            "member": str(row.member_id),
            "code": row.receipt,
            "rested_on": row.why,
        },
    )
