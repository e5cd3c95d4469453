"""`bin/run` from its first line to its last process."""

import os
import signal
import socket
import urllib.request
from pathlib import Path

import psycopg
import pytest
import redis as redis_client
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import make_url

from operations.environment import read_file
from operations.free_port import free_port
from tests.databases import connect
from tests.operations.conftest import House, descendants, is_gone, read_until, wait_until

pytestmark = pytest.mark.stack


def run_file(house: House) -> dict[str, str]:
    return read_file(house.state / "run.json")


def occupy_a_worker(house: House) -> None:
    """Have a worker fork a job that would take minutes."""
    with redis_client.Redis.from_url(run_file(house)["REDIS_URL"]) as redis:
        queue = Queue("money", connection=redis, serializer=JSONSerializer)
        job = queue.enqueue("workers.run.nap", 600)
        wait_until(lambda: job.get_status(refresh=True) == "started", "the job to be taken")


def test_it_gets_ready_and_says_where_everything_is(house: House) -> None:
    process = house.start()
    lines = read_until(process, "ready")
    assert lines[-1] == "ready"
    said = "\n".join(lines)
    assert f"http://127.0.0.1:{house.ports[0]}/dashboard/" in said
    assert f"http://127.0.0.1:{house.ports[1]}/" in said
    assert "demonstration" in said
    for name in ("secrets.env", "run.json"):
        assert (house.state / name).stat().st_mode & 0o777 == 0o600


def test_sigterm_ends_everything_and_a_second_start_has_all_data(house: House) -> None:
    process = house.start()
    read_until(process, "ready")
    first = run_file(house)
    plain = make_url(first["DATABASE_URL"]).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("INSERT INTO kept VALUES ('mshahara')")
    occupy_a_worker(house)
    everyone = descendants(process.pid)
    process.terminate()
    assert process.wait() == 0
    assert [pid for pid in everyone if not is_gone(pid)] == []
    assert not (house.state / "run.json").exists()

    again = house.start()
    read_until(again, "ready")
    assert run_file(house)["PII_KEYS"] == first["PII_KEYS"]
    with psycopg.connect(plain) as connection:
        assert connection.execute("SELECT word FROM kept").fetchall() == [("mshahara",)]


@pytest.mark.parametrize("whom", ["guard", "launcher"])
def test_sigkill_leaves_nothing(house: House, whom: str, no_orphans: set[int]) -> None:
    process = house.start()
    read_until(process, "ready")
    occupy_a_worker(house)
    everyone = descendants(process.pid)
    no_orphans |= everyone
    (launcher,) = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
    os.kill(process.pid if whom == "guard" else launcher, signal.SIGKILL)
    wait_until(lambda: all(is_gone(pid) for pid in everyone), f"the end of {len(everyone)} processes")
    assert process.wait() != 0


def test_any_killed_child_comes_back_and_that_is_said(house: House) -> None:
    process = house.start()
    read_until(process, "ready")
    (launcher,) = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    for child in map(int, children):
        os.kill(child, signal.SIGKILL)
        read_until(process, "ended (killed by SIGKILL); starting it again in 0.2 s")
    wait_until(lambda: answers(house.ports[0]) and answers(house.ports[1]), "web and sandbox")
    env = run_file(house)
    plain = make_url(env["DATABASE_URL"]).set(drivername="postgresql").render_as_string(hide_password=False)

    def database_answers() -> bool:
        try:
            with psycopg.connect(plain) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    wait_until(database_answers, "the database")


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_fresh_forgets_everything(house: House) -> None:
    process = house.start()
    read_until(process, "ready")
    before = run_file(house)
    process.terminate()
    process.wait()
    again = house.start("--fresh")
    read_until(again, "ready")
    assert run_file(house)["SECRET_KEY"] != before["SECRET_KEY"]


def test_fresh_forgets_no_keys_of_data_that_would_stay(house: House) -> None:
    process = house.start()
    read_until(process, "ready")
    outside = run_file(house)["DATABASE_URL"]
    process.terminate()
    process.wait()
    kept = (house.state / "secrets.env").read_text()
    said = house.refuse("--fresh", env={"DATABASE_URL": outside})
    assert "DATABASE_URL is set" in said
    assert (house.state / "secrets.env").read_text() == kept


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("INDEX_KEY", "another-index-key-0123456789-0123456789", "another INDEX_KEY: put that back"),
        ("FUND_REGION", "UG", "FUND_REGION=KE: put that back"),
    ],
)
def test_with_another_key_or_in_another_country_nothing_is_started(
    house: House, name: str, value: str, says: str
) -> None:
    process = house.start()
    read_until(process, "ready")
    # As the web process and the first caller leave it.
    with connect(make_url(run_file(house)["DATABASE_URL"])) as connection:
        connection.execute("INSERT INTO members VALUES ('Wanjiku')")
        connection.execute("INSERT INTO fixed_settings VALUES ('FUND_REGION', 'KE')")
    process.terminate()
    process.wait()
    said = house.refuse(env={name: value})
    assert f"bin/run: the database was written with {says}" in said
    assert "web is" not in said
    read_until(house.start(), "ready")


def test_a_second_start_beside_the_first_is_refused(house: House) -> None:
    first = house.start()
    read_until(first, "ready")
    said = house.refuse()
    assert f"is in use by process {first.pid}" in said
    assert len(said.splitlines()) == 1
    assert first.poll() is None


@pytest.mark.parametrize("which", [0, 1])
def test_a_port_in_use_is_one_sentence(house: House, which: int) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", house.ports[which]))
        busy.listen()
        said = house.refuse()
    flag = ("--port", "--sandbox-port")[which]
    reason = "cannot be used (Address already in use)"
    assert said == f"bin/run: port {house.ports[which]} {reason}; choose another with {flag}\n"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DATABASE_URL", "nonsense", "DATABASE_URL cannot be read"),
        ("DATABASE_URL", "postgresql+psycopg://u:p@127.0.0.1:port/x", "DATABASE_URL cannot be read"),
        ("DATABASE_URL", "mysql://127.0.0.1/x", "it must be postgresql+psycopg"),
        ("DATABASE_URL", "postgresql+psycopg://u:jembe@127.0.0.1:{closed}/x", "does not let us in"),
        ("REDIS_URL", "nonsense", "REDIS_URL cannot be read"),
        ("REDIS_URL", "redis://:jembe@127.0.0.1:{closed}/0", "does not let us in"),
        ("KIBABA_ENV", "moon", "KIBABA_ENV"),
        ("KIBABA_ENV", "production", "refuses the sandbox"),
        ("USSD_SCREEN_SEPTETS", "9000", "USSD_SCREEN_SEPTETS"),
        ("SECRET_KEY", "short", "SECRET_KEY must have at least"),
        ("KIBABA_STATE", "/dev/null/state", "cannot write to /dev/null/state"),
    ],
)
def test_a_bad_setting_is_one_sentence(house: House, name: str, value: str, sentence: str) -> None:
    said = house.refuse(env={name: value.format(closed=free_port())})
    assert sentence in said
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said
    assert "jembe" not in said


def test_production_refuses_the_embedded_servers(house: House) -> None:
    said = house.refuse("--no-sandbox", env={"KIBABA_ENV": "production"})
    assert "refuses the embedded servers" in said
    assert len(said.splitlines()) == 1


def test_without_the_sandbox_every_missing_provider_is_named(house: House) -> None:
    said = house.refuse("--no-sandbox")
    for name in ("MPESA_URL", "AT_API_KEY", "FUND_REGISTRY_URL", "CIVIL_REGISTRY_URL"):
        assert f"{name} is missing" in said


def test_a_part_that_does_not_stay_up_ends_the_start(house: House) -> None:
    (house.tree / "workers" / "relay.py").write_text("raise SystemExit(3)\n")
    said = house.refuse()
    assert "bin/run: workers does not stay up; see" in said


def test_a_full_disk_is_one_sentence(house: House) -> None:
    (house.tree / "operations" / "state.py").write_text(
        (house.tree / "operations" / "state.py").read_text().replace("= 200_000_000", "= 10**18")
    )
    said = house.refuse()
    assert "MB are free" in said
    assert len(said.splitlines()) == 1
