"""What makes two memberships likely one person's, and how sure that is."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final


class Likeness(StrEnum):
    """One thing that two memberships share.

    NAME_BIRTH: the registry gave the same name and birth date. OTHER_PAPER, besides that: by papers of
    different kinds, as one person has them. PHONE: a phone of the one was the other's before. TYPED: the ID
    of the one was typed on the phone of the other.
    """

    NAME_BIRTH = "name_birth"
    OTHER_PAPER = "other_paper"
    PHONE = "phone"
    TYPED = "typed"


class CaseState(StrEnum):
    """DIFFERENT is remembered: the pair is never asked about again. An undone merge opens its case again."""

    OPEN = "open"
    MERGED = "merged"
    DIFFERENT = "different"


_WEIGHTS: Final = {
    Likeness.NAME_BIRTH: 60,
    Likeness.OTHER_PAPER: 20,
    Likeness.PHONE: 30,
    Likeness.TYPED: 40,
}
# Only papers held side by side prove it.
_CONFIDENCE_MAX: Final = 95


def confidence_of(reasons: Collection[Likeness]) -> int:
    """How likely it is one person, in percent, for putting the surest first: nothing happens by itself."""
    return min(_CONFIDENCE_MAX, sum(_WEIGHTS[reason] for reason in set(reasons)))
