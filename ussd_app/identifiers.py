"""How registries and partners name people: by our member number, or by a paper under the standard's name."""

import uuid
from typing import Final

from sqlalchemy.orm import Session

from members.documents import PASSPORT, REFUGEE_ID, Document, number_of, stored, type_of
from members.model import NATIONAL_ID
from members.numbers import NationalId
from members.tables import MemberRow
from registry.model import Identifier

# How the standard's queries name our documents; a connection may rename them (`identifier_names`).
DOCUMENTS: Final = {NATIONAL_ID: "UIN", REFUGEE_ID: "REFUGEE_ID", PASSPORT: "PASSPORT"}
MEMBER_NUMBER: Final = "NSSF_NO"


def identifier_of(session: Session, member_id: uuid.UUID) -> Identifier | None:
    """Under which identifier the civil registry knows a member."""
    row = session.get(MemberRow, member_id)
    if row is None or row.identifier_type not in DOCUMENTS:
        return None
    return Identifier(DOCUMENTS[row.identifier_type], row.identifier)


def named_by(document: Document) -> Identifier:
    """The identifier by which registries know a document."""
    return Identifier(DOCUMENTS[type_of(document)], number_of(document))


def document_of(identifier: Identifier) -> Document | None:
    """The document a registry names. None for another identifier. Raises InvalidValue for a wrong form."""
    ours = next((ours for ours, theirs in DOCUMENTS.items() if theirs == identifier.type), None)
    if ours is None:
        return None
    return NationalId.parse(identifier.value) if ours == NATIONAL_ID else stored(ours, identifier.value)
