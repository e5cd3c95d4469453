"""What is still to happen: a durable list of things due, and the thread that does them in time."""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sandbox.clock import Clock
from sandbox.store import Store

log = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], None]
TICK_SECONDS = 0.05
PARALLEL = 6


class Agenda:
    """A row is deleted only after its handler is done, so a killed sandbox does it, perhaps again, later."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._handlers: dict[str, Handler] = {}
        self._running: set[int] = set()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def handle(self, kind: str, handler: Handler) -> None:
        self._handlers[kind] = handler

    def add(self, kind: str, payload: Mapping[str, Any], in_seconds: float) -> None:
        self._store.insert(
            "agenda", kind=kind, payload=json.dumps(payload), due_at=self._clock.now() + max(0.0, in_seconds)
        )
        self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    def run_due(self) -> int:
        """Does everything due now, one after the other in due order; for tests that hold the clock."""
        done = 0
        while due := self._claim():
            for row_id, kind, payload in due:
                self._run(row_id, kind, payload)
                done += 1
        return done

    def next_due_at(self) -> float | None:
        """When the next thing falls due, in the clock's seconds; None when nothing is planned."""
        row = self._store.row("SELECT min(due_at) AS due_at FROM agenda")
        return None if row is None or row["due_at"] is None else float(row["due_at"])

    def _claim(self) -> list[tuple[int, str, dict[str, Any]]]:
        # One transaction, so that no row is deleted as done between being read and being found not to run.
        with self._store.transaction():
            rows = self._store.rows(
                "SELECT id, kind, payload FROM agenda WHERE due_at <= ? ORDER BY due_at, id LIMIT 200",
                self._clock.now(),
            )
            fresh = [row for row in rows if row["id"] not in self._running]
            self._running.update(row["id"] for row in fresh)
        return [(row["id"], row["kind"], json.loads(row["payload"])) for row in fresh]

    def _run(self, row_id: int, kind: str, payload: dict[str, Any]) -> None:
        try:
            self._handlers[kind](payload)
        except Exception:
            # One bad row must not stop the post for everybody else; it is dropped and said aloud.
            log.exception("could not do %s", kind)
        try:
            self._store.execute("DELETE FROM agenda WHERE id = ?", row_id)
        finally:
            self._running.discard(row_id)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._loop, name="sandbox-agenda", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def _loop(self) -> None:
        with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="sandbox-post") as pool:
            while not self._stopping.is_set():
                for row_id, kind, payload in self._claim():
                    pool.submit(self._run, row_id, kind, payload)
                self._wake.wait(timeout=TICK_SECONDS)
                self._wake.clear()
