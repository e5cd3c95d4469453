"""Servers that the operator runs: whether their addresses can be read, and whether they answer."""

import os
import socket

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from operations.trouble import TroubleError

CONNECT_SECONDS_MAX = 5
POSTGRES_VERSION_MIN = 150_000


def check_database(url: str) -> None:
    """Raises TroubleError unless `url` leads to a PostgreSQL 15 or newer that lets us in."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise TroubleError(
            "DATABASE_URL cannot be read; it looks like postgresql+psycopg://user:password@host/database"
        ) from error
    if parsed.drivername != "postgresql+psycopg":
        raise TroubleError(f"DATABASE_URL begins with {parsed.drivername}; it must be postgresql+psycopg")
    shown = parsed.render_as_string(hide_password=True)
    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(plain, connect_timeout=CONNECT_SECONDS_MAX) as connection:
            version = connection.info.server_version
    except (psycopg.Error, ValueError, UnicodeError) as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise TroubleError(f"the database {shown} does not let us in: {reason}") from error
    if version < POSTGRES_VERSION_MIN:
        raise TroubleError(
            f"the database {shown} is PostgreSQL {version // 10_000}; Kibaba needs 15 or newer"
        )


def check_redis(url: str) -> None:
    """Raises TroubleError unless `url` leads to a Redis or Valkey that lets us in."""
    try:
        client = redis.Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_SECONDS_MAX,
            socket_timeout=CONNECT_SECONDS_MAX,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise TroubleError("REDIS_URL cannot be read; it looks like redis://host:6379/0") from error
    try:
        with client:
            client.ping()
    except (redis.RedisError, OSError) as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise TroubleError(f"the server of REDIS_URL does not let us in: {reason}") from error


def check_port(port: int, flag: str) -> None:
    """Raises TroubleError when something listens on `port` of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise TroubleError(
                f"port {port} cannot be used ({os.strerror(error.errno or 0)}); choose another with {flag}"
            ) from error
