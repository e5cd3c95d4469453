"""A session is walked on the menus it began with, whatever is deployed meanwhile; new calls get new menus."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select, update

import menus
from core.settings import Settings
from members.tables import MemberRow
from menus.engine.source import read_source
from payments.receipts.tables import Receipt
from tests.ussd_app.conftest import Phone, join
from ussd_app.application import create_app
from ussd_app.bootstrap import Services, build
from ussd_app.gateway.tables import MenuDefinition

PACKAGED = Path(menus.__file__).parent
NUMBER = "+254712345678"

Deploy = Callable[[Path | None], FlaskClient]


@pytest.fixture
def deploy(settings: Settings) -> Iterator[Deploy]:
    """Starts a web process with the menus of a folder, on the same servers as all others."""
    with ExitStack() as stack:

        def start(root: Path | None) -> FlaskClient:
            built = build(settings, menu_root=root)
            stack.callback(built.close)
            return create_app(built).test_client()

        yield start


@pytest.fixture
def renumbered(tmp_path: Path) -> Path:
    """The packaged menus with balance first and saving second, and another word for it."""
    for folder in ("screens", "texts"):
        shutil.copytree(PACKAGED / folder, tmp_path / folder)
    change(
        tmp_path / "screens/save.yaml",
        "      save: save_amounts\n      balance: balance_door\n",
        "      balance: balance_door\n      save: save_amounts\n",
    )
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_session_ends_on_the_menus_it_began_with(deploy: Deploy, renumbered: Path) -> None:
    phone = Phone(deploy(None), NUMBER)
    join(phone)
    assert "1 Save" in phone.dial()
    phone.client = deploy(renumbered)
    assert "Enter" not in phone.answer("1"), "the old numbering counts: 1 is saving"
    assert "KES 50" in phone.screens[-1]
    assert "1 Save" in phone.answer("0")
    assert "2 Save" in phone.dial()
    assert "PIN" in phone.answer("1")


def test_a_process_of_the_old_release_goes_on_with_a_session_of_the_new(
    deploy: Deploy, renumbered: Path
) -> None:
    old, new = deploy(None), deploy(renumbered)
    phone = Phone(old, NUMBER)
    join(phone)
    phone.client = new
    assert "2 Save" in phone.dial()
    phone.client = old
    assert "PIN" in phone.answer("1")


def test_a_dropped_join_is_carried_over_to_the_new_menus(deploy: Deploy, renumbered: Path) -> None:
    phone = Phone(deploy(None), NUMBER)
    phone.dial()
    for typed in ("2", "1", "12345678"):
        phone.answer(typed)
    phone.client = deploy(renumbered)
    assert "Continue" in phone.dial()
    phone.answer("1")
    phone.answer("1")
    phone.answer("4926")
    assert phone.answer("4926").startswith("END ")


def test_menus_that_nobody_kept_begin_anew_rather_than_guess(
    deploy: Deploy, renumbered: Path, services: Services
) -> None:
    phone = Phone(deploy(None), NUMBER)
    join(phone)
    phone.dial()
    with services.sessions.begin() as session:
        session.execute(delete(MenuDefinition))
    phone.client = deploy(renumbered)
    # All its screens still exist, so it is carried over; options as they were shown are still meant.
    assert "KES 50" in phone.answer("1")


def test_each_definition_is_kept_once(deploy: Deploy, renumbered: Path, services: Services) -> None:
    for root in (None, renumbered, None):
        Phone(deploy(root), NUMBER).dial()
    with services.sessions.begin() as session:
        kept = {row.hash: row.packed for row in session.scalars(select(MenuDefinition))}
    assert set(kept) == {menus.load_graph().hash, menus.load_graph(renumbered).hash}
    assert all(menus.load_packed(packed).hash == graph_hash for graph_hash, packed in kept.items())


def test_a_menu_kept_by_an_older_release_loads_though_the_lint_would_refuse_it_today(
    renumbered: Path,
) -> None:
    change(renumbered / "screens/menu.yaml", '["01"]', '["2"]')
    assert menus.lint(renumbered)
    assert menus.load_packed(read_source(renumbered).packed()).screens


def test_the_item_as_shown_is_chosen(client: FlaskClient, services: Services) -> None:
    phone = Phone(client, NUMBER)
    join(phone)
    paid(services, 5000)
    assert "1 Save KES 50" in phone.dial()
    with services.sessions.begin() as session:
        session.execute(update(Receipt).values(amount_cents=8000))
    assert "Save KES 50 " in phone.answer("1")
    phone.dial()
    assert "1 Save KES 80" in phone.answer("2"), "started again, the list is of today"


def paid(services: Services, amount_cents: int) -> None:
    with services.sessions.begin() as session:
        session.add(
            Receipt(
                id=uuid.uuid4(),
                wallet="mpesa",
                shortcode="174379",
                receipt="QKA1B2C3D4",
                amount_cents=amount_cents,
                currency="KES",
                member_id=session.scalar(select(MemberRow.id)),
                source="pull",
                match_step="phone",
                particulars="{}",
                paid_at=services.clock.now() - timedelta(days=7),
                recorded_at=services.clock.now(),
            )
        )
        session.flush()
        assert session.scalar(select(func.count()).select_from(Receipt)) == 1
