"""Starts all of Kibaba and keeps it running: servers, migrations, web, workers, sandbox."""

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from core.errors import KibabaError
from core.settings import Settings, load_settings
from operations.belonging import check_belonging
from operations.embedded import EmbeddedError, Postgres, Server, Valkey, choose_places
from operations.environment import complete, configured, is_production, lower_case, write_file
from operations.introduction import INTRODUCTION, Introduction, introduce
from operations.logs import say
from operations.migrate import migrate
from operations.outside_servers import check_database, check_port, check_redis
from operations.part import part_of
from operations.processes import Ports, processes
from operations.state import State, state_from_environment
from operations.supervisor import Supervisor
from operations.trouble import TroubleError

# Patient: on a machine with other work the parts start slowly, and what cannot start ends by itself.
READY_SECONDS_MAX = 180.0
ASK_AGAIN_SECONDS = 0.25
# A part that cannot stay up while starting will not do better later.
ENDS_WHILE_STARTING_MAX = 4


class StoppedError(Exception):
    """The operator asked for the end."""


class Launcher:
    """One life of `bin/run`."""

    def __init__(self, ports: Ports, state: State) -> None:
        self._ports = ports
        self._state = state
        self._supervisor = Supervisor(state.logs)
        self._introduction: Introduction | None = None
        self._stopping = False

    def run(self, *, fresh: bool) -> None:
        """Start everything, then keep it running until told to stop. Raises TroubleError when it cannot."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        lock = self._state.hold_or_say_who()
        try:
            if fresh:
                self._forget()
            self._work()
        except StoppedError:
            say("stopping")
        finally:
            self._state.leave(lock)
            self._supervisor.stop()
            self._state.run_file.unlink(missing_ok=True)
            os.close(lock)

    def _forget(self) -> None:
        if "DATABASE_URL" in configured():
            # Its data would stay, and the keys they were written with would be gone.
            raise TroubleError("--fresh forgets only what lies in var/, and DATABASE_URL is set; unset one")
        self._state.forget()

    def _work(self) -> None:
        began = time.monotonic()
        env = self._environment()
        servers = self._embedded(env)
        settings = load_settings(_env_file=None, **lower_case(env))
        if self._ports.web == self._ports.sandbox:
            raise TroubleError("--port and --sandbox-port must differ")
        check_port(self._ports.web, "--port")
        if self._ports.sandbox is not None:
            check_port(self._ports.sandbox, "--sandbox-port")
        own = {server.url for server in servers}
        if env["DATABASE_URL"] not in own:
            check_database(env["DATABASE_URL"])
        if env["REDIS_URL"] not in own:
            check_redis(env["REDIS_URL"])
        for server in servers:
            server.prepare()
            self._supervisor.add(part_of(server))
        self._wait_until_ready()
        _migrate(env["DATABASE_URL"])
        check_belonging(settings)
        shutil.rmtree(self._state.metrics, ignore_errors=True)
        self._state.metrics.mkdir()
        for part in processes(self._ports, self._state, env):
            self._supervisor.add(part)
        if self._ports.sandbox is not None:
            self._wait_until_ready("sandbox")
            self._introduction = introduce(settings, self._state)
        self._wait_until_ready()
        write_file(self._state.run_file, self._for_the_command_line(env))
        self._announce(time.monotonic() - began, embedded=bool(servers))
        while not self._stopping:
            self._supervisor.tick()
        raise StoppedError

    def _environment(self) -> dict[str, str]:
        sandbox_url = None if self._ports.sandbox is None else self._ports.sandbox_url
        if sandbox_url and is_production(configured()):
            raise TroubleError("KIBABA_ENV=production refuses the sandbox; start with --no-sandbox")
        return complete(self._state, web_url=self._ports.web_url, sandbox_url=sandbox_url)

    def _embedded(self, env: dict[str, str]) -> list[Server]:
        """The servers to run ourselves; their addresses are put into `env`."""
        if "DATABASE_URL" in env and "REDIS_URL" in env:
            return []
        if is_production(env):
            raise TroubleError(
                "KIBABA_ENV=production refuses the embedded servers; set DATABASE_URL and REDIS_URL"
            )
        places = choose_places(self._state.root)
        servers: list[Server] = []
        makers: dict[str, Callable[[], Server]] = {
            "DATABASE_URL": lambda: Postgres(places),
            "REDIS_URL": lambda: Valkey(places),
        }
        for name, make in makers.items():
            if name not in env:
                server = make()
                env[name] = server.url
                servers.append(server)
        return servers

    def _wait_until_ready(self, *names: str) -> None:
        """Wait for the parts of these names, or for all."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while unready := self._unready(*names):
            # Asking costs processor time that the parts need to start.
            ask_again_at = time.monotonic() + ASK_AGAIN_SECONDS
            while time.monotonic() < ask_again_at:
                self._supervisor.tick()
            if self._stopping:
                raise StoppedError
            for name, ends in self._supervisor.ends_in_a_row().items():
                if ends >= ENDS_WHILE_STARTING_MAX:
                    raise TroubleError(f"{name} does not stay up; see {self._state.logs / f'{name}.log'}")
            if time.monotonic() > deadline:
                raise TroubleError(f"no answer from {', '.join(unready)}; see {self._state.logs}")

    def _unready(self, *names: str) -> list[str]:
        unready = self._supervisor.unready(*names)
        if names or self._introduction is None or self._introduction.is_over():
            return unready
        return [*unready, INTRODUCTION]

    def _for_the_command_line(self, env: dict[str, str]) -> dict[str, str]:
        known = {name.upper() for name in Settings.model_fields}
        told = {name: value for name, value in env.items() if name in known}
        told["KIBABA_WEB_URL"] = self._ports.web_url
        if self._ports.sandbox is not None:
            told["KIBABA_SANDBOX_URL"] = self._ports.sandbox_url
        return told

    def _announce(self, seconds: float, *, embedded: bool) -> None:
        if embedded:
            say("embedded PostgreSQL and Valkey: for demonstration and development only")
        say(f"gateway    {self._ports.web_url}/gateway/<HOOK_TOKEN>/africastalking/ussd")
        say(f"dashboard  {self._ports.web_url}/dashboard/")
        if self._ports.sandbox is not None:
            say(f"phones     {self._ports.sandbox_url}/")
        say(f"logs       {self._state.logs}")
        say(f"started in {seconds:.1f} s; Ctrl-C ends it")
        say("ready")

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True


def _migrate(database_url: str) -> None:
    try:
        migrate(database_url)
    except (CommandError, SQLAlchemyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise TroubleError(f"the database could not be migrated: {reason}") from error


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/run", description="Run all of Kibaba on this machine.")
    parser.add_argument("--port", type=_port, default=8000, help="of the gateway and the dashboard (8000)")
    parser.add_argument("--sandbox-port", type=_port, default=8001, help="of the sandbox (8001)")
    parser.add_argument("--fresh", action="store_true", help="forget everything under var/ first")
    parser.add_argument("--no-sandbox", action="store_true", help="providers are set by the environment")
    options = parser.parse_args()
    ports = Ports(options.port, None if options.no_sandbox else options.sandbox_port)
    try:
        Launcher(ports, state_from_environment()).run(fresh=options.fresh)
    except (TroubleError, EmbeddedError, KibabaError) as error:
        print(f"bin/run: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        print(f"bin/run: {error.strerror or error}{place}", file=sys.stderr)
        return 1
    return 0


def _port(text: str) -> int:
    port = int(text) if text.isdigit() else 0
    if not 0 < port < 2**16:
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return port


if __name__ == "__main__":
    sys.exit(main())
