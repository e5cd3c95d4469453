"""The one RQ job: work the outbox tasks with these ids."""

import uuid
from contextlib import suppress
from functools import cache

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import configure_mappers

from core.settings import load_settings
from ussd_app.bootstrap import Services, build
from ussd_app.tasks import build_tasks
from workers.handling import TaskRunner
from workers.topics import TOPICS


@cache
def services() -> Services:
    """The process's services, built once and before any job is forked."""
    built = build(load_settings())
    _warm_up(built)
    return built


@cache
def runner() -> TaskRunner:
    """The process's task runner, built once and before any job is forked."""
    built = services()
    tasks = build_tasks(built)
    return TaskRunner(
        built.sessions, built.clock, tasks.handlers, TOPICS, tasks.batch_handlers, tasks.given_up
    )


def _warm_up(built: Services) -> None:
    # What each forked job would otherwise do again: two thirds of the cost of a small one.
    configure_mappers()
    with suppress(SQLAlchemyError), built.sessions() as session:
        # No job can use the connection of its parent: let go of it.
        session.connection().detach()


def perform(task_ids: list[str], topic: str) -> None:
    """Work tasks of one topic."""
    runner().run_all([uuid.UUID(task_id) for task_id in task_ids], topic)
