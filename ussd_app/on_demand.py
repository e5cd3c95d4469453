"""An application below some addresses that is loaded when somebody first asks for it."""

import threading
from collections.abc import Callable, Collection, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class OnDemand:
    """WSGI middleware: what `load` makes, once, answers addresses that begin with `/` and one of `names`.

    Who comes first waits for it, and whoever else comes there meanwhile. When `load` raises, the request
    fails and the next one tries again.
    """

    def __init__(
        self, app: WSGIApplication, names: Collection[str], load: Callable[[], WSGIApplication]
    ) -> None:
        self._app = app
        self._names = names
        self._load = load
        self._loaded: WSGIApplication | None = None
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        first, _, _ = path.removeprefix("/").partition("/")
        app = self._app if first not in self._names else self._loaded or self._first()
        return app(environ, start_response)

    def _first(self) -> WSGIApplication:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded
