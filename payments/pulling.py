"""Reading the wallet's own list, every page; a list not read in full is a failure and never an empty list."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.backlog import another_tries_again
from core.clock import Clock
from core.database import Sessions
from core.ids import new_id
from core.logging import log
from core.outbox import Later, Task
from payments.alerts.service import AlertKind, clear_alert, raise_alert
from payments.model import EvidenceChannel
from payments.wallet_lines.applying import Applying
from payments.wallet_lines.coverage import last_complete_end
from payments.wallet_lines.service import keep_lines
from payments.wallet_lines.tables import PullRun
from payments.wallets.protocol import PullFailed, Wallet, WalletLine, wallet_on

# M-Pesa lists the last 48 hours; the minute keeps us inside while the request travels.
_WINDOW = timedelta(hours=48) - timedelta(minutes=1)
_OVERLAP = timedelta(hours=2)
_FULL_EVERY = timedelta(hours=1)
# Well before the worker's own end: what was read is applied and told of, also when it is not all.
_READING_TIME_MAX = timedelta(seconds=60)
_BACK_OFF_SECONDS = (5, 15, 30, 60)
_ERROR_CHARACTERS_MAX = 300


class Pulling:
    """Handles `pull` tasks: `wallet`, `shortcode`. Windows overlap; lines are kept once by their row keys."""

    def __init__(
        self, sessions: Sessions, wallets: Mapping[str, Wallet], clock: Clock, *, pull_delay: timedelta
    ) -> None:
        self._sessions = sessions
        self._wallets = wallets
        self._clock = clock
        self._pull_delay = pull_delay
        self._applying = Applying(sessions, clock, pull_delay=pull_delay)

    def run(self, task: Task) -> Later | None:
        """Read one window. A failed pull is recorded and tried again until one is complete.

        What another pull has read meanwhile, or will read when it tries again, is not read again: of a list
        that cannot be read, one try waits, however many payments come. A wallet without a list is left alone,
        and so is an account that is not on.
        """
        name, shortcode = str(task.payload["wallet"]), str(task.payload["shortcode"])
        wallet = wallet_on(self._wallets, name, shortcode)
        if wallet is None:
            # Receipts, claims and prompts of before ask for it still; nobody could ever read it.
            log.info("pull left out", wallet=name, shortcode=shortcode, reason="not on")
            with self._sessions.begin() as session:
                clear_alert(session, AlertKind.PULL_FAILED, f"{name}:{shortcode}", now=self._clock.now())
            return None
        if not wallet.can_pull:
            # Its statement files are its list; whoever asked for a pull need not know.
            return None
        end = self._clock.now()
        with self._sessions.begin() as session:
            last = last_complete_end(session, name, shortcode)
            if last is not None and last >= task.created_at + self._pull_delay:
                # Wishes that queued up behind one pull share it: it began after this was wished.
                return None
            if another_tries_again(session, task):
                return None
            start = self._start(session, name, shortcode, end)
        pages = lines = 0
        error = ""
        try:
            for page in self._in_time(wallet.pull(start, end), end):
                with self._sessions.begin() as session:
                    keep_lines(session, name, page, EvidenceChannel.PULL, now=self._clock.now())
                pages, lines = pages + 1, lines + len(page)
        except PullFailed as failure:
            error = str(failure) or failure.code
            log.warning("pull failed", wallet=name, shortcode=shortcode, pages=pages, reason=error)
        # Lines that did arrive are true, complete or not.
        self._applying.run(name, shortcode, since=start)
        run = PullRun(
            id=new_id(),
            wallet=name,
            shortcode=shortcode,
            window_start=start,
            window_end=end,
            complete=not error,
            pages=pages,
            lines=lines,
            error=error[:_ERROR_CHARACTERS_MAX],
            finished_at=self._clock.now(),
        )
        with self._sessions.begin() as session:
            session.add(run)
            alert = (AlertKind.PULL_FAILED, f"{name}:{shortcode}")
            if error:
                raise_alert(session, *alert, error, now=run.finished_at)
            else:
                clear_alert(session, *alert, now=run.finished_at)
        if not error:
            return None
        pause = _BACK_OFF_SECONDS[min(task.attempt, len(_BACK_OFF_SECONDS)) - 1]
        return Later(pause, f"pull failed: {error}")

    def _in_time(self, pages: Iterator[list[WalletLine]], began: datetime) -> Iterator[list[WalletLine]]:
        """Pages as they come. Raises PullFailed where there is another after the time for all is over."""
        is_late = False
        for page in pages:
            if is_late:
                raise PullFailed(f"the list was not read to its end in {_READING_TIME_MAX.seconds} s")
            yield page
            is_late = self._clock.now() - began > _READING_TIME_MAX

    def _start(self, session: Session, wallet: str, shortcode: str, end: datetime) -> datetime:
        """The whole window when that was not read for an hour, else from a little before the last one."""
        last_full = session.scalar(
            select(func.max(PullRun.window_end)).where(
                PullRun.wallet == wallet,
                PullRun.shortcode == shortcode,
                PullRun.complete,
                PullRun.window_end - PullRun.window_start >= _WINDOW,
            )
        )
        last = last_complete_end(session, wallet, shortcode)
        if last is None or last_full is None or end - last_full >= _FULL_EVERY:
            return end - _WINDOW
        return max(end - _WINDOW, last - _OVERLAP)
