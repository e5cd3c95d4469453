"""Which typed references name one member; and what waits of a phone because it named somebody once."""

import uuid
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from core.errors import InvalidValue
from core.phone import PhoneNumber
from members.model import NATIONAL_ID
from members.numbers import MemberNumber, NationalId
from members.tables import MemberRow
from payments.model import MatchStep
from payments.receipts.model import NAMES_ANOTHER
from payments.receipts.tables import Receipt


@dataclass(frozen=True, slots=True)
class OwnReferences:
    """All that names a member: also what belonged to a membership that was made one with theirs."""

    numbers: frozenset[str]
    ids: frozenset[str]
    phones: frozenset[str]

    def step_of(self, account: str) -> MatchStep | None:
        """By which form a typed reference names this member; None when it does not. Asks no database."""
        with suppress(InvalidValue):
            return MatchStep.MEMBER_NUMBER if MemberNumber.parse(account).digits in self.numbers else None
        with suppress(InvalidValue):
            return MatchStep.NATIONAL_ID if NationalId.parse(account).digits in self.ids else None
        with suppress(InvalidValue):
            return MatchStep.PHONE if PhoneNumber.parse(account).e164 in self.phones else None
        return None


def references_of(session: Session, member_id: uuid.UUID) -> OwnReferences:
    """What names this member, or the one that theirs was made one with."""
    stayed = (
        select(func.coalesce(MemberRow.merged_into, MemberRow.id))
        .where(MemberRow.id == member_id)
        .scalar_subquery()
    )
    rows = session.scalars(
        select(MemberRow).where(or_(MemberRow.id == stayed, MemberRow.merged_into == stayed))
    ).all()
    return OwnReferences(
        frozenset(row.number for row in rows),
        frozenset(row.identifier for row in rows if row.identifier_type == NATIONAL_ID),
        frozenset(row.phone for row in rows),
    )


def waits_named(payer: str) -> ColumnElement[bool]:
    """Money of this phone (a blind index) that names somebody, waits for a second sign, and is free."""
    return and_(
        Receipt.payer_index == payer,
        Receipt.member_id.is_(None),
        Receipt.reversed_at.is_(None),
        Receipt.staff_place.is_(None),
        Receipt.match_why.in_(NAMES_ANOTHER),
    )
