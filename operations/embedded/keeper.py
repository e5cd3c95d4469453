"""Forgetful embedded servers while another process lives: `python -m operations.embedded.keeper`.

One test run uses one pair of servers, whichever of its processes asks first. Its directory holds
`servers.json` with the two addresses once both answer, and is removed at the end.
"""

import argparse
import json
import os
import select
import shutil
import signal
import sys
from pathlib import Path

from operations.embedded.places import choose_places
from operations.embedded.postgres import Postgres
from operations.embedded.running import running
from operations.embedded.valkey import Valkey


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--while-process", type=int, required=True, metavar="PID")
    options = parser.parse_args()
    state: Path = options.state
    # A keyboard interrupt belongs to the run that is being kept, whose end we see.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watched = os.pidfd_open(options.while_process)
    places = choose_places(state)
    servers = (Postgres(places, durable=False), Valkey(places, durable=False))
    try:
        with running(servers, state / "log"):
            addresses = {"database_url": servers[0].url, "redis_url": servers[1].url}
            unfinished = state / "servers.json.unfinished"
            unfinished.write_text(json.dumps(addresses))
            unfinished.rename(state / "servers.json")
            sys.stdout.close()
            select.select([watched], [], [])
    finally:
        for directory in {state, places.home, places.sockets}:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
