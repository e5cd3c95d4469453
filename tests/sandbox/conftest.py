"""A gateway that listens, and a sandbox that talks to it on a clock the test holds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.listener import Listener, listening
from sandbox.testing import Box


@pytest.fixture
def gateway() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@pytest.fixture
def box(tmp_path: Path, gateway: Listener) -> Iterator[Box]:
    made = Box(tmp_path / "state", gateway.url)
    yield made
    made.close()
