"""How each process shows that it answers."""

import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

ANSWER_SECONDS_MAX = 2.0
# As `workers.relay` writes it.
RELAY_KEY = "relay:alive"


def url_answers(url: str) -> Callable[[int], bool]:
    """Ready when GET `url` gives 200. Whose answer it is does not matter: the port was free before."""

    def is_ready(_pid: int) -> bool:
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS_MAX) as answer:  # noqa: S310 - our own http URL.
                return bool(answer.status == HTTPStatus.OK)
        except (OSError, ValueError):
            return False

    return is_ready


def crew_works(redis_url: str, workers: int) -> Callable[[int], bool]:
    """Ready when so many workers of the crew with this process id listen, and the relay has made a turn."""

    def is_ready(pid: int) -> bool:
        try:
            with _client(redis_url) as client:
                keys = client.smembers("rq:workers")
                ours = [key for key in keys if key.startswith(f"rq:worker:{pid}.".encode())]
                # The list keeps the names of those that were killed; what each tells of itself fades.
                listening = client.exists(*ours) if ours else 0
                return listening >= workers and bool(client.exists(RELAY_KEY))
        except redis.RedisError:
            return False

    return is_ready


def _client(redis_url: str) -> redis.Redis:
    timeout = ANSWER_SECONDS_MAX
    return redis.Redis.from_url(redis_url, socket_timeout=timeout, retry=Retry(NoBackoff(), 0))
