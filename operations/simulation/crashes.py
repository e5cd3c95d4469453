"""Ends of processes and of database connections, between any two writes."""

from sqlalchemy import event
from sqlalchemy.orm import Session

from core.database import Sessions


class Killed(BaseException):
    """The process ended here, as by SIGKILL: nothing after this ran, and no handler hears of it."""


class Assassin:
    """Strikes at the nth commit from now: before or after it took effect, or by cutting the connection."""

    def __init__(self, sessions: Sessions) -> None:
        self._countdown = 0
        self._how = "before"
        event.listen(sessions, "before_commit", self._before)
        event.listen(sessions, "after_commit", self._after)

    def wait_for(self, commits: int, how: str) -> None:
        """`how`: `before`, `after` or `database`."""
        self._countdown, self._how = commits, how

    def rest(self) -> None:
        """Strike no more."""
        self._countdown = 0

    def _before(self, session: Session) -> None:
        if self._how != "after" and self._is_time():
            if self._how == "before":
                raise Killed
            # As after a restart of the server: the commit fails, and the process learns of it.
            session.connection().exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    def _after(self, _: Session) -> None:
        if self._how == "after" and self._is_time():
            raise Killed

    def _is_time(self) -> bool:
        if not self._countdown:
            return False
        self._countdown -= 1
        return not self._countdown
