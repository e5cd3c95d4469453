"""Style sheet and pictures: addresses carry a digest of the content, so browsers may keep them for good."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Response, request, send_from_directory, url_for

from dashboard.access import open_to_all

_FOLDER = Path(__file__).parent / "static"
_YEAR_SECONDS = 31_536_000


@open_to_all
def serve(name: str) -> Response:
    """A file of the static folder; kept by browsers for a year when asked for by digest."""
    versioned = "v" in request.args
    return send_from_directory(_FOLDER, name, max_age=_YEAR_SECONDS if versioned else 0)


def address(name: str) -> str:
    """The address of a file with the digest of what it holds now."""
    return url_for("dashboard.static", name=name, v=_digest(name))


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest()[:12]
