"""Queues and health: what waits, what was given up, and when the periodic work last ran."""

import uuid

from flask import Blueprint, flash, redirect, render_template, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from core import audit, outbox
from core.backlog import backlog
from core.outbox import OutboxRow
from dashboard.access import EVERYONE_AT_THE_FUND, KEEPERS, allow
from dashboard.catalogue import text
from dashboard.circuits import standings
from dashboard.login import signed_in_staff
from dashboard.services import services
from payments.reconciliation.tables import ReconciliationRun
from payments.wallet_lines.tables import PullRun

routes = Blueprint("queues", __name__, url_prefix="/queues")

_DEAD_ROWS_MAX = 100
_RUNS_MAX = 8


@routes.get("/")
@allow(EVERYONE_AT_THE_FUND)
def index() -> str:
    """Backlog per topic, rows given up with their last error, and the last runs."""
    with services().sessions() as database:
        topics = backlog(database, now=services().clock.now())
        dead = database.scalars(
            select(OutboxRow)
            .where(OutboxRow.state == "dead")
            .order_by(OutboxRow.finished_at.desc(), OutboxRow.id)
            .limit(_DEAD_ROWS_MAX)
        ).all()
        pulls = database.scalars(select(PullRun).order_by(PullRun.finished_at.desc()).limit(_RUNS_MAX)).all()
        runs = database.scalars(
            select(ReconciliationRun).order_by(ReconciliationRun.at.desc()).limit(_RUNS_MAX)
        ).all()
    return render_template(
        "dashboard/queues.html",
        topics=topics,
        dead=dead,
        pulls=pulls,
        runs=runs,
        circuits=standings(services().circuits, topics),
    )


@routes.post("/<uuid:row_id>/again")
@allow(KEEPERS)
def again(row_id: uuid.UUID) -> Response:
    """Put a given-up row back into its queue. A second click finds it waiting and changes nothing."""
    parts = services()
    now = parts.clock.now()
    staff = signed_in_staff()
    assert staff is not None
    with parts.sessions.begin() as database:
        row = database.get(OutboxRow, row_id, with_for_update=True)
        if row is not None and row.state == "dead":
            outbox.put_back(database, row.topic, row.key, now=now)
            audit.record(
                database,
                at=now,
                actor=staff.actor,
                action="outbox.tried_again",
                subject=row.id,
                details={"topic": row.topic, "key": row.key},
            )
            flash(text("queues.tried_again"))
    return redirect(url_for(".index"))
