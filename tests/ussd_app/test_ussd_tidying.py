"""What has served its time is forgotten; what is waiting or recent is not."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from core import outbox
from core.ids import new_id
from core.outbox import OutboxRow, Task
from members.tables import EnrolmentCheckRow, IdentityCheckRow
from tests.ussd_app.conftest import Phone, join
from ussd_app import tidying
from ussd_app.bootstrap import Services
from ussd_app.gateway.once import once
from ussd_app.gateway.tables import HopResult
from ussd_app.tasks import build_tasks
from ussd_app.tidying import HOPS_KEPT, LOOKED_UP_KEPT, TASKS_KEPT


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


def _look_up(services: Services, count: int, *, hours_ago: float) -> None:
    at = services.clock.now() - timedelta(hours=hours_ago)
    with services.sessions.begin() as session:
        for _ in range(count):
            check = IdentityCheckRow(
                id=new_id(),
                key=uuid.uuid4().hex,
                phone_index="phone",
                identifier_type="NATIONAL_ID",
                identifier="23456789",
                identifier_index="id",
                state="found",
                masked_name="W***** M*****",
                failed_attempts=0,
                created_at=at,
            )
            session.add(check)
            session.flush()
            session.add(EnrolmentCheckRow(check_id=check.id, state="waiting", asked_at=at))


def test_who_looked_up_an_id_and_never_joined_is_forgotten_after_two_days(
    services: Services, phone: Callable[[str], Phone], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "_BATCH", 3)
    join(phone("+254711000001"))
    with services.sessions.begin() as session:
        session.execute(delete(EnrolmentCheckRow))
        joined = session.scalars(select(IdentityCheckRow)).one()
        joined.created_at -= LOOKED_UP_KEPT * 2
        kept = {joined.id}
    _look_up(services, 7, hours_ago=49)
    _look_up(services, 2, hours_ago=47)
    with services.sessions.begin() as session:
        lately = services.clock.now() - LOOKED_UP_KEPT
        kept |= set(session.scalars(select(IdentityCheckRow.id).where(IdentityCheckRow.created_at > lately)))
    tidying.Tidying(services.sessions, services.clock).run(
        Task(uuid.uuid4(), "tidy", "every", {}, 1, services.clock.now())
    )
    with services.sessions.begin() as session:
        assert set(session.scalars(select(IdentityCheckRow.id))) == kept
        assert len(session.scalars(select(EnrolmentCheckRow)).all()) == 2
