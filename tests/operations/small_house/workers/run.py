"""Workers whose only job is to take long, in a crew as the real ones are."""

import os
import runpy
import sys
import time
from functools import partial

import redis
from rq import Worker
from rq.serializers import JSONSerializer

from workers.crew import Crew, Post


def nap(seconds: int) -> None:
    time.sleep(seconds)


def _relay() -> int:
    runpy.run_module("workers.relay")
    return 0


def _work(queue: str) -> int:
    connection = redis.Redis.from_url(os.environ["REDIS_URL"])
    name = f"{os.getppid()}.{os.getpid()}"
    Worker([queue], name=name, connection=connection, serializer=JSONSerializer).work(logging_level="WARNING")
    return 0


if __name__ == "__main__":
    posts = [Post(name, _relay if name == "relay" else partial(_work, name)) for name in sys.argv[1:]]
    sys.exit(Crew(posts).run())
