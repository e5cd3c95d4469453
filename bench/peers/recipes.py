"""What each peer needs and how it is started: the recipes of the comparison, with every version pinned."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.ground import Ground
from bench.processes import BenchError, serving
from bench.servers import Measured
from operations.free_port import free_port
from operations.state import REPOSITORY

_APPS = Path(__file__).parent / "apps"
_PATH = "/ussd"
_WEB = ("flask==3.1.3", "gunicorn==27.0.1", "granian==2.8.7", "redis==8.1.0", "hiredis==3.5.0")
_ANYSD = ("anysd==1.2.7", "redis==5.3.1", "hiredis==3.5.0", "flask==3.1.3", "gunicorn==27.0.1")
_NODE = ("ussd-menu-builder@1.2.0", "express@5.3.0", "redis@5.12.1")
_GUNICORN = (
    "gunicorn", "--workers", "1", "--worker-class", "sync", "--no-control-socket", "--bind",
    "127.0.0.1:{port}",
)  # fmt: skip
# The same shape as Kibaba's own server, so that only what runs inside differs.
_GRANIAN = (
    "granian", "--interface", "wsgi", "--port", "{port}", "--workers", "1", "--blocking-threads", "4",
    "--http", "1", "--no-ws",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """One peer. `home` is the directory of its packages below the peers' own; `argv` runs inside it."""

    name: str
    home: str
    packages: tuple[str, ...]
    argv: tuple[str, ...]
    what: str


RECIPES = (
    Recipe(
        "ussd_menu_builder_redis",
        "node",
        _NODE,
        ("node", str(_APPS / "umb_app.js")),
        "ussd-menu-builder 1.2.0 on express 5.3.0, a menu per request, session GET + SETEX",
    ),
    Recipe(
        "flask_redis_gunicorn",
        "web",
        _WEB,
        (*_GUNICORN, "bench.peers.apps.flask_app:app"),
        "hand-written Flask 3.1.3 view, session GET + SETEX, gunicorn 27.0.1 sync",
    ),
    Recipe(
        "wsgi_redis_floor",
        "web",
        _WEB,
        (*_GRANIAN, "bench.peers.apps.wsgi_app:app"),
        "bare WSGI callable, session GET + SETEX, granian 2.8.7",
    ),
    Recipe(
        "anysd_redis",
        "anysd",
        _ANYSD,
        (*_GUNICORN, "bench.peers.apps.anysd_app:app"),
        "anysd 1.2.7, redis-py 5.3.1, gunicorn 27.0.1 sync",
    ),
)


def install(recipe: Recipe, peers: Path) -> None:
    """Install a peer's packages unless exactly these are there. Raises BenchError."""
    home = peers / recipe.home
    stamp, wanted = home / "installed.txt", "\n".join(recipe.packages)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"installing {', '.join(recipe.packages)}", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    if recipe.home == "node":
        if shutil.which("npm") is None:
            raise BenchError(f"{recipe.name} needs node and npm")
        (home / "package.json").write_text('{"name": "peer", "private": true}\n')
        _run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", *recipe.packages], home)
    else:
        _run([sys.executable, "-m", "venv", "."], home)
        _run(["bin/python", "-m", "pip", "install", "--disable-pip-version-check", *recipe.packages], home)
    stamp.write_text(wanted)


def _run(argv: Sequence[str], home: Path) -> None:
    done = subprocess.run(argv, cwd=home, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise BenchError(f"{' '.join(argv[:4])} failed: {' '.join(last)}")


@contextmanager
def peer(
    recipe: Recipe, ground: Ground, *, redis_number: int, core: int, peers: Path, logs: Path
) -> Iterator[Measured]:
    """A peer serving until the block ends."""
    home, port = peers / recipe.home, free_port()
    argv = [part.format(port=port) for part in recipe.argv]
    if recipe.home != "node":
        argv[0] = str(home / "bin" / argv[0])
    env = _environment(recipe, home, ground.redis_url(redis_number), port)
    with serving(argv, cwd=REPOSITORY, env=env, port=port, core=core, log=logs / f"{recipe.name}.log") as pid:
        yield Measured(recipe.name, port, _PATH, pid, redis_number)


def _environment(recipe: Recipe, home: Path, redis_url: str, port: int) -> Mapping[str, str]:
    env = {"PEER_REDIS_URL": redis_url, "PEER_PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"}
    if recipe.home == "node":
        return {**env, "NODE_PATH": str(home / "node_modules"), "NODE_ENV": "production"}
    if recipe.home == "anysd":
        address = urlsplit(redis_url)
        config = home / "config.yaml"
        config.write_text(
            "development:\n  redis:\n    connection:\n"
            f"      host: {address.hostname}\n      port: {address.port}\n      db: {address.path[1:]}\n"
        )
        return {**env, "ANYSD_CONFIG_FILE": str(config)}
    return env
