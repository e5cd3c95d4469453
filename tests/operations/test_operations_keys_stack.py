"""Keys of the embedded house, changed as an operator does it: told to restart, restarted, and rotated."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from operations.free_port import two_free_ports
from operations.sealing.own_keys import OwnKeys
from operations.state import State
from tests.operations.conftest import WAIT_SECONDS_MAX, read_until
from tests.operations.test_operations_cli import STATEMENT
from tests.servers import REPOSITORY

pytestmark = pytest.mark.stack


class Embedded:
    """`bin/run` and `bin/kibaba` on a state directory."""

    def __init__(self, root: Path) -> None:
        self.state = State(root)
        self.env = {
            name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")
        }
        self.env["KIBABA_STATE"] = str(root)
        self.running: subprocess.Popen[str] | None = None

    def start(self) -> None:
        web, sandbox = two_free_ports()
        ports = ("--port", str(web), "--sandbox-port", str(sandbox))
        self.running = subprocess.Popen(
            [REPOSITORY / "bin" / "run", *ports],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        read_until(self.running, "ready")

    def stop(self) -> None:
        if self.running is None:
            return
        self.running.terminate()
        self.running.wait(WAIT_SECONDS_MAX)
        assert self.running.stdout is not None
        self.running.stdout.close()
        self.running = None

    def kibaba(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(REPOSITORY / "bin" / "kibaba"), *words]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)


def test_the_embedded_house_makes_its_new_key_itself(state: Path, tmp_path: Path) -> None:
    house = Embedded(state / "var")
    file = tmp_path / "statement.csv"
    file.write_text(STATEMENT)
    try:
        house.start()
        assert house.kibaba("statement", "import", str(file)).returncode == 0
        (first,) = OwnKeys(house.state).all()
        for _ in range(2):
            told = house.kibaba("keys", "rotate")
            assert (told.returncode, told.stdout) == (1, "")
            assert "bin/run was started before that: restart it" in told.stderr
        second, older = OwnKeys(house.state).all()
        assert older == first
        house.stop()
        house.start()
        # While everything runs: with both keys it opens all, and seals with the new one.
        done = house.kibaba("keys", "rotate", "--json")
        facts = json.loads(done.stdout)
        assert (done.returncode, len(facts["retired"]), facts["tables"]["receipts"]["left"]) == (0, 1, 0)
        assert facts["tables"]["receipts"]["sealed_anew"] == 1
        assert OwnKeys(house.state).all() == [second]
        house.stop()
        house.start()
        assert json.loads(house.kibaba("doctor", "--json").stdout)["well"]
        house.stop()
        # With nothing running it is one command.
        facts = json.loads(house.kibaba("keys", "rotate", "--json").stdout)
        (third,) = OwnKeys(house.state).all()
        assert (facts["made"], third != second) == (facts["newest"], True)
        assert facts["tables"]["receipts"] == {"sealed_anew": 1, "left": 0}
        proof = json.loads(house.kibaba("ledger", "proof", "--json").stdout)
        assert proof["receipts"] == 1
    finally:
        house.stop()
