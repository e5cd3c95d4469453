"""A living house comes back from its backup as it was, row by row, and goes on."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import CheckViolation, RestrictViolation
from sqlalchemy import Engine, create_engine, make_url, select
from sqlalchemy.pool import NullPool

from core import audit
from core.audit import AuditEntry, first_broken
from core.database import make_sessions
from core.phone import PhoneNumber
from core.sealing_key import others
from core.settings import Settings
from core.vault import Vault
from members.tables import MemberRow
from operations.backups.restoring import restore_backup
from operations.backups.taking import BACKUP_NAME, take_backup
from operations.belonging import check_belonging
from operations.migrate import bring_to, migrate, newest
from operations.trouble import TroubleError
from tests.databases import connect
from tests.operations.conftest import Operator
from tests.operations.living_house import definitions, elsewhere, live, quiet, rows, sequences
from tests.payments.divisions import credited
from tests.payments.world import World
from tests.servers import REPOSITORY

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
# A few of each kind: with sealed columns, with references to their own rows, append-only, with arrays.
FILLED = {"audit", "consents", "decisions", "duplicate_cases", "evidence", "key_proofs", "ledger_postings"}
FILLED |= {"ledger_transfers", "members", "outbox", "pair_decisions", "receipts", "wallet_lines"}
UNBALANCED = """
INSERT INTO ledger_postings (transfer_id, account_id, amount_cents)
SELECT transfer_id, account_id, 1 FROM ledger_postings LIMIT 1
"""


@pytest.fixture
def world(engine: Engine, vault: Vault, settings: Settings) -> World:
    return live(engine, vault, settings)


def test_a_living_house_comes_back_as_it_was(
    world: World,
    database_url: str,
    operator: Operator,
    keys: dict[str, str],
    empty_database: str,
    tmp_path: Path,
) -> None:
    file, source = tmp_path / "house.kibaba", database_url
    before = rows(source)
    assert {name for name, found in before.items() if found} >= FILLED
    taken = operator.types("backup", str(file), "--json")
    assert taken.returncode == 0, taken.stderr
    assert taken.stderr == "The keys are not in it: keep PII_KEYS, INDEX_KEY and PIN_PEPPER elsewhere.\n"
    told = json.loads(taken.stdout)
    # The migration is in the head of the file, not among its tables.
    assert (told["tables"], told["rows"]) == (len(before) - 1, sum(map(len, before.values())) - 1)
    assert (told["bytes"], told["migration"]) == (file.stat().st_size, newest())
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob("house*")) == [file]

    restored = operator.types("restore", str(file), "--json", env={**keys, "DATABASE_URL": empty_database})
    assert restored.returncode == 0, restored.stderr
    result = json.loads(restored.stdout)
    assert {name: result[name] for name in ("tables", "rows", "bytes", "migration", "taken_at")} == {
        name: told[name] for name in ("tables", "rows", "bytes", "migration", "taken_at")
    }
    assert (result["keys_proven"], result["left_out"]) == (True, [])
    assert result["proof"] == {"holds": True, **world.proof().as_dict()}
    assert result["proof"]["credited_cents"] > 0
    assert rows(empty_database) == before == rows(source)
    assert sequences(empty_database) == sequences(source)
    assert definitions(empty_database) == definitions(source)


def test_a_restored_house_goes_on(living: str, settings: Settings, engine: Engine) -> None:
    """What was sealed opens, no number is given out twice, the audit trail follows, truth stays guarded."""
    check_belonging(settings)
    with make_sessions(engine).begin() as session:
        identifiers = [str(member.identifier) for member in session.scalars(select(MemberRow))]
        assert len(identifiers) > 10
        assert all(identifier.isdigit() for identifier in identifiers)
        last = session.scalars(select(AuditEntry.number).order_by(AuditEntry.number.desc())).first()
        entry = audit.record(session, at=NOW, actor="operator", action="looked", subject="house")
        assert entry.number == (last or 0) + 1
        assert first_broken(session) is None
    world = World(engine)
    world._serial, world.wallet.receipts_made = 80, 1000
    before = world.proof()
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 7000, member.number))
    world.work("evidence")
    assert world.proof().credited_cents == before.credited_cents + 7000
    assert world.proof().holds
    with connect(make_url(living)) as connection:
        for change in ("UPDATE audit SET actor = 'x'", "DELETE FROM ledger_postings", "TRUNCATE audit"):
            with pytest.raises(RestrictViolation):
                connection.execute(change.encode())
        with pytest.raises(CheckViolation, match="sum to zero"):
            connection.execute(UNBALANCED)


def test_what_is_written_meanwhile_is_not_in_it(
    world: World, database_url: str, settings: Settings, empty_database: str, tmp_path: Path
) -> None:
    source = database_url
    file, before = tmp_path / "house.kibaba", rows(source)
    written = 0

    def write_on(_table: str, _rows: int) -> None:
        nonlocal written
        if written < 3:
            credited(world, 7000)
            written += 1

    take_backup(source, file, write_on)
    assert written == 3
    restored = restore_backup(elsewhere(settings, empty_database), file, quiet)
    assert restored.proof.holds
    assert rows(empty_database) == before != rows(source)


def test_a_house_that_only_doctor_looked_at_is_empty(
    living: str, settings: Settings, empty_database: str, tmp_path: Path
) -> None:
    file, there = tmp_path / "house.kibaba", elsewhere(settings, empty_database)
    take_backup(living, file, quiet)
    migrate(empty_database)
    check_belonging(there)
    restore_backup(there, file, quiet)
    assert rows(empty_database) == rows(living)


@pytest.mark.parametrize("is_migrated", [False, True])
def test_a_backup_of_an_older_house_is_brought_to_the_newest_migration(
    living: str, settings: Settings, empty_database: str, tmp_path: Path, is_migrated: bool
) -> None:
    """Before keys left proofs, too: then the operator is told that nothing speaks for them."""
    file = tmp_path / "house.kibaba"
    _take_to(living, "0029")
    assert take_backup(living, file, quiet).migration == "0029"
    migrate(living)
    if is_migrated:
        migrate(empty_database)
    restored = restore_backup(elsewhere(settings, empty_database), file, quiet)
    assert (restored.written_at, restored.migration, restored.keys_proven) == ("0029", newest(), False)
    assert restored.proof.holds
    assert rows(empty_database) == rows(living)
    assert definitions(empty_database) == definitions(living)


def _take_to(url: str, revision: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        bring_to(connection, revision)
    engine.dispose()


def test_a_table_that_is_none_of_the_houses_is_left_out_and_named(
    living: str, settings: Settings, empty_database: str, tmp_path: Path
) -> None:
    file = tmp_path / "house.kibaba"
    with connect(make_url(living)) as connection:
        connection.execute("CREATE TABLE somebody_elses (id bigint GENERATED ALWAYS AS IDENTITY, word text)")
        connection.execute("INSERT INTO somebody_elses (word) VALUES ('haba')")
        try:
            take_backup(living, file, quiet)
        finally:
            connection.execute("DROP TABLE somebody_elses")
    restored = restore_backup(elsewhere(settings, empty_database), file, quiet)
    assert restored.left_out == ("somebody_elses",)
    assert rows(empty_database) == rows(living)


def test_an_existing_file_is_not_written_over(operator: Operator, living: str, tmp_path: Path) -> None:
    file = tmp_path / "house.kibaba"
    file.write_text("the only copy of something")
    done = operator.types("backup", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"bin/kibaba: {file} exists already; name another file\n"

    late = tmp_path / "late.kibaba"

    def put_a_file_there(_table: str, _rows: int) -> None:
        late.write_text("put here meanwhile")

    with pytest.raises(TroubleError, match="exists already"):
        take_backup(living, late, put_a_file_there)
    assert file.read_text() == "the only copy of something"
    assert late.read_text() == "put here meanwhile"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [file.name, late.name]


def test_where_no_file_can_be_what_was_typed_is_named(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "no-folder" / "house.kibaba"
    done = operator.types("backup", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"bin/kibaba: {file} cannot be made: there is no folder {file.parent}\n"

    # There is no room for what the name of an unfinished one adds.
    long = tmp_path / ("k" * 250)
    done = operator.types("backup", str(long))
    assert done.stderr == f"bin/kibaba: File name too long ({long})\n"


def test_a_backup_whose_database_goes_away_leaves_no_file(living: str, tmp_path: Path) -> None:
    file = tmp_path / "house.kibaba"

    def cut(_table: str, _rows: int) -> None:
        with connect(make_url(living)) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
                (BACKUP_NAME,),
            )

    with pytest.raises(TroubleError, match="the database said: "):
        take_backup(living, file, cut)
    assert list(tmp_path.iterdir()) == []


def test_keys_are_sealed_anew_while_a_backup_is_taken(living: str, tmp_path: Path) -> None:
    """It is none of those who seal with another key, and may take hours."""
    counts: list[int] = []

    def count(_table: str = "", _rows: int = 0) -> None:
        with connect(make_url(living)) as connection:
            counts.append(others(connection, "0123456789abcdef"))

    count()
    take_backup(living, tmp_path / "house.kibaba", count)
    assert len(counts) > 1
    assert set(counts) == {counts[0]}


def test_a_migration_waits_for_no_longer_than_it_must(living: str, tmp_path: Path) -> None:
    """While a backup is taken a process of the house may start; tables that are read stay as they are."""
    seen: list[tuple[str | None, str | None]] = []

    def look(_table: str, _rows: int) -> None:
        if seen:
            return
        seen.append(migrate(living))
        with connect(make_url(living)) as connection:
            connection.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                connection.execute("ALTER TABLE members ADD COLUMN more text")

    take_backup(living, tmp_path / "house.kibaba", look)
    assert seen == [(newest(), newest())]


def test_a_database_without_a_house_has_nothing_to_back_up(empty_database: str, tmp_path: Path) -> None:
    with pytest.raises(TroubleError, match="the database holds nothing of Kibaba yet"):
        take_backup(empty_database, tmp_path / "house.kibaba", quiet)
    assert list(tmp_path.iterdir()) == []


def test_the_embedded_servers_are_restored_and_backed_up_too(
    house_file: Path, keys: dict[str, str], state: Path, tmp_path: Path
) -> None:
    """With the keys of the house; those that a new state directory makes for itself are others."""
    refused = _embedded(state, {}, "restore", str(house_file))
    assert refused.returncode == 1
    assert "written with another INDEX_KEY and another PII_KEYS and another PIN_PEPPER" in refused.stderr
    abroad = {"FUND_REGION": "UG", "FUND_CURRENCY": "UGX", "FUND_ZONE": "Africa/Kampala"}
    refused = _embedded(state, keys | abroad, "restore", str(house_file))
    assert refused.returncode == 1
    assert "the database was written with FUND_CURRENCY=KES: put that back" in refused.stderr
    done = _embedded(state, keys, "restore", str(house_file))
    assert done.returncode == 0, done.stderr
    assert "\nThe books hold.\n" in done.stdout
    assert "\naudit: " in done.stderr
    again = tmp_path / "again.kibaba"
    taken = _embedded(state, keys, "backup", str(again), "--json")
    assert re.search(rf"^rows +{json.loads(taken.stdout)['rows']}$", done.stdout, re.MULTILINE)


def _embedded(state: Path, env: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    servers = ("DATABASE_URL", "REDIS_URL")
    inherited = {name: value for name, value in os.environ.items() if name not in servers}
    return subprocess.run(
        [sys.executable, "-m", "operations.cli", *words],
        cwd=REPOSITORY,
        env={**inherited, **env, "KIBABA_STATE": str(state)},
        capture_output=True,
        text=True,
        check=False,
    )
