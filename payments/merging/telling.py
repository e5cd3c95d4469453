"""What both phones hear of a merge and of its undoing: whoever was taken for somebody else can object."""

from datetime import datetime

from sqlalchemy.orm import Session

from core import outbox
from members.tables import MemberRow
from payments.merging.tables import PairDecision


def tell_merged(
    session: Session, decision: PairDecision, kept: MemberRow, closed: MemberRow, *, now: datetime
) -> None:
    """Each hears the number that counts from now on; the other phone also what to do if it is another's."""
    _tell(session, "merged", kept, kept.number, decision, now=now)
    _tell(session, "merged_closed", closed, kept.number, decision, now=now)


def tell_undone(
    session: Session, decision: PairDecision, kept: MemberRow, closed: MemberRow, *, now: datetime
) -> None:
    """Each hears its own number."""
    for member in (kept, closed):
        _tell(session, "merge_undone", member, member.number, decision, now=now)


def _tell(
    session: Session, template: str, member: MemberRow, number: str, decision: PairDecision, *, now: datetime
) -> None:
    payload = {"template": template, "member_id": str(member.id), "values": {"number": number}}
    outbox.add(session, "message", f"{template}:{decision.id}:{member.id}", payload, now=now)
