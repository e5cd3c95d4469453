"""The whole system as `bin/run` starts it, in a state directory and on ports of its own."""

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import requests
from sqlalchemy import make_url

from operations.embedded.spawn import spawn
from operations.environment import read_file
from operations.free_port import two_free_ports
from tests.end_to_end.process_tree import CREW, PARTS, Process, children, descendants, marked
from tests.end_to_end.waiting import PATIENCE_SECONDS, wait_for
from tests.servers import REPOSITORY

NAIROBI = ZoneInfo("Africa/Nairobi")
SERVICE_CODE = "*384*96#"
READY_SECONDS_MAX = 240.0
STOP_SECONDS_MAX = 30.0
REQUEST_SECONDS_MAX = 30.0
# Periodic work and questions asked in advance are always waiting for their time.
NEVER_AT_REST = frozenset(
    {"pull", "reconcile", "ask", "phone_change", "refunds", "alerts", "wallet_balance", "audit_head"}
    | {"plan_reminders", "tidy", "watch", "dci_forget", "dci_event", "dci_callback"}
)
_NOT_YET_POSTED = """
SELECT count(*) FROM receipts WHERE member_id IS NOT NULL AND reversed_at IS NULL
  AND id NOT IN (SELECT receipt_id FROM registry_postings)
"""
_NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "KIBABA_ENV", "PUBLIC_URL")


class Stack:
    """One installation: started, looked at, hurt and stopped like a stranger would."""

    def __init__(self, state: Path, settings: Mapping[str, str] | None = None) -> None:
        self.state = state / "var"
        self.ports = two_free_ports()
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        self._environment = {**inherited, **(settings or {}), "KIBABA_STATE": str(self.state)}
        self._output = state / "output.txt"
        self._process: subprocess.Popen[bytes] | None = None
        # Popping is atomic: several people may turn up at the same time.
        self._people = list(reversed(list(adults())))
        self._numbers = [f"+2547101{number:05d}" for number in reversed(range(1000))]

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.ports[1]}"

    def start(self, *arguments: str) -> None:
        """Run `bin/run` until it says `ready`."""
        ports = ("--port", str(self.ports[0]), "--sandbox-port", str(self.ports[1]))
        with self._output.open("wb") as output:
            # It ends with the test run, should that be killed.
            self._process = spawn(
                [sys.executable, "-m", "operations.run", *ports, *arguments],
                cwd=REPOSITORY,
                env=self._environment,
                output=output,
            )
        process = self._process
        wait_for(
            lambda: "ready" in self.said() or process.poll() is not None,
            "the line `ready`",
            seconds=READY_SECONDS_MAX,
            otherwise=self.explain,
        )
        assert process.poll() is None, self.explain()

    def stop(self) -> int:
        """SIGTERM; the exit code. Raises AssertionError when a process is left."""
        process = self._process
        assert process is not None
        everyone = list(descendants(process.pid))
        process.terminate()
        status = process.wait(STOP_SECONDS_MAX)
        self._process = None
        left = marked(str(self.state))
        for one in left:
            one.kill()
        assert everyone, self.explain()
        assert left == [], f"still running: {left}"
        return status

    def kill(self) -> None:
        """SIGKILL to `bin/run` itself."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def destroy(self) -> None:
        """End everything that may be left, whatever state it is in."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for one in marked(str(self.state)):
            one.kill()

    def part(self, name: str, number: int = 0) -> Process | None:
        """The process of a part or crew member (see PARTS, CREW); with several of a kind, by age.

        None while it is not running.
        """
        process = self._process
        assert process is not None
        if name in CREW:
            crew = self.part("workers")
            of_a_kind = [one for one in children(crew.pid) if one.name == name] if crew else []
        else:
            of_a_kind = [
                child
                for launcher in children(process.pid)
                for child in children(launcher.pid)
                if PARTS[name] in child.command
            ]
        return of_a_kind[number] if number < len(of_a_kind) else None

    def said(self) -> list[str]:
        return self._output.read_text(errors="replace").splitlines()

    def explain(self) -> str:
        """What a person would look at when this stack misbehaves."""
        parts = ["", "== bin/run", *self.said()[-40:]]
        for log in sorted((self.state / "log").glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()
            parts += [f"== {log.name}", *lines[-15:]]
        return "\n".join(parts)

    def sandbox(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """One request to the sandbox; its JSON. Raises requests.RequestException."""
        with requests.Session() as session:
            # A proxy of this machine has no business between two loopback addresses.
            session.trust_env = False
            answer = session.request(
                method, self.sandbox_url + path, json=body, params=query, timeout=REQUEST_SECONDS_MAX
            )
        answer.raise_for_status()
        return answer.json()

    def fault(self, part: str, **keys: Any) -> None:
        self.sandbox("PUT", f"/faults/{part}", keys)

    def no_faults(self) -> None:
        self.sandbox("DELETE", "/faults")

    def add_staff(self, email: str, name: str, role: str, password: str) -> None:
        """`bin/kibaba staff add`, the password given on standard input."""
        done = subprocess.run(
            [
                *(sys.executable, "-P", "-m", "operations.cli", "staff", "add", email),
                *("--name", name, "--role", role, "--password-stdin"),
            ],
            env={**self._environment, "PYTHONPATH": str(REPOSITORY)},
            input=f"{password}\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"

    def command(self, *arguments: str) -> Any:
        """`bin/kibaba …` with --json. Raises AssertionError with what it said when it fails."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "operations.cli", *arguments, "--json"],
            env={**self._environment, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}{self.explain()}"
        return json.loads(done.stdout)

    def proof(self) -> dict[str, int]:
        """`bin/kibaba ledger proof --json`."""
        found: dict[str, int] = self.command("ledger", "proof")
        return found

    def count(self, query: str) -> int:
        """One number out of the database, for what no screen, message or command tells."""
        url = make_url(read_file(self.state / "run.json")["DATABASE_URL"]).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def pending(self) -> dict[str, int]:
        """Tasks waiting or set for later by topic, as /metrics tells."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{self.web_url}/metrics", timeout=REQUEST_SECONDS_MAX)
        answer.raise_for_status()
        waiting: Counter[str] = Counter()
        for line in answer.text.splitlines():
            for name in ('kibaba_outbox_pending{topic="', 'kibaba_outbox_later{topic="'):
                if line.startswith(name):
                    topic, _, count = line.removeprefix(name).partition('"} ')
                    waiting[topic] += round(float(count))
        return dict(waiting)

    def is_at_rest(self) -> bool:
        """Nothing is in flight: everything written has been sent, judged, told and posted."""
        try:
            return not any(count for topic, count in self.pending().items() if topic not in NEVER_AT_REST)
        except requests.RequestException:
            return False

    def wait_for_rest(self, seconds: float = PATIENCE_SECONDS) -> None:
        wait_for(self.is_at_rest, "rest", seconds=seconds, otherwise=lambda: f"{self.pending()}")

    def is_all_at_the_fund(self) -> bool:
        """At rest, and no money of a member waits for the wallet's list to show it."""
        return self.count(_NOT_YET_POSTED) == 0 and self.is_at_rest()

    def statement(self) -> list[dict[str, Any]]:
        """Lines of the wallet's own statement, of today and, for tests around midnight, yesterday."""
        now = datetime.fromisoformat(self.sandbox("GET", "/clock")["now"]).astimezone(NAIROBI)
        days = (now - timedelta(days=1), now)
        return [
            row
            for day in days
            for row in self.sandbox("GET", "/statement.json", date=f"{day:%Y-%m-%d}")["rows"]
        ]

    def sms_of_receipt(self, receipt: str) -> list[str]:
        """SMS about one receipt, to whomever."""
        return [sms["text"] for sms in self.sandbox("GET", "/sms") if receipt in sms["text"]]

    def new_number(self) -> str:
        """A phone that nobody had before."""
        return self._numbers.pop()

    def new_person(self) -> dict[str, str]:
        """Somebody of the civil registry: alive, adult, with a name of their own."""
        return self._people.pop()


def adults() -> Iterator[dict[str, str]]:
    """People who may join, without those that the sandbox's README names and without look-alikes."""
    with (REPOSITORY / "sandbox" / "people.csv").open(newline="") as file:
        everyone = list(csv.DictReader(file))
    seen = {_likeness(person) for person in everyone[:10]}
    for person in everyone[10:]:
        if person["status"] != "alive" or person["birth_date"] > "2000" or _likeness(person) in seen:
            continue
        seen.add(_likeness(person))
        yield person


def _likeness(person: Mapping[str, str]) -> tuple[str, str, str]:
    return person["given_name"], person["surname"], person["birth_date"]
