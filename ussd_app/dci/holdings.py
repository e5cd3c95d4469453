"""Members and their confirmed contributions, as the DCI server may show them."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.clock import FundCalendar
from core.money import Money
from members.indexes import MemberIndexes
from members.model import Status as MemberStatus
from members.tables import MemberRow
from payments.contributions.tables import Contribution
from payments.model import PostingState
from payments.receipts.tables import Receipt
from payments.registry_postings.tables import RegistryPosting
from registry.codes import Status
from registry.model import ContributionRecord, Identifier
from registry.server.holdings import Contributions, Membership, Wanted
from ussd_app.dci.naming import is_named, person_named
from ussd_app.identifiers import MEMBER_NUMBER

# What the wallet took back, or we gave back, is nobody's contribution any more.
_STANDS = (Receipt.reversed_at.is_(None), Receipt.member_id == RegistryPosting.member_id)

# What was asked for, if it was: it says which month the money is to count for.
_ITS_INTENT = Contribution.receipt_id == Receipt.id


class RoomsHoldings:
    """`registry.server.holdings.Holdings` over the tables of members and payments.

    Only receipts that the wallet itself lists are shown: those are the ones that have a posting.
    """

    def __init__(self, indexes: MemberIndexes, calendar: FundCalendar, programme: str) -> None:
        self.programme = programme
        self._indexes = indexes
        self._calendar = calendar

    def subject(self, session: Session, identifier: Identifier) -> str | None:
        member_id = session.scalar(select(MemberRow.id).where(is_named(self._indexes, identifier)))
        return None if member_id is None else str(member_id)

    def subject_of(self, session: Session, member_id: uuid.UUID) -> str | None:
        return str(member_id) if session.get(MemberRow, member_id) is not None else None

    def membership(self, session: Session, identifier: Identifier) -> Membership | None:
        row = session.scalar(select(MemberRow).where(is_named(self._indexes, identifier)))
        return None if row is None else self._membership(row, identifier)

    def membership_of(self, session: Session, member_id: uuid.UUID) -> Membership | None:
        row = session.get(MemberRow, member_id)
        return None if row is None else self._membership(row, Identifier(MEMBER_NUMBER, row.number))

    def enrolled(self, session: Session, identifier: Identifier) -> bool:
        row = person_named(session, self._indexes, identifier)
        return row is not None and MemberStatus(row.status).is_open

    def contributions(self, session: Session, wanted: Wanted, offset: int, limit: int) -> Contributions:
        conditions = [
            MemberRow.id == RegistryPosting.member_id,
            RegistryPosting.receipt_id == Receipt.id,
            is_named(self._indexes, wanted.member),
            *_STANDS,
            *self._narrowed(wanted),
        ]
        count = select(func.count(Receipt.id)).outerjoin(Contribution, _ITS_INTENT)
        total = session.scalar(count.where(*conditions)) or 0
        rows = session.execute(
            select(Receipt, RegistryPosting, MemberRow.number, Contribution.period)
            .outerjoin(Contribution, _ITS_INTENT)
            .where(*conditions)
            .order_by(Receipt.paid_at, Receipt.id)
            .offset(offset)
            .limit(limit)
        )
        return Contributions([self._record(*row) for row in rows], total)

    def posted_in(
        self, session: Session, transaction_id: uuid.UUID
    ) -> Sequence[tuple[str, ContributionRecord]]:
        rows = session.execute(
            select(Receipt, RegistryPosting, MemberRow.number, Contribution.period)
            .outerjoin(Contribution, _ITS_INTENT)
            .where(
                RegistryPosting.transaction_id == transaction_id,
                RegistryPosting.receipt_id == Receipt.id,
                MemberRow.id == RegistryPosting.member_id,
                *_STANDS,
            )
            .order_by(Receipt.paid_at, Receipt.id)
        )
        return [
            (str(posting.member_id), self._record(receipt, posting, number, period))
            for receipt, posting, number, period in rows
        ]

    def _narrowed(self, wanted: Wanted) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if wanted.reference_ids is not None:
            conditions.append(Receipt.id.in_(list(_uuids(wanted.reference_ids))))
        if wanted.paid_from is not None:
            conditions.append(Receipt.paid_at >= wanted.paid_from)
        if wanted.paid_before is not None:
            conditions.append(Receipt.paid_at < wanted.paid_before)
        if wanted.period is not None:
            month = func.to_char(func.timezone(str(self._calendar.zone), Receipt.paid_at), "YYYY-MM")
            conditions.append(func.coalesce(Contribution.period, month) == wanted.period)
        return conditions

    def _membership(self, row: MemberRow, identifier: Identifier) -> Membership:
        return Membership(
            identifier=identifier,
            member_number=row.number,
            status=row.status,
            programme=self.programme,
            joined_at=row.joined_at,
        )

    def _record(
        self, receipt: Receipt, posting: RegistryPosting, number: str, period: str | None
    ) -> ContributionRecord:
        booked = posting.state == PostingState.ACKNOWLEDGED
        return ContributionRecord(
            reference_id=str(receipt.id),
            transaction_id=str(posting.transaction_id or ""),
            member_identifier=Identifier(MEMBER_NUMBER, number),
            programme=self.programme,
            amount=Money(receipt.amount_cents, receipt.currency),
            period=period or f"{self._calendar.day_of(receipt.paid_at):%Y-%m}",
            paid_at=receipt.paid_at,
            payer_fa="",
            provider_reference="",
            status=Status.SUCCEEDED if booked else Status.RECEIVED,
        )


def _uuids(texts: Sequence[str]) -> Sequence[uuid.UUID]:
    found = []
    for text in texts:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return found
