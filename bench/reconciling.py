"""One evening's work in a process of its own, so that its memory is known: import, apply, compare, audit."""

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from bench.cores import peak_bytes
from bench.evening import CALENDAR, DAY
from bench.kibaba import SHORTCODE, vault
from core import audit
from core.clock import SystemClock
from core.database import make_engine, make_sessions
from payments.reconciliation.service import reconcile
from payments.statements import import_statement
from payments.wallets.mpesa.statement_stream import StreamedStatement

_CHUNK_BYTES = 2**20
_COUNTS = "SELECT break_class, count(*) AS breaks FROM breaks GROUP BY 1 ORDER BY 1"


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def main() -> None:
    url, path = sys.argv[1], Path(sys.argv[2])
    sessions = make_sessions(make_engine(url, vault()))
    clock = SystemClock()
    started, used = time.monotonic(), time.process_time()
    stream = StreamedStatement(_chunks(path), SHORTCODE)
    done = import_statement(sessions, clock, "mpesa", stream, pull_delay=timedelta(seconds=3))
    imported = time.monotonic()
    with sessions.begin() as session:
        now = clock.now()
        reconcile(session, CALENDAR, wallet="mpesa", shortcode=SHORTCODE, day=DAY, now=now)
        details = {"lines": done.lines, "new": done.new, "set_aside": len(done.oddities)}
        subject = f"mpesa:{SHORTCODE}"
        audit.record(
            session, at=now, actor="bench", action="statement.imported", subject=subject, details=details
        )
    ended = time.monotonic()
    with sessions() as session:
        breaks = {row.break_class: row.breaks for row in session.execute(text(_COUNTS))}
    figures = {
        "seconds": ended - started,
        "import_seconds": imported - started,
        "compare_seconds": ended - imported,
        "cpu_seconds": time.process_time() - used,
        "peak_mb": peak_bytes(os.getpid()) / 2**20,
        "lines": done.lines,
        "applied": done.applied,
        "repeated": done.repeated,
        "breaks": breaks,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
