"""After lines came in: credit what only the list knows of, and pass on what it confirms."""

from datetime import datetime, timedelta

from core.clock import Clock
from core.database import Sessions
from payments.crediting import Crediting
from payments.registry_postings.service import queue_confirmed
from payments.wallet_lines.service import apply_line, lines_to_apply

_BATCH = 500
# The wallet's time of a payment and the one a callback told may differ a little.
_MARGIN = timedelta(minutes=10)


class Applying:
    """Works through lines one transaction each, so that its locks never cross those of callbacks."""

    def __init__(self, sessions: Sessions, clock: Clock, *, pull_delay: timedelta) -> None:
        self._sessions = sessions
        self._clock = clock
        self._crediting = Crediting(pull_delay)

    def run(self, wallet: str, shortcode: str, *, since: datetime, after: int = 0) -> int:
        """Apply every line since an instant that is not in the ledger; returns how many were.

        `after`: lines with ids up to this are known to be applied.
        """
        applied = 0
        while True:
            with self._sessions.begin() as session:
                ids = lines_to_apply(session, wallet, shortcode, since=since, after=after, limit=_BATCH)
            for line_id in ids:
                with self._sessions.begin() as session:
                    apply_line(session, self._crediting, line_id, now=self._clock.now())
            if not ids:
                break
            applied, after = applied + len(ids), ids[-1]
        self._pass_on(wallet, shortcode, since)
        return applied

    def _pass_on(self, wallet: str, shortcode: str, since: datetime) -> None:
        while True:
            with self._sessions.begin() as session:
                queued = queue_confirmed(
                    session, wallet, shortcode, since=since - _MARGIN, now=self._clock.now(), limit=_BATCH
                )
            if queued < _BATCH:
                return
