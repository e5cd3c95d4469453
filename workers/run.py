"""Start workers: `python -m workers.run WORKER...`; with more than one, a crew of processes."""

import gc

if __name__ == "__main__":
    # Until the process stands, all that is loaded stays: the collector would look through it in vain. Whoever
    # only imports this module keeps theirs.
    gc.disable()

import sys
from functools import partial
from typing import Final

from core.logging import configure_logging
from core.priority import give_way
from workers import relay
from workers.crew import Crew, Post
from workers.jobs import runner, services
from workers.rq_queue import make_worker
from workers.topics import WORKERS

RELAY: Final = "relay"


def main(arguments: list[str]) -> int:
    """Be these workers, each in a process of its own, until told to stop; `relay` is the relay."""
    if not arguments or not set(arguments) <= {*WORKERS, RELAY}:
        sys.stderr.write(f"usage: python -m workers.run {{{'|'.join((*WORKERS, RELAY))}}} ...\n")
        return 2
    configure_logging("workers")
    services()
    runner()
    gc.collect()
    # Not looked at again, so that the crew's and the jobs' processes share these pages.
    gc.freeze()
    gc.enable()
    give_way()
    posts = [_post(name) for name in arguments]
    return posts[0].work() if len(posts) == 1 else Crew(posts).run()


def _post(name: str) -> Post:
    if name == RELAY:
        return Post(RELAY, relay.main)
    return Post(f"worker-{name}", partial(_work, name))


def _work(name: str) -> int:
    configure_logging(f"worker-{name}")
    make_worker(services().redis, name).work(logging_level="WARNING")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
