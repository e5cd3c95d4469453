"""What the Funnels page needs to know of how callers walk; the gateway answers it (see bootstrap)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ScreenCount:
    """One screen over some days. `says` is how it begins for callers; `seconds` the mean time to an answer.

    `left` are those who went on in any way; `ended` those for whom it was the last screen, as meant.
    `asks_nothing`: it shows what was asked for, and who hangs up there has what they wanted.
    """

    screen: str
    says: str
    entered: int
    answered: int
    left: int
    invalid: int
    abandoned: int
    ended: int
    seconds: float | None
    asks_nothing: bool = False

    @property
    def done(self) -> int:
        """Who was done here: at a last screen, or on one after which nothing is needed."""
        return self.ended + self._stayed if self.asks_nothing else self.ended

    @property
    def dropped(self) -> int:
        """Who came and neither went on nor was done."""
        return 0 if self.asks_nothing else self._stayed

    @property
    def _stayed(self) -> int:
        """Who neither went on nor came to an end. Never below zero: a call may span midnight."""
        return max(0, self.entered - self.left - self.ended)


class Funnel(Protocol):
    """Counts of screens, in the order in which callers meet them."""

    def screens(
        self, first: date, last: date, *, language: str = "", network: str = ""
    ) -> Sequence[ScreenCount]:
        """Every screen that was entered on these days, both included."""
        ...

    def choices(self, first: date, last: date) -> tuple[Sequence[str], Sequence[str]]:
        """The languages and the networks of these days."""
        ...


class NoFunnel:
    """Where nobody counts."""

    def screens(
        self,
        first: date,  # noqa: ARG002 -- as the protocol has it
        last: date,  # noqa: ARG002 -- as the protocol has it
        *,
        language: str = "",  # noqa: ARG002 -- as the protocol has it
        network: str = "",  # noqa: ARG002 -- as the protocol has it
    ) -> Sequence[ScreenCount]:
        return ()

    def choices(self, first: date, last: date) -> tuple[Sequence[str], Sequence[str]]:  # noqa: ARG002 -- as above
        return (), ()
