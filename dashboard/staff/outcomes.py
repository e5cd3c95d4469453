"""What came of an attempt to sign in."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from dashboard.staff.tables import Staff


@dataclass(frozen=True, slots=True)
class Right:
    """Signed in."""

    staff: Staff


@dataclass(frozen=True, slots=True)
class NeedsTotp:
    """The password is right; the code of the second factor is still to come."""

    staff: Staff


@dataclass(frozen=True, slots=True)
class Wrong:
    """No such active account, or not its password or code. Which of these is not said."""


@dataclass(frozen=True, slots=True)
class Locked:
    """Too many tries on this name, existing or not; nothing is checked before `until`."""

    until: datetime
    is_source: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class SourceLocked(Locked):
    """Too many tries from one network on whatever names; a browser known for its name is not held up."""

    is_source: ClassVar[bool] = True
