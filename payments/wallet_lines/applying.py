"""After lines came in: credit what only the list knows of, and pass on what it confirms."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.clock import Clock
from core.database import Sessions
from payments.crediting import Crediting
from payments.registry_postings.service import confirmed_since, queue_receipts
from payments.wallet_lines.ordinary import apply_ordinary
from payments.wallet_lines.service import (
    apply_line,
    lines_to_apply,
    reversals_to_apply,
    with_what_was_told,
)
from payments.wallet_lines.tables import StoredLine

_BATCH = 500
_CONFIRMED_AT_ONCE = 50_000
# The wallet's time of a payment and the one a callback told may differ a little.
_MARGIN = timedelta(minutes=10)


class Applying:
    """Works through lines: the ordinary ones together, every other in a transaction of its own.

    So its locks never cross those of callbacks: of many, all are taken in one order.
    """

    def __init__(self, sessions: Sessions, clock: Clock, *, pull_delay: timedelta) -> None:
        self._sessions = sessions
        self._clock = clock
        self._pull_delay = pull_delay
        self._crediting = Crediting(pull_delay)

    def run(self, wallet: str, shortcode: str, *, since: datetime, after: int = 0) -> int:
        """Apply every line since an instant that is not in the ledger; returns how many were.

        `after`: lines with ids up to this are known to be applied, but for reversals of what came later.
        """
        applied = 0
        # Looking is to go over all that came in: done once, and again for what takes back what came with it,
        # which may have been told before: by the list of a later day, or a pull after an outage.
        for look, told_after in ((lines_to_apply, after), (reversals_to_apply, 0)):
            with self._sessions.begin() as session:
                for lines in look(session, wallet, shortcode, since=since, after=told_after, at_once=_BATCH):
                    for line in self._without_ordinary(lines):
                        self._apply(line)
                    applied += len(lines)
        self._pass_on(wallet, shortcode, since)
        return applied

    def _apply(self, line: StoredLine) -> None:
        with self._sessions.begin() as session:
            apply_line(session, self._crediting, line, now=self._clock.now())

    def _without_ordinary(self, lines: Sequence[StoredLine]) -> list[StoredLine]:
        with self._sessions.begin() as session:
            every = with_what_was_told(session, lines)
            done = apply_ordinary(session, every, pull_delay=self._pull_delay, now=self._clock.now())
        return [line for line in every if line.id not in done]

    def _pass_on(self, wallet: str, shortcode: str, since: datetime) -> None:
        """Queue for the registry what is confirmed by now. Each look reads the day, so it is for many."""
        while True:
            with self._sessions.begin() as session:
                found = confirmed_since(
                    session, wallet, shortcode, since=since - _MARGIN, limit=_CONFIRMED_AT_ONCE
                )
            for start in range(0, len(found), _BATCH):
                with self._sessions.begin() as session:
                    queue_receipts(session, found[start : start + _BATCH], now=self._clock.now())
            if len(found) < _CONFIRMED_AT_ONCE:
                return
