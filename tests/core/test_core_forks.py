"""Two processes never share a connection; one process does not connect again for each transaction."""

import os
from collections.abc import Callable

from sqlalchemy import Engine, text

from core.processes import fork


def _served_by(engine: Engine) -> int:
    with engine.begin() as connection:
        pid: int = connection.scalar(text("SELECT pg_backend_pid()"))
        return pid


def _in_a_child(work: Callable[[], str]) -> str:
    """What `work` returns in a fork of this process."""
    end, begin = os.pipe()

    def tell() -> int:
        os.write(begin, work().encode())
        return 0

    pid = fork("child", tell)
    os.close(begin)
    with os.fdopen(end) as told:
        said = told.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return said


def test_a_fork_connects_once_and_leaves_its_parents_connection_alone(engine: Engine) -> None:
    before = _served_by(engine)
    first, second = _in_a_child(lambda: f"{_served_by(engine)} {_served_by(engine)}").split()
    assert first == second
    assert int(first) != before
    assert _served_by(engine) == before
