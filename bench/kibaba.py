"""Kibaba itself as it is measured: the real web process under granian, one worker, on bulk members."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.cores import resident_bytes, tree
from bench.ground import Ground
from bench.members import Bulk
from bench.processes import serving
from bench.servers import Measured
from core.vault import Vault
from operations.free_port import free_port
from operations.state import REPOSITORY

PATH = "/gateway/dev/africastalking/ussd"
SHORTCODE = "174379"
PII_KEY = "bench-pii-key-0123456789-0123456789-abcdef"
INDEX_KEY = "bench-index-key-0123456789-0123456789-abcdef"
# As `bin/run` starts it, but for one worker.
GRANIAN = ("--workers", "1", "--blocking-threads", "4", "--http", "1", "--no-ws")


def vault() -> Vault:
    """The vault that fits `settings`."""
    return Vault([PII_KEY.encode()], INDEX_KEY.encode())


def settings(database_url: str, redis_url: str) -> Mapping[str, str]:
    """The environment of the web process. Providers are a closed port: no hop may call one."""
    nowhere = "http://127.0.0.1:9"
    return {
        "KIBABA_ENV": "sandbox",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": "bench-secret-key-0123456789-0123456789",
        "PII_KEYS": PII_KEY,
        "INDEX_KEY": INDEX_KEY,
        "PIN_PEPPER": "bench-pin-pepper-0123456789-0123456789",
        "HOOK_TOKEN": "dev",
        "AT_USERNAME": "sandbox",
        "AT_API_KEY": "sandbox-at-key",
        "AT_URL": f"{nowhere}/africastalking",
        "MPESA_URL": f"{nowhere}/daraja",
        "MPESA_CONSUMER_KEY": "sandbox-key",
        "MPESA_CONSUMER_SECRET": "sandbox-secret",
        "MPESA_SHORTCODE": SHORTCODE,
        "MPESA_PASSKEY": "sandbox-passkey",
        "FUND_REGISTRY_URL": f"{nowhere}/fund",
        "FUND_REGISTRY_CLIENT_ID": "kibaba",
        "FUND_REGISTRY_CLIENT_SECRET": "sandbox-registry-secret",
        "CIVIL_REGISTRY_URL": f"{nowhere}/civil",
        "CIVIL_REGISTRY_CLIENT_ID": "kibaba",
        "CIVIL_REGISTRY_CLIENT_SECRET": "sandbox-registry-secret",
    }


@contextmanager
def kibaba(
    ground: Ground, *, members: int, redis_number: int, core: int, logs: Path, name: str = "kibaba"
) -> Iterator[Measured]:
    """Kibaba serving until the block ends, on a database with so many members."""
    database_url = Bulk(ground, vault(), SHORTCODE).database(members)
    with serve(ground, database_url, redis_number=redis_number, core=core, logs=logs, name=name) as measured:
        yield measured


@contextmanager
def serve(
    ground: Ground, database_url: str, *, redis_number: int, core: int, logs: Path, name: str = "kibaba"
) -> Iterator[Measured]:
    """Kibaba serving until the block ends, on a database that is there."""
    metrics = logs / f"{name}-metrics"
    metrics.mkdir(parents=True, exist_ok=True)
    for old in metrics.iterdir():
        old.unlink()
    port = free_port()
    argv = [sys.executable, "-m", "granian", "--interface", "wsgi", "wsgi:app", "--port", str(port), *GRANIAN]
    env = {**settings(database_url, ground.redis_url(redis_number)), "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    with serving(argv, cwd=REPOSITORY, env=env, port=port, core=core, log=logs / f"{name}.log") as pid:
        yield Measured(name, port, PATH, pid, redis_number)


def worker_of(pid: int) -> int:
    """The process of a granian tree that answers: the one that has loaded the application."""
    return max(tree(pid), key=resident_bytes)
