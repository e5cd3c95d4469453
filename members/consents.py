"""Consent: what a member agreed to, per purpose, under which notice, and when they changed their mind."""

import uuid

from sqlalchemy import ScalarSelect, SQLColumnExpression, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from core.clock import Clock
from members.model import Purpose
from members.tables import ConsentRow


def record_consent(
    session: Session,
    clock: Clock,
    *,
    member_id: uuid.UUID,
    purpose: Purpose,
    given: bool,
    notice_version: str,
    language: str,
    channel: str,
) -> None:
    """Append an answer."""
    session.add(
        ConsentRow(
            member_id=member_id,
            purpose=purpose,
            given=given,
            notice_version=notice_version,
            language=language,
            channel=channel,
            at=clock.now(),
        )
    )
    session.flush()


def current_consents(session: Session, member_id: uuid.UUID) -> dict[Purpose, bool]:
    """The newest answer to every purpose; what was never asked is not agreed to."""
    newest = (
        select(ConsentRow.purpose, ConsentRow.given)
        .where(ConsentRow.member_id == member_id)
        .ext(distinct_on(ConsentRow.purpose))
        .order_by(ConsentRow.purpose, ConsentRow.number.desc())
    )
    answers = dict.fromkeys(Purpose, False)
    answers.update({Purpose(purpose): given for purpose, given in session.execute(newest)})
    return answers


def newest_answer(member_id: SQLColumnExpression[uuid.UUID], purpose: Purpose) -> ScalarSelect[bool]:
    """The newest answer to one purpose as part of a statement about members; NULL when it was never asked."""
    return (
        select(ConsentRow.given)
        .where(ConsentRow.member_id == member_id, ConsentRow.purpose == purpose)
        .order_by(ConsentRow.number.desc())
        .limit(1)
        .scalar_subquery()
    )
