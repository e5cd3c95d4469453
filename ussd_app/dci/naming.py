"""Which membership an identifier names, as registries and partners write identifiers."""

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core.errors import InvalidValue
from members.indexes import MemberIndexes
from members.numbers import MemberNumber
from members.rows import has_document
from members.tables import MemberRow
from registry.model import Identifier
from ussd_app.identifiers import MEMBER_NUMBER, document_of


def is_named(indexes: MemberIndexes, identifier: Identifier) -> ColumnElement[bool]:
    """Whether a membership has this member number or paper. Raises InvalidValue when none could have it."""
    if identifier.type == MEMBER_NUMBER:
        return MemberRow.number == MemberNumber.parse(identifier.value).digits
    document = document_of(identifier)
    if document is None:
        raise InvalidValue("members are known by their number and by national ID, refugee ID or passport")
    return has_document(document, indexes.identifier(document))


def person_named(session: Session, indexes: MemberIndexes, identifier: Identifier) -> MemberRow | None:
    """The membership of the person: the one that stayed, when the named one was a second one of theirs.

    Raises InvalidValue as `is_named` does.
    """
    row = session.scalar(select(MemberRow).where(is_named(indexes, identifier)))
    if row is not None and row.merged_into is not None:
        return session.get(MemberRow, row.merged_into)
    return row
