"""A worker whose only job is to take long."""

import os
import sys
import time

import redis
from rq import Worker
from rq.serializers import JSONSerializer


def nap(seconds: int) -> None:
    time.sleep(seconds)


if __name__ == "__main__":
    connection = redis.Redis.from_url(os.environ["REDIS_URL"])
    Worker([sys.argv[1]], connection=connection, serializer=JSONSerializer).work(logging_level="WARNING")
