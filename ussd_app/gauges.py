"""Figures that are read when somebody asks: what waits, what differs, what is wrong at this moment.

They are no counters of a process: in Prometheus' multiprocess mode a `Gauge` would be kept in a file of the
process that last set it, and be told again, with its old value, once for each process that ever did.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core.backlog import backlog
from payments.alerts.service import open_alerts
from payments.reconciliation.view import open_breaks
from registry.breaker import CONNECTIONS, Breaker
from ussd_app.bootstrap import Services


class Gauges(Collector):
    """Reads the database and Redis once for each time it is asked."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterable[Metric]:
        now = self._services.clock.now()
        with self._services.sessions.begin() as session:
            breaks = {str(kind): count for kind, count in open_breaks(session).items()}
            alerts = Counter(str(alert.kind) for alert in open_alerts(session))
            waiting = backlog(session, now=now)
        circuits = {name: Breaker(name, self._services.redis).is_open for name in CONNECTIONS}
        pending = {row.topic: row.pending for row in waiting}
        later = {row.topic: row.later for row in waiting}
        dead = {row.topic: row.dead for row in waiting}
        oldest = {row.topic: age_seconds(row.oldest_pending_at, now) for row in waiting}
        overdue = {row.topic: max(0.0, age_seconds(row.due_since, now)) for row in waiting}
        yield _gauge("kibaba_outbox_pending", "Tasks waiting.", "topic", pending)
        yield _gauge("kibaba_outbox_later", "Tasks set for a time to come.", "topic", later)
        yield _gauge("kibaba_outbox_dead", "Tasks given up.", "topic", dead)
        yield _gauge("kibaba_outbox_oldest_seconds", "Age of the oldest waiting task.", "topic", oldest)
        late = "How long a task has been due that nobody took."
        yield _gauge("kibaba_outbox_overdue_seconds", late, "topic", overdue)
        yield _gauge("kibaba_registry_circuit_open", "1 while a registry is down.", "connection", circuits)
        yield _gauge("kibaba_breaks_open", "Open differences.", "break_class", breaks)
        yield _gauge("kibaba_alerts_open", "Troubles that last.", "kind", alerts)


def age_seconds(since: datetime | None, now: datetime) -> float:
    """Seconds since then; 0 when there was none."""
    return 0.0 if since is None else (now - since).total_seconds()


def _gauge(name: str, says: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, says, labels=[label])
    for value_of, value in values.items():
        family.add_metric([value_of], float(value))
    return family
