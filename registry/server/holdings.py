"""What we hold, as the server needs it; the rooms that hold it are fitted to this by the composition root."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from registry.model import ContributionRecord, Identifier


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which contributions of one member: all conditions must hold; None is no condition."""

    member: Identifier
    reference_ids: tuple[str, ...] | None = None
    period: str | None = None
    paid_from: datetime | None = None
    paid_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """That somebody is a member: never who they are."""

    identifier: Identifier
    member_number: str
    status: str
    programme: str
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Contributions:
    """One page, oldest first, and how many there are in all."""

    records: Sequence[ContributionRecord]
    total_count: int


class Holdings(Protocol):
    """Members and their contributions. Identifiers are by our names: `UIN` or `NSSF_NO`.

    Where somebody's enrolment is asked for, also `REFUGEE_ID` and `PASSPORT`.
    """

    programme: str

    def subject(self, session: Session, identifier: Identifier) -> str | None:
        """A stable name for the member with this identifier that tells nothing; None when there is none.

        Raises InvalidValue when the identifier cannot be one.
        """
        ...

    def subject_of(self, session: Session, member_id: uuid.UUID) -> str | None:
        """The same name, by our own id."""
        ...

    def contributions(self, session: Session, wanted: Wanted, offset: int, limit: int) -> Contributions:
        """A page of what was confirmed for a member. Raises InvalidValue as `subject` does."""
        ...

    def membership(self, session: Session, identifier: Identifier) -> Membership | None:
        """Whether this is a member. Raises InvalidValue as `subject` does."""
        ...

    def membership_of(self, session: Session, member_id: uuid.UUID) -> Membership | None:
        """A member's own, named by member number."""
        ...

    def enrolled(self, session: Session, identifier: Identifier) -> bool:
        """Whether the person so named saves with us now, by whichever of their memberships is the open one.

        Raises InvalidValue as `subject` does.
        """
        ...

    def posted_in(
        self, session: Session, transaction_id: uuid.UUID
    ) -> Sequence[tuple[str, ContributionRecord]]:
        """The contributions of one batch to the central registry, each with its member's subject."""
        ...


@dataclass(frozen=True, slots=True)
class ToldEnrolment:
    """Of one person, by any of `identifiers`: whether they are in a programme now."""

    identifiers: Sequence[Identifier]
    programme: str
    is_enrolled: bool


class Listener(Protocol):
    """What happens here when a registry tells of something. Called in an open transaction, once per event.

    `identifier_types`: by which people can be known here, under our names.
    """

    identifier_types: Collection[str]

    def died(self, session: Session, source: str, identifier: Identifier, record: dict[str, Any]) -> str:
        """A registry knows of a death. Returns a word for what was done."""
        ...

    def renamed(self, session: Session, source: str, identifier: Identifier, record: dict[str, Any]) -> str:
        """A registry has changed a name."""
        ...

    def enrolled(self, session: Session, source: str, told: ToldEnrolment) -> str:
        """The central registry tells who is in which programme, or has left it."""
        ...

    def posted(self, session: Session, source: str, reference_id: str) -> str:
        """The central registry says that it has booked a contribution."""
        ...

    def settled(
        self, session: Session, source: str, purpose: str, subject: str, message: dict[str, Any]
    ) -> str:
        """An answer has come to a question we asked."""
        ...
