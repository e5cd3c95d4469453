"""Health for operators: alive (no I/O), ready (every server this process needs), metrics."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest, multiprocess
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import REGISTRY
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core import outbox
from payments.alerts.service import open_alerts
from payments.reconciliation.view import open_breaks
from registry.breaker import Breaker
from registry.connection import CONNECTIONS
from ussd_app.bootstrap import Services

_MIGRATIONS: Final = Path(__file__).parent.parent / "migrations" / "versions"
_REVISION: Final = re.compile(r'^(down_)?revision[^=]*= "(\w+)"', re.MULTILINE)
# The relay takes a due row within a second; what may wait for its time (a phone change, a registry that is
# away) is not due.
_OVERDUE_SECONDS_MAX: Final = 300


def create_blueprint(services: Services) -> Blueprint:
    """`/healthz`, `/readyz`, `/metrics`."""
    blueprint = Blueprint("health", __name__)
    heads = _heads()

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return jsonify(alive=True)

    @blueprint.get("/readyz")
    def readyz() -> tuple[Response, int]:
        faults = list(_faults(services, heads))
        return jsonify(ready=not faults, faults=faults), 503 if faults else 200

    @blueprint.get("/metrics")
    def metrics() -> Response:
        return Response(_metrics(services), content_type=CONTENT_TYPE_LATEST)

    return blueprint


class WrittenFiles(multiprocess.MultiProcessCollector):
    """The figures of all web processes.

    Leaves out files that were made and not begun, which the library cannot read: their process is just
    starting, or was killed while it did.
    """

    def __init__(self, registry: CollectorRegistry, path: str | None = None) -> None:
        super().__init__(registry, path)  # type: ignore[no-untyped-call]  # the library is untyped here

    def collect(self) -> Iterable[Metric]:
        files = [str(file) for file in Path(self._path).glob("*.db") if file.stat().st_size]
        merged: Iterable[Metric] = self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]  # as above
        return merged


def _heads() -> set[str]:
    """The newest migrations, read from the files: Alembic is large, and a web process never migrates."""
    found: dict[str, set[str]] = {"": set(), "down_": set()}
    for file in _MIGRATIONS.glob("*.py"):
        for kind, revision in _REVISION.findall(file.read_text(encoding="utf-8")):
            found[kind].add(revision)
    return found[""] - found["down_"]


def _stands_at(session: Session) -> set[str]:
    """The migrations at which the database stands; none when it has never been migrated."""
    if session.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return set()
    return set(session.scalars(text("SELECT version_num FROM alembic_version")))


def _faults(services: Services, heads: set[str]) -> Iterator[str]:
    try:
        services.redis.ping()
    except RedisError:
        yield "Redis does not answer"
    try:
        with services.sessions.begin() as session:
            found = _stands_at(session)
            waiting = outbox.backlog(session) if found else []
    except SQLAlchemyError:
        yield "the database does not answer"
        return
    if found != heads:
        yield "the database is not migrated"
    overdue = max((_age(row.due_since, services.clock.now()) for row in waiting), default=0.0)
    if overdue > _OVERDUE_SECONDS_MAX and services.settings.is_production:
        yield f"nobody takes up work: a task has been due for {overdue:.0f} s"


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else (now - since).total_seconds()


def _metrics(services: Services) -> bytes:
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        WrittenFiles(registry)
    return generate_latest(registry) + generate_latest(_outbox_gauges(services))


def _outbox_gauges(services: Services) -> CollectorRegistry:
    registry = CollectorRegistry()
    pending = Gauge("kibaba_outbox_pending", "Tasks waiting.", ["topic"], registry=registry)
    dead = Gauge("kibaba_outbox_dead", "Tasks given up.", ["topic"], registry=registry)
    oldest = Gauge(
        "kibaba_outbox_oldest_seconds", "Age of the oldest waiting task.", ["topic"], registry=registry
    )
    overdue = Gauge(
        "kibaba_outbox_overdue_seconds",
        "How long a task has been due that nobody took.",
        ["topic"],
        registry=registry,
    )
    circuits = Gauge(
        "kibaba_registry_circuit_open", "1 while a registry is down.", ["connection"], registry=registry
    )
    for name in CONNECTIONS:
        circuits.labels(name).set(int(Breaker(name, services.redis).is_open))
    breaks = Gauge("kibaba_breaks_open", "Open differences.", ["break_class"], registry=registry)
    alerts = Gauge("kibaba_alerts_open", "Troubles that last.", ["kind"], registry=registry)
    with services.sessions.begin() as session:
        for break_class, count in open_breaks(session).items():
            breaks.labels(break_class).set(count)
        for kind, count in Counter(alert.kind for alert in open_alerts(session)).items():
            alerts.labels(kind).set(count)
        for row in outbox.backlog(session):
            pending.labels(row.topic).set(row.pending)
            dead.labels(row.topic).set(row.dead)
            oldest.labels(row.topic).set(_age(row.oldest_pending_at, services.clock.now()))
            overdue.labels(row.topic).set(max(0.0, _age(row.due_since, services.clock.now())))
    return registry
