"""A house in which much has happened, and what a database holds, for the tests of backup and restore."""

from argon2 import PasswordHasher
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import Engine, make_url
from sqlalchemy.orm import Session

from core import audit
from core.settings import Settings
from core.vault import Vault
from dashboard.services import Services
from members.model import Policy
from members.pins import Pins
from members.service import Members
from operations.belonging import check_belonging
from payments.suspense.model import Act
from tests.dashboard.a_day import seed
from tests.databases import connect
from tests.payments.deciding import do, lost, wish
from tests.payments.divisions import ALL, parts_of, split_wish, workers
from tests.payments.one_person import Pair
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.world import World

# What COPY writes in a way of its own, and more than is packed at a time.
ODD = "tab\tline\nreturn\r \\N \\. 'quoted' \"too\" \N{EURO SIGN} \N{ELEPHANT}"
LONG = "haba na haba " * 200_000

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
_DEFINITIONS = """
SELECT tgrelid::regclass::text, tgname, tgenabled::text, pg_get_triggerdef(oid) FROM pg_trigger
WHERE NOT tgisinternal
UNION SELECT conrelid::regclass::text, conname, '', pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
UNION SELECT tablename, indexname, '', indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION SELECT proname, '', '', prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
ORDER BY 1, 2, 3, 4
"""


def live(engine: Engine, vault: Vault, settings: Settings) -> World:
    """Members save, are merged and kept apart again, payments are divided and joined, staff decide."""
    world = World(engine)
    # Those of the day below are numbered from one.
    world._serial = 40
    pair = Pair(world)
    pair.undo(pair.decide())
    pair.decide()
    receipt = lost(world, ALL)
    decision = do(world, split_wish(receipt, *((member, 40_000) for member in workers(world, 2))))
    do(world, wish(Act.UNDO, receipt, undoes_id=decision.id))
    rest = lost(world, ALL)
    do(world, split_wish(rest, *((member, 30_000) for member in workers(world, 3))))
    assert len(parts_of(world, rest)) == 4
    world.prompted(world.member())
    world.settle(minutes=1)
    with world.sessions.begin() as session:
        _a_day(session, world, vault)
        audit.record(
            session,
            at=world.clock.now(),
            actor="operator",
            action="odd",
            subject="",
            reason=ODD,
            details={"odd": ODD, "long": LONG},
        )
    check_belonging(settings)
    return world


def _a_day(session: Session, world: World, vault: Vault) -> None:
    pins = Pins(b"pepper-of-the-tests", PasswordHasher(time_cost=1, memory_cost=8), world.clock)
    parts = Services(
        sessions=world.sessions,
        clock=world.clock,
        calendar=world.calendar,
        members=Members(vault, world.clock, pins, Policy(world.calendar)),
        secret_key="secret-key-of-the-tests-0123456789abcdef",
        public_url="http://127.0.0.1:8000",
        wallet="mpesa",
        shortcode=SHORTCODE,
        fund_name="Haba Fund",
    )
    seed(session, parts)


def rows(url: str) -> dict[str, list[str]]:
    """Each table's rows as PostgreSQL writes them, in an order that is always the same."""
    with connect(make_url(url)) as connection:
        tables = [name for (name,) in connection.execute(_TABLES)]
        return {name: [row for (row,) in connection.execute(_query(name))] for name in tables}


def _query(table: str) -> sql.Composed:
    return sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(sql.Identifier(table))


def sequences(url: str) -> dict[str, int | None]:
    """The last value that each gave out."""
    with connect(make_url(url)) as connection:
        found = connection.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
        return dict(found.fetchall())


def definitions(url: str) -> list[tuple[str, ...]]:
    """Triggers with whether they are on, constraints, indexes and functions."""
    with connect(make_url(url)) as connection:
        return connection.execute(_DEFINITIONS).fetchall()


def elsewhere(settings: Settings, url: str) -> Settings:
    """The same keys for another database."""
    return settings.model_copy(update={"database_url": SecretStr(url)})


def quiet(_table: str, _rows: int) -> None:
    """Progress that nobody is told of."""
