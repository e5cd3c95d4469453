"""A restore that cannot be whole changes nothing, and says why in one sentence."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import make_url

from core.settings import Settings
from operations.backups.file import Foot, Head, WrittenBackup, reading, writing
from operations.backups.restoring import restore_backup
from operations.migrate import migrate, newest
from operations.trouble import TroubleError
from tests.databases import connect
from tests.operations.conftest import WAIT_SECONDS_MAX, Operator
from tests.operations.living_house import definitions, elsewhere, quiet, rows, sequences
from tests.servers import REPOSITORY

DIGEST_BYTES = 32
BAD = "was cut or changed"
KILLED = """
import os, signal, sys
from pathlib import Path
from operations.backups.restoring import restore_backup
from operations.house import settings

def die_at(table, _rows):
    if table == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

with settings() as current:
    restore_backup(current, Path(sys.argv[1]), die_at)
"""


def refusal(settings: Settings, url: str, file: Path) -> str:
    """What is said; nothing is changed."""
    before = rows(url), sequences(url), definitions(url)
    with pytest.raises(TroubleError) as refused:
        restore_backup(elsewhere(settings, url), file, quiet)
    assert (rows(url), sequences(url), definitions(url)) == before
    said = str(refused.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize("left", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_is_refused(
    house_file: Path, settings: Settings, empty_database: str, tmp_path: Path, left: float
) -> None:
    cut, whole = tmp_path / "cut.kibaba", house_file.read_bytes()
    for size in (int(len(whole) * left), int(len(whole) * left) + 40, len(whole) - 1):
        cut.write_bytes(whole[:size])
        said = refusal(settings, empty_database, cut)
        assert said.endswith("is no backup of Kibaba") or BAD in said


def test_a_file_in_which_one_byte_was_changed_is_refused(
    house_file: Path, settings: Settings, empty_database: str, tmp_path: Path
) -> None:
    changed, whole = tmp_path / "changed.kibaba", house_file.read_bytes()
    for place in (0, 14, 20, len(whole) // 3, len(whole) // 2, len(whole) - DIGEST_BYTES - 1, len(whole) - 1):
        content = bytearray(whole)
        content[place] ^= 1
        changed.write_bytes(content)
        said = refusal(settings, empty_database, changed)
        assert said.endswith("is no backup of Kibaba") or BAD in said
    changed.write_bytes(whole + b"\n")
    assert BAD in refusal(settings, empty_database, changed)


def test_a_file_of_something_else_is_refused(
    settings: Settings, empty_database: str, tmp_path: Path, operator: Operator, keys: dict[str, str]
) -> None:
    file = tmp_path / "letters.txt"
    for text in ("", "haba na haba", "haba na haba " * 100):
        file.write_text(text)
        assert refusal(settings, empty_database, file) == "letters.txt is no backup of Kibaba"
    done = operator.types("restore", str(file), env={**keys, "DATABASE_URL": empty_database})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "bin/kibaba: letters.txt is no backup of Kibaba\n"


def test_a_file_of_a_newer_release_is_refused(
    house_file: Path, settings: Settings, empty_database: str, tmp_path: Path
) -> None:
    file = tmp_path / "newer.kibaba"
    with reading(house_file) as written:
        head = written.head
    with writing(file) as newer:
        _of_migration("9999", head, newer)
    said = refusal(settings, empty_database, file)
    assert said.startswith("newer.kibaba was written at migration 9999, which this release does not know; ")
    whole = house_file.read_bytes()[:-DIGEST_BYTES].replace(b'"format":1', b'"format":2')
    file.write_bytes(whole + hashlib.sha256(whole).digest())
    assert refusal(settings, empty_database, file) == (
        "newer.kibaba has the format 2, and this release reads 1"
    )


def _of_migration(revision: str, head: Head, file: WrittenBackup) -> None:
    file.head(Head(revision, head.taken_at, head.tables))
    for _ in head.tables:
        file.end_table()
    file.finish(Foot({table.name: 0 for table in head.tables}, {}))


def test_a_file_whose_counts_or_tables_do_not_fit_is_refused(
    house_file: Path, settings: Settings, empty_database: str, tmp_path: Path
) -> None:
    """No writer of ours makes such a file; a fault in one would be found before it was too late."""
    with reading(house_file) as written:
        head = written.head
    short, narrow = tmp_path / "short.kibaba", tmp_path / "narrow.kibaba"
    with writing(short) as file:
        file.head(head)
        for _ in head.tables:
            file.end_table()
        file.finish(Foot({table.name: int(table.name == "members") for table in head.tables}, {}))
    assert refusal(settings, empty_database, short) == "0 of 1 rows of members were loaded"
    with writing(narrow) as file:
        _of_migration(newest(), Head(newest(), head.taken_at, head.tables[:-1]), file)
    assert "have other columns" in refusal(settings, empty_database, narrow)


def test_a_house_that_holds_anything_is_refused(house_file: Path, settings: Settings, living: str) -> None:
    said = refusal(settings, living, house_file)
    assert said.startswith("the database holds rows already, in ")
    assert said.endswith(" more; restore into an empty one")


def test_a_single_row_is_something(house_file: Path, settings: Settings, empty_database: str) -> None:
    migrate(empty_database)
    with connect(make_url(empty_database)) as connection:
        connection.execute("INSERT INTO number_look_ups VALUES ('phone', '2026-11-30', '400000012')")
    assert refusal(settings, empty_database, house_file) == (
        "the database holds rows already, in number_look_ups; restore into an empty one"
    )


def test_a_database_of_something_else_is_refused(
    house_file: Path, settings: Settings, empty_database: str
) -> None:
    with connect(make_url(empty_database)) as connection:
        connection.execute("CREATE TABLE letters (word text)")
    assert refusal(settings, empty_database, house_file) == (
        "the database holds tables of something else; restore into an empty one"
    )


def test_a_database_of_a_newer_release_is_refused(
    house_file: Path, settings: Settings, empty_database: str
) -> None:
    migrate(empty_database)
    with connect(make_url(empty_database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert refusal(settings, empty_database, house_file) == (
        "the database is at migration 9999, which this release does not know"
    )


@pytest.mark.parametrize("name", ["INDEX_KEY", "PIN_PEPPER", "PII_KEYS"])
@pytest.mark.parametrize("is_migrated", [False, True])
def test_other_keys_than_those_of_the_data_leave_nothing_behind(
    house_file: Path,
    operator: Operator,
    keys: dict[str, str],
    empty_database: str,
    name: str,
    is_migrated: bool,
) -> None:
    if is_migrated:
        migrate(empty_database)
    before = rows(empty_database), sequences(empty_database), definitions(empty_database)
    env = {**keys, name: "another-key-of-the-tests-0123456789abcdef", "DATABASE_URL": empty_database}
    done = operator.types("restore", str(house_file), env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"bin/kibaba: the database was written with another {name}: put that back" in done.stderr
    assert (rows(empty_database), sequences(empty_database), definitions(empty_database)) == before


def test_a_newer_key_before_the_old_one_fits_and_leaves_its_proof(
    house_file: Path, operator: Operator, keys: dict[str, str], empty_database: str
) -> None:
    ring = f"newer-key-of-the-tests-0123456789abcdef,{keys['PII_KEYS']}"
    env = {**keys, "PII_KEYS": ring, "DATABASE_URL": empty_database}
    done = operator.types("restore", str(house_file), "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["keys_proven"] is True
    assert len(rows(empty_database)["key_proofs"]) == 4


def test_books_that_did_not_hold_come_back_and_are_named(
    living: str, operator: Operator, keys: dict[str, str], empty_database: str, tmp_path: Path
) -> None:
    """Somebody meddled before the backup: what is there is better than nothing, and the exit code says so."""
    with connect(make_url(living)) as connection:
        connection.execute("UPDATE ledger_balances SET balance_cents = balance_cents + 1")
    file = tmp_path / "house.kibaba"
    assert operator.types("backup", str(file)).returncode == 0
    done = operator.types("restore", str(file), env={**keys, "DATABASE_URL": empty_database})
    assert done.returncode == 1
    assert "\nTHE BOOKS DO NOT HOLD.\n" in done.stdout
    assert rows(empty_database) == rows(living)


@pytest.mark.parametrize("is_migrated", [False, True])
@pytest.mark.parametrize("table", ["key_proofs", "ledger_postings"])
def test_a_restore_that_is_killed_leaves_nothing_and_can_be_done_again(
    house_file: Path,
    operator: Operator,
    keys: dict[str, str],
    settings: Settings,
    empty_database: str,
    table: str,
    is_migrated: bool,
) -> None:
    if is_migrated:
        migrate(empty_database)
    before = rows(empty_database), sequences(empty_database), definitions(empty_database)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(house_file), table],
        cwd=REPOSITORY,
        env={**operator.env, **keys, "DATABASE_URL": empty_database},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    _wait_until_nobody_is_left(empty_database)
    assert (rows(empty_database), sequences(empty_database), definitions(empty_database)) == before
    restore_backup(elsewhere(settings, empty_database), house_file, quiet)
    assert len(rows(empty_database)["ledger_postings"]) > 0


def _wait_until_nobody_is_left(url: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with connect(make_url(url)) as connection:
        while connection.execute(others).fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_who_works_with_the_database_is_not_waited_for(
    house_file: Path, settings: Settings, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operations.backups.restoring._LOCK_SECONDS_MAX", 1)
    migrate(empty_database)
    with connect(make_url(empty_database)) as somebody, somebody.transaction():
        somebody.execute("LOCK TABLE members IN ROW EXCLUSIVE MODE")
        with pytest.raises(TroubleError, match="somebody works with the database: stop every process"):
            restore_backup(elsewhere(settings, empty_database), house_file, quiet)
    restore_backup(elsewhere(settings, empty_database), house_file, quiet)
