"""The sandbox inside a test: a real server on a free loopback port, gone when the block ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox.app import create_app, world_of
from sandbox.settings import Settings


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """A test's output is its own."""


@contextmanager
def running_sandbox(
    state_dir: Path,
    target: str = "http://127.0.0.1:9",
    token: str = "dev",  # noqa: S107 - published.
    **options: Any,
) -> Iterator[str]:
    """Yields the base URL. `options` are further fields of `Settings`; by default nobody hears callbacks."""
    app = create_app(Settings(state_dir=str(state_dir), target=target, hook_token=token, **options))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, name="sandbox", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
        world_of(app).close()
