"""Start a worker: `python -m workers.run QUEUE`."""

import gc

# Until the process stands, all that is loaded stays: the collector would look through it in vain.
gc.disable()

import sys

from core.logging import configure_logging
from workers.jobs import runner, services
from workers.rq_queue import make_worker
from workers.topics import QUEUES


def main(arguments: list[str]) -> int:
    """Work one queue until told to stop."""
    if len(arguments) != 1 or arguments[0] not in QUEUES:
        sys.stderr.write(f"usage: python -m workers.run {{{'|'.join(QUEUES)}}}\n")
        return 2
    configure_logging(f"worker-{arguments[0]}")
    built = services()
    runner()
    gc.collect()
    # Not looked at again, so that the jobs' processes share these pages.
    gc.freeze()
    gc.enable()
    make_worker(built.redis, arguments[0]).work(logging_level="WARNING")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
