"""Health for operators: alive (no I/O), ready (every server this process needs), metrics."""

import hmac
import os
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, abort, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import REGISTRY
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.backlog import backlog, is_worked
from core.fixed_settings import keep_settings, settings_unlike
from core.key_proofs import keys_unlike
from ussd_app.bootstrap import Services
from ussd_app.gauges import Gauges, age_seconds

_MIGRATIONS: Final = Path(__file__).parent.parent / "migrations" / "versions"
_REVISION: Final = re.compile(r'^(down_)?revision[^=]*= "(\w+)"', re.MULTILINE)
# What may wait for its time (a phone change, a registry that is away) is not due. What is due may wait for a
# worker who has time, as long as any does something.
_OVERDUE_SECONDS_MAX: Final = 300
# A proxy on this machine makes every caller look like this machine.
_OF_PROXIES: Final = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")


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
        if not _may_read_metrics(services):
            abort(404)
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
    now = services.clock.now()
    try:
        with services.sessions.begin() as session:
            found = _stands_at(session)
            waiting = backlog(session, now=now) if found else []
            pepper = services.settings.pin_pepper.get_secret_value().encode()
            unlike = []
            if found == heads:
                unlike = [f"another {name}" for name in keys_unlike(session, services.vault, pepper)]
                unlike += settings_unlike(session, services.settings)
                if not unlike:
                    keep_settings(session, services.settings)
            since = now - timedelta(seconds=_OVERDUE_SECONDS_MAX)
            worked = not waiting or is_worked(session, since=since, now=now)
    except SQLAlchemyError:
        yield "the database does not answer"
        return
    if found != heads:
        yield "the database is not migrated"
    for name in unlike:
        yield f"the database was written with {name}"
    overdue = max((age_seconds(row.due_since, now) for row in waiting), default=0.0)
    if overdue > _OVERDUE_SECONDS_MAX and not worked and services.settings.is_production:
        yield f"nobody takes up work: a task has been due for {overdue:.0f} s"


def _may_read_metrics(services: Services) -> bool:
    """With METRICS_TOKEN, whoever shows it as a bearer. Without: in production nobody, else this machine.

    A peer is what the connection says. A header that speaks of a proxy can only refuse, never admit.
    """
    token = services.settings.metrics_token
    if token is not None:
        shown = request.headers.get("Authorization", "").encode()
        return hmac.compare_digest(shown, f"Bearer {token.get_secret_value()}".encode())
    if services.settings.is_production or any(name in request.headers for name in _OF_PROXIES):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _metrics(services: Services) -> bytes:
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        WrittenFiles(registry)
    now = CollectorRegistry()
    now.register(Gauges(services))
    return generate_latest(registry) + generate_latest(now)
