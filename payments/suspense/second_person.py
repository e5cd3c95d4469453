"""What holds for every decision that waits for a second person, whatever it is about."""

from datetime import datetime
from typing import Protocol

from core.reasons import REASON_CHARACTERS_MAX, is_reason
from payments.suspense.model import DecisionState, NotPossible


class Proposal(Protocol):
    """A decision as it is kept."""

    state: str
    maker: str
    checker: str | None
    checked_at: datetime | None
    checker_reason: str


def require_reason(reason: str) -> None:
    """Raises NotPossible for a reason that says nothing."""
    if not is_reason(reason):
        raise NotPossible("no_reason")


def hear(proposal: Proposal, *, checker: str, reason: str, now: datetime) -> None:
    """Keep who answers a locked proposal, and why. Raises NotPossible when they may not, or no more."""
    if proposal.state != DecisionState.PROPOSED:
        raise NotPossible("decided_already")
    if proposal.maker == checker:
        raise NotPossible("same_person")
    require_reason(reason)
    proposal.checker, proposal.checked_at = checker, now
    proposal.checker_reason = reason[:REASON_CHARACTERS_MAX]
