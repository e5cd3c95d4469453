"""Attempts at one file that die or overlap: what was found stays known, and what was decided stays so."""

import pytest
from sqlalchemy import update

from payments.imports.handing_in import TOPIC, hand_in
from payments.imports.service import Importing
from payments.imports.tables import StatementImport
from payments.wallet_lines.applying import Applying
from tests.payments.deciding import MAKER
from tests.payments.test_payments_second_look_at_files import (
    ABOUT,
    Portal,
    acts,
    counts,
    importing,
    kept,
    read,
    to,
)
from tests.payments.test_payments_statement_import import statement
from tests.payments.wallets.mpesa_statements import row
from tests.payments.world import World


def handed(world: World, content: bytes) -> StatementImport:
    with world.sessions.begin() as session:
        found = hand_in(session, **ABOUT, content=content, by=MAKER, now=world.clock.now())
    return kept(world, found.import_id)


def set_state(world: World, state: str) -> None:
    with world.sessions.begin() as session:
        session.execute(update(StatementImport).values(state=state))


class Cut(Exception):  # noqa: N818
    pass


def test_what_a_file_alone_told_is_known_though_its_first_attempt_died(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second attempt finds the lines of the first, and of them nothing is news."""
    file = handed(world, statement([to(world.member(), "SKZ000001", 900)]))

    def die(*_: object, **__: object) -> int:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(Applying, "run", die)
        with pytest.raises(Cut):
            read(world)
    assert (kept(world, file.id).state, kept(world, file.id).alone_cents) == ("reading", 90_000)
    read(world)
    found = kept(world, file.id)
    assert (found.state, found.lines_new, found.alone_lines, found.alone_cents) == ("done", 1, 1, 90_000)
    assert [line["receipt"] for line in found.alone_largest] == ["SKZ000001"]
    assert len(world.receipts()) == 1


@pytest.mark.parametrize("state", ["refused", "failed", "held"])
def test_a_file_that_was_decided_while_it_was_read_keeps_nothing(world: World, state: str) -> None:
    file = handed(world, statement([to(world.member(), "SKZ000001", 900)]))
    portal = Portal()
    portal.before_end = lambda: set_state(world, state)
    importing(world, portal).run(world.task(world.tasks(TOPIC)[0]))
    assert kept(world, file.id).state == state
    assert (world.receipts(), counts(world)[0], acts(world)) == ([], 0, [])


@pytest.mark.parametrize("state", ["refused", "done"])
def test_who_comes_late_to_the_end_of_a_file_changes_nothing(
    world: World, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another attempt ends it when this one has kept and applied its lines."""
    file = handed(world, statement([to(world.member(), "SKZ000001", 900)]))
    finished = Importing._finish

    def late(self: Importing, *args: object) -> None:
        set_state(world, state)
        finished(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Importing, "_finish", late)
    read(world)
    assert (kept(world, file.id).state, kept(world, file.id).finished_at) == (state, None)
    assert acts(world) == []


@pytest.mark.parametrize("state", ["held", "done"])
def test_an_attempt_that_finds_a_fault_late_refuses_nothing(world: World, state: str) -> None:
    file = handed(world, statement([row("SKZ000001", paid_in="no money")]))
    portal = Portal()
    portal.before_end = lambda: set_state(world, state)
    importing(world, portal).run(world.task(world.tasks(TOPIC)[0]))
    assert (kept(world, file.id).state, counts(world)[3], acts(world)) == (state, 1, [])
