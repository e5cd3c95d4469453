"""The one object that holds the sandbox together, reachable from every request."""

from dataclasses import dataclass
from functools import cached_property

from flask import current_app

from sandbox.agenda import Agenda
from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.people import Directory
from sandbox.post import Post
from sandbox.settings import Settings
from sandbox.store import Store
from sandbox.switches import Switches, current


@dataclass
class World:
    """Built once per application by `build`."""

    settings: Settings
    store: Store
    clock: Clock
    agenda: Agenda
    faults: Faults
    post: Post

    @property
    def switches(self) -> Switches:
        return current(self.store)

    @cached_property
    def people(self) -> Directory:
        return Directory.shipped()

    def close(self) -> None:
        self.agenda.stop()
        self.store.close()


def build(settings: Settings) -> World:
    store = Store(settings.database)
    clock = Clock(store)
    agenda = Agenda(store, clock)
    return World(settings, store, clock, agenda, Faults(store), Post(store, clock, agenda))


def here() -> World:
    """The world of the request being answered."""
    found = current_app.extensions["sandbox"]
    assert isinstance(found, World)
    return found
