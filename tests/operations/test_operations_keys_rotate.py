"""`bin/kibaba keys rotate` as it is typed: what it says, and what is left when it is killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import make_url
from sqlalchemy.engine import URL

from core.settings import Settings
from core.vault import Vault
from operations.sealing.own_keys import OwnKeys
from operations.state import State
from tests.databases import text_of
from tests.operations.conftest import Operator, wait_until
from tests.operations.sealed_house import (
    INDEX,
    NEW,
    NEW_KEY,
    OLD,
    OLD_KEY,
    SealedHouse,
    encrypted_columns,
    sealed_house,
)
from tests.servers import REPOSITORY, Servers

BOTH_KEYS = f"{NEW_KEY.decode()},{OLD_KEY.decode()}"


@pytest.fixture
def house(servers: Servers, redis: Redis) -> Iterator[SealedHouse]:
    with sealed_house(make_url(servers.database_url), redis) as made:
        yield made


@pytest.fixture
def operator(house: SealedHouse, settings: Settings, tmp_path: Path) -> Operator:
    operator = Operator(settings, tmp_path / "state")
    operator.env |= {"DATABASE_URL": text_of(house.url), "PII_KEYS": BOTH_KEYS}
    operator.env |= {"INDEX_KEY": INDEX.decode()}
    return operator


def test_it_says_what_was_done_and_which_key_may_go(house: SealedHouse, operator: Operator) -> None:
    house.fill(2)
    done = operator.types("keys", "rotate")
    assert (done.returncode, done.stderr) == (0, "")
    sealed = 2 * len(encrypted_columns())
    lines = done.stdout.splitlines()
    assert lines[-1] == f"Nothing that the key {OLD.newest} sealed is left: it may be taken out of PII_KEYS."
    assert sum(int(line.split()[1]) for line in lines[:-1]) == sealed
    assert not any(key in done.stdout for key in BOTH_KEYS.split(","))
    again = json.loads(operator.types("keys", "rotate", "--json").stdout)
    assert (again["newest"], again["retired"], again["not_needed"]) == (NEW.newest, [], [OLD.newest])
    assert again["tables"]["receipts"] == {"sealed_anew": 0, "left": 0}
    only = operator.types("keys", "rotate", env={"PII_KEYS": NEW_KEY.decode()})
    assert only.stdout == f"Everything is sealed with the key {NEW.newest}, the only one.\n"
    back = operator.types("doctor", env={"PII_KEYS": ",".join(reversed(BOTH_KEYS.split(",")))})
    assert f"seals with the key {OLD.newest}, which was retired" in back.stdout


def test_it_says_what_is_left_and_where(house: SealedHouse, operator: Operator) -> None:
    house.fill(1)
    house.put("refunds", "phone", OLD.seal("another.place", "x"))
    done = operator.types("keys", "rotate")
    assert done.returncode == 1
    assert f"1 values that the key {OLD.newest} sealed are left: 1 in refunds." in done.stdout
    facts = json.loads(operator.types("keys", "rotate", "--json").stdout)
    assert (facts["left"], facts["not_needed"]) == ({OLD.newest: 1}, [])


def test_with_keys_that_do_not_fit_nothing_is_touched(house: SealedHouse, operator: Operator) -> None:
    house.fill(1)
    operator.types("keys", "rotate", env={"PII_KEYS": OLD_KEY.decode()})
    before = house.everything()
    done = operator.types("keys", "rotate", env={"PII_KEYS": NEW_KEY.decode()})
    assert (done.returncode, done.stdout) == (1, "")
    assert "written with another PII_KEYS" in done.stderr
    assert house.everything() == before


_SLOW = """
CREATE FUNCTION wait_a_while() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(3); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE UPDATE ON evidence FOR EACH ROW EXECUTE FUNCTION wait_a_while()
"""
_AT_WORK = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
)
_OFF = "SELECT count(*) FROM pg_trigger WHERE tgname = 'append_only' AND tgenabled <> 'O'"


def test_killed_with_a_trigger_off_it_leaves_it_on_and_goes_on_later(
    house: SealedHouse, operator: Operator
) -> None:
    house.fill(1)
    bodies = house.opened(OLD)["evidence.body"]
    house.run(_SLOW)
    process = subprocess.Popen(
        [sys.executable, "-m", "operations.cli", "keys", "rotate"],
        cwd=REPOSITORY,
        env=operator.env,
        stdout=subprocess.DEVNULL,
    )
    wait_until(lambda: house.run(_AT_WORK) == [(1,)], "a batch of evidence")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # Nobody else has ever seen it off, and who would write waits.
    assert house.run(_OFF) == [(0,)]
    wait_until(lambda: house.run(_AT_WORK) == [(0,)], "the end of what the server was told")
    assert house.run(_OFF) == [(0,)]
    assert house.run("SELECT left(body, 8) FROM evidence") == [(OLD.newest,)]
    house.run("DROP TRIGGER slow ON evidence")
    facts = json.loads(operator.types("keys", "rotate", "--json").stdout)
    assert facts["tables"]["contributions"] == {"sealed_anew": 0, "left": 0}
    assert facts["tables"]["evidence"] == {"sealed_anew": 1, "left": 0}
    assert house.opened(NEW)["evidence.body"] == bodies
    assert house.run(_OFF) == [(0,)]


def test_an_owner_who_is_no_superuser_may_do_it(house: SealedHouse, operator: Operator) -> None:
    house.fill(1)
    owner = f"kibaba_owner_{house.url.database}"
    house.run(f"CREATE ROLE {owner} LOGIN PASSWORD 'jembe'; ALTER SCHEMA public OWNER TO {owner}")
    try:
        for (statement,) in house.run(_GIVE.format(owner=owner)):
            house.run(statement)
        theirs = text_of(as_owner(house.url, owner))
        done = operator.types("keys", "rotate", "--json", env={"DATABASE_URL": theirs})
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["retired"] == [OLD.newest]
    finally:
        house.run(f"REASSIGN OWNED BY {owner} TO CURRENT_USER; DROP OWNED BY {owner}; DROP ROLE {owner}")


_GIVE = """
SELECT format('ALTER %s %I.%I OWNER TO {owner}', kind, schemaname, name) FROM (
  SELECT 'TABLE' AS kind, schemaname, tablename AS name FROM pg_tables
) AS owned WHERE schemaname = 'public'
"""


def as_owner(url: URL, owner: str) -> URL:
    return url.set(username=owner, password="jembe")


def test_where_keys_are_kept_in_the_state_one_is_made_and_taken_out_in_the_end(
    house: SealedHouse, operator: Operator
) -> None:
    state = State(Path(operator.env["KIBABA_STATE"]))
    del operator.env["PII_KEYS"], operator.env["INDEX_KEY"]
    assert json.loads(operator.types("doctor", "--json").stdout)["well"]
    own = OwnKeys(state)
    (first,) = own.all()
    state.secrets_file.chmod(0o640)
    others = [line for line in state.secrets_file.read_text().splitlines() if "PII_KEYS" not in line]
    record = b"1|hash|0|0|0|0|epoch||0|" + Vault([first.encode()], INDEX).seal_bytes("ussd.session", b"[]")
    house.redis.set("ussd:session:a", record)
    house.fill(1, Vault([first.encode()], INDEX))
    done = operator.types("keys", "rotate")
    assert done.returncode == 1
    assert done.stdout.endswith(
        "1 in calls of the last fifteen minutes. Run this again in fifteen minutes.\n"
    )
    newest, older = own.all()
    assert (older, newest != first) == (first, True)
    house.redis.delete("ussd:session:a")
    facts = json.loads(operator.types("keys", "rotate", "--json").stdout)
    assert (facts["made"], own.all()) == (None, [newest])
    assert facts["not_needed"] == [Vault([first.encode()], INDEX).newest]
    assert state.secrets_file.stat().st_mode & 0o777 == 0o640
    left = [line for line in state.secrets_file.read_text().splitlines() if "PII_KEYS" not in line]
    assert left == others
    assert json.loads(operator.types("doctor", "--json").stdout)["well"]
