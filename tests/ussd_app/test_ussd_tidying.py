"""What has served its time is forgotten; what is waiting or recent is not."""

from datetime import timedelta

from sqlalchemy import select

from core import outbox
from core.outbox import OutboxRow, Task
from ussd_app.bootstrap import Services
from ussd_app.gateway.once import once
from ussd_app.gateway.tables import HopResult
from ussd_app.tasks import build_tasks
from ussd_app.tidying import HOPS_KEPT, TASKS_KEPT


def test_old_work_is_forgotten_and_waiting_work_never(services: Services) -> None:
    now = services.clock.now()
    long_ago = now - TASKS_KEPT - timedelta(days=1)
    with services.sessions.begin() as session:
        for key in ("done long ago", "done lately", "waiting"):
            outbox.add(session, "message", key, {}, now=long_ago)
        ids = {row.key: row.id for row in session.scalars(select(OutboxRow))}
        outbox.finish(session, ids["done long ago"], now=long_ago)
        outbox.finish(session, ids["done lately"], now=now)
        once(session, "old hop", now - HOPS_KEPT - timedelta(hours=1), dict)
        once(session, "hop of today", now, dict)
    build_tasks(services).handlers["tidy"](Task(ids["waiting"], "tidy", "every", {}, 1, now))
    with services.sessions.begin() as session:
        assert set(session.scalars(select(OutboxRow.key))) == {"done lately", "waiting"}
        assert set(session.scalars(select(HopResult.key))) == {"hop of today"}
