"""Many small statement files of one person are looked at by a second one, as one large file would be."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
from sqlalchemy.orm import Session

from core.audit import AuditEntry
from payments.imports import service
from payments.imports.adding_up import ADDED_UP, told_before
from payments.imports.handing_in import TOPIC, hand_in
from payments.imports.service import Importing
from payments.imports.tables import StatementImport
from tests.payments.deciding import CHECKER, MAKER
from tests.payments.test_payments_second_look_at_files import (
    ABOUT,
    given,
    importing,
    kept,
    let_go,
    read,
    sent_back,
    to,
)
from tests.payments.test_payments_statement_import import statement
from tests.payments.world import World


@pytest.fixture
def files(world: World) -> "Files":
    return Files(world)


class Files:
    """Files of one payment each, which nobody else tells of, all for one member."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._member = world.member()
        self._count = 0

    def content(self, shillings: int) -> bytes:
        self._count += 1
        return statement([to(self._member, f"SKZ{self._count:06d}", shillings, self._count % 50)])

    def given(self, shillings: int, by: str = MAKER) -> uuid.UUID:
        """Handed in and read, by its own task alone."""
        import_id = self.handed_in(shillings, by)
        self.read(import_id)
        return import_id

    def handed_in(self, shillings: int, by: str = MAKER) -> uuid.UUID:
        world, content = self._world, self.content(shillings)
        with world.sessions.begin() as session:
            return hand_in(session, **ABOUT, content=content, by=by, now=world.clock.now()).import_id

    def read(self, import_id: uuid.UUID, reader: Importing | None = None) -> None:
        for task in self._world.tasks(TOPIC):
            if task.payload["import_id"] == str(import_id):
                (reader or importing(self._world)).run(self._world.task(task))

    def state(self, import_id: uuid.UUID) -> tuple[str, int]:
        """Its state, and the money of earlier files that counted beside it."""
        row = kept(self._world, import_id)
        return row.state, row.alone_before_cents


def test_the_file_that_goes_over_the_limit_waits_with_what_was_before_it(world: World, files: Files) -> None:
    for shillings in (400, 400, 200):
        assert files.state(files.given(shillings)) == ("done", 0)
    one_more = files.given(1)
    assert files.state(one_more) == ("held", 100_000)
    assert len(world.receipts()) == 3
    with world.sessions() as session:
        held = session.query(AuditEntry).filter_by(action="statement.held").one()
    assert (held.details["alone_cents"], held.details["alone_before_cents"]) == (100, 100_000)
    # Another person's files are another sum.
    assert files.state(files.given(1000, by=CHECKER)) == ("done", 0)


def test_what_a_second_person_released_or_refused_counts_no_more(world: World, files: Files) -> None:
    large = files.given(5000)
    assert files.state(files.given(600)) == ("done", 0)
    let_go(world, large)
    read(world)
    assert files.state(large) == ("done", 0)
    refused = files.given(500)
    assert files.state(refused) == ("held", 60_000)
    sent_back(world, refused)
    assert files.state(files.given(400)) == ("done", 0)


def test_a_day_later_the_sum_begins_anew(world: World, files: Files) -> None:
    assert files.state(files.given(1000)) == ("done", 0)
    world.clock.forward(seconds=ADDED_UP.total_seconds() - 1)
    assert files.state(files.given(1)) == ("held", 100_000)
    world.clock.forward(seconds=1)
    assert files.state(files.given(1000)) == ("done", 0)


def test_a_file_that_tells_nothing_alone_is_taken_beside_any_sum(world: World, files: Files) -> None:
    content = files.content(1000)
    assert files.state(given(world, content)) == ("done", 0)
    # The same line in other bytes.
    assert files.state(given(world, content + b"\r\n")) == ("done", 0)


def test_a_file_counts_once_however_often_it_is_read(
    world: World, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt is cut off when its lines are kept: they count from then on, but not beside themselves."""
    first = files.handed_in(800)
    cut_off = importing(world)

    def die(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(cut_off, "_finish", die)
    with pytest.raises(ConnectionError):
        files.read(first, cut_off)
    assert kept(world, first).state == "reading"
    over = files.given(300)
    assert files.state(over) == ("held", 80_000)
    files.read(first)
    assert files.state(first) == ("done", 0)
    assert files.state(files.given(200)) == ("done", 0)
    with world.sessions.begin() as session:
        session.get_one(StatementImport, first).state = "failed"
    assert files.state(files.given(1)) == ("held", 100_000)


def test_of_two_files_read_at_once_one_waits(
    world: World, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for the other between the sum and its end: the second has no sum before."""
    both = Barrier(2)

    def slowly(session: Session, row: StatementImport) -> int:
        before = told_before(session, row)
        with suppress(BrokenBarrierError):
            both.wait(timeout=1)
        return before

    monkeypatch.setattr(service, "told_before", slowly)
    ids = [files.handed_in(600) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(files.read, ids))
    assert sorted(files.state(one) for one in ids) == [("done", 0), ("held", 60_000)]
    assert len(world.receipts()) == 1
