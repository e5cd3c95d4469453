"""The processes that `bin/run` keeps running, one line each: this is the place to add one."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from operations.part import Part
from operations.readiness import crew_works, url_answers
from operations.state import REPOSITORY, State

# The relay, and who works the queues: two processes for money.
CREW: Final = ("relay", "money", "money", "messages", "registry")


@dataclass(frozen=True)
class Ports:
    """Where the web and the sandbox listen, on this machine only. `sandbox` is None without one."""

    web: int
    sandbox: int | None

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.web}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox}"


def processes(ports: Ports, state: State, env: Mapping[str, str]) -> list[Part]:
    """Everything but the servers. `env` holds every setting."""
    redis_url = env["REDIS_URL"]
    surroundings = {**env, "PYTHONUNBUFFERED": "1"}

    def python(name: str, *arguments: str, is_ready: Callable[[int], bool], **more: str) -> Part:
        argv = (sys.executable, "-m", *arguments)
        return Part(name, argv, cwd=REPOSITORY, env=surroundings | more, is_ready=is_ready)

    parts = [
        python(
            "web",
            *_web_server(ports.web),
            is_ready=url_answers(f"{ports.web_url}/readyz"),
            PROMETHEUS_MULTIPROC_DIR=str(state.metrics),
        ),
        python("workers", "workers.run", *CREW, is_ready=crew_works(redis_url, len(CREW) - 1)),
    ]
    if ports.sandbox is not None:
        arguments = ["--port", str(ports.sandbox), "--state", str(state.sandbox)]
        arguments += ["--target", ports.web_url, "--hook-token", env["HOOK_TOKEN"]]
        ready = url_answers(f"{ports.sandbox_url}/healthz")
        parts.append(python("sandbox", "sandbox", *arguments, is_ready=ready))
    return parts


def _web_server(port: int) -> list[str]:
    command = ["granian", "--interface", "wsgi", "wsgi:app", "--host", "127.0.0.1", "--port", str(port)]
    # A few threads per worker, so that one slow staff page never holds up a caller.
    command += ["--workers", "2", "--blocking-threads", "4", "--http", "1", "--no-ws"]
    # A worker that dies is started again while the other serves; dawdling clients do not hold up a stop.
    return [*command, "--respawn-failed-workers", "--workers-kill-timeout", "4"]
