"""Running seeds: each on a clean database, each the same again, the failing one named."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

import psycopg
from psycopg import sql
from sqlalchemy import Engine, event, make_url
from sqlalchemy.engine import URL

from core.database import make_engine
from core.ids import ids_from
from core.vault import Vault
from operations.migrate import migrate
from operations.simulation.chance import Diary, SeededIds, VirtualClock
from operations.simulation.house import House
from operations.simulation.invariants import Broken, check_rest, check_step
from operations.simulation.story import Story

DATABASE = "kibaba_simulation"
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Day:
    """How one seed went. `digest` is the same whenever the seed is. `broken` names a promise not kept."""

    seed: int
    steps: int
    payments: int
    credited_cents: int
    refunded_cents: int
    faults: dict[str, int]
    digest: str
    broken: str = ""
    lines: tuple[str, ...] = ()


def run_seed(engine: Engine, seed: int, steps: int) -> Day:
    """One day on an empty database. A broken promise ends it and is in the answer."""
    clock, diary = VirtualClock(), Diary()
    with ids_from(SeededIds(clock, Random(f"ids {seed}"))):  # noqa: S311 -- it must be repeatable, not secret
        random = Random(seed)  # noqa: S311 -- the same
        house = House(engine, random, clock, diary)
        story = Story(house, random, clock, diary)
        done = 0
        credited = refunded = 0
        broken = ""
        try:
            for step in range(1, steps + 1):
                done = step
                story.step()
                check_step(story)
            story.come_to_rest()
            found = check_rest(story)
            credited, refunded = found.credited_cents, found.refunded_cents
        except Broken as error:
            broken = f"after step {done}: {error}"
            diary.note(broken)
        diary.note(f"{len(house.wallet.lines)} lines, {credited} credited, {refunded} refunded")
    return Day(
        seed=seed,
        steps=done,
        payments=len(house.wallet.lines),
        credited_cents=credited,
        refunded_cents=refunded,
        faults=diary.faults,
        digest=diary.digest,
        broken=broken,
        lines=tuple(diary.lines),
    )


@contextmanager
def scratch_engine(server_url: str, vault: Vault) -> Iterator[Engine]:
    """A database of its own on a server, with every table, dropped afterwards."""
    server = make_url(server_url)
    url = server.set(database=DATABASE)
    _run(server, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)", f"CREATE DATABASE {DATABASE}")
    migrate(url.render_as_string(hide_password=False))
    engine = hasty_engine(url.render_as_string(hide_password=False), vault)
    try:
        yield engine
    finally:
        engine.dispose()
        _run(server, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def hasty_engine(url: str, vault: Vault) -> Engine:
    """An engine for a database that nobody needs tomorrow: no commit waits for the disk.

    Connections are not tried before use either: one that was cut is noticed by whoever uses it.
    """
    engine = make_engine(url, vault, patience_seconds=_PATIENCE_SECONDS)

    @event.listens_for(engine, "connect")
    def _(connection: psycopg.Connection, _: object) -> None:
        connection.execute("SET synchronous_commit TO off")
        connection.commit()

    return engine


def empty(engine: Engine) -> None:
    """Forget every row; only a scratch database may be emptied. Raises ValueError."""
    if engine.url.database != DATABASE:
        raise ValueError(f"{engine.url.database} is no scratch database")
    with _connect(engine.url) as connection:
        # Append-only tables refuse DELETE by a trigger; in this role triggers rest.
        connection.execute("SET session_replication_role = replica")
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchall()
        deletes = [sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for (name,) in tables]
        connection.execute(sql.SQL("; ").join(deletes))


def _run(server: URL, *statements: str) -> None:
    with _connect(server) as connection:
        for statement in statements:
            connection.execute(sql.SQL(statement))


def _connect(url: URL) -> psycopg.Connection:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)
