"""Whole systems to try things on: one for all that do not break it, new ones for those that do."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.end_to_end.stack import Stack

NewStack = Callable[[Mapping[str, str]], Stack]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here starts the whole system."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("stack")


@pytest.fixture(scope="session")
def shared_stack() -> Iterator[Stack]:
    with open_directory() as directory:
        stack = Stack(Path(directory))
        try:
            stack.start()
            yield stack
            stack.stop()
        finally:
            stack.destroy()


@pytest.fixture
def stack(shared_stack: Stack) -> Iterator[Stack]:
    """A running system without faults and without work in flight, shared with other tests."""
    shared_stack.no_faults()
    shared_stack.wait_for_rest()
    yield shared_stack
    shared_stack.no_faults()


@pytest.fixture
def own_stack() -> Iterator[Stack]:
    """A system for one test alone, not started."""
    with open_directory() as directory:
        stack = Stack(Path(directory))
        yield stack
        stack.destroy()


def open_directory() -> tempfile.TemporaryDirectory[str]:
    # Open to the servers' account, which pytest's own directories are not.
    made = tempfile.TemporaryDirectory(prefix="kibaba-stack-", ignore_cleanup_errors=True)
    Path(made.name).chmod(0o755)
    return made
