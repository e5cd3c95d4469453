"""From stored rows to the values that other rooms see."""

from sqlalchemy import ColumnElement, and_

from core.phone import PhoneNumber
from members.documents import Document, type_of
from members.model import Member, Status
from members.numbers import MemberNumber
from members.tables import MemberRow


def member_of(row: MemberRow) -> Member:
    return Member(
        id=row.id,
        number=MemberNumber(row.number),
        status=Status(row.status),
        language=row.language,
        phone=PhoneNumber(row.phone),
        masked_name=row.masked_name or "",
        name_confirmed=row.name_confirmed,
        joined_at=row.joined_at,
        merged_into=row.merged_into,
    )


def has_document(document: Document, index: str) -> ColumnElement[bool]:
    """Whether a membership is this document's; `index` is its blind index."""
    return and_(MemberRow.identifier_type == type_of(document), MemberRow.identifier_index == index)
