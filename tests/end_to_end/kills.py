"""Who can be killed: the parts of a house, and what they started to do their work."""

from typing import Final

from tests.end_to_end.process_tree import Process, children
from tests.end_to_end.stack import Stack

VICTIMS: Final = (
    "web",
    "worker of web",
    "workers",
    "relay",
    "worker-money",
    "second worker-money",
    "job of worker-money",
    "worker-messages",
    "worker-registry",
    "job of worker-registry",
    "postgres",
    "valkey",
    "sandbox",
)


def is_killed(stack: Stack, victim: str) -> bool:
    """SIGKILL; False while there is no such process."""
    process = find(stack, victim)
    return process is not None and process.kill()


def find(stack: Stack, victim: str) -> Process | None:
    name = victim.rpartition(" ")[2]
    if victim.startswith("second "):
        return stack.part(name, 1)
    part = stack.part(name)
    if " of " not in victim or part is None:
        return part
    return next(iter(children(part.pid)), None)
