"""The menus of this process and those that older or newer sessions began with, by hash."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from core.clock import Clock
from core.database import Sessions
from core.logging import log
from menus import DefinitionError, Graph, load_packed, load_with_pack
from ussd_app.gateway.tables import MenuDefinition

# Definitions in use at one time: the present one, and those of the last deploys.
_LOADED_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class Definition:
    """The menus that a process serves, and the form in which they are kept."""

    graph: Graph
    packed: str

    @staticmethod
    def read(root: Path | None = None) -> "Definition":
        """The packaged menus, or those of a folder. Raises DefinitionError."""
        return Definition(*load_with_pack(root))


class Graphs:
    """The present graph, and any other that a session names. Safe to use from many threads."""

    def __init__(self, sessions: Sessions, clock: Clock, definition: Definition) -> None:
        self.current: Graph = definition.graph
        self._packed = definition.packed
        self._sessions = sessions
        self._clock = clock
        self._loaded: dict[str, Graph | None] = {self.current.hash: self.current}
        self._is_kept = False

    def keep(self) -> None:
        """Store the present definition, so that sessions of it can be finished by any later process."""
        if self._is_kept:
            return
        with self._sessions.begin() as database:
            database.execute(
                insert(MenuDefinition)
                .values(
                    hash=self.current.hash,
                    packed=self._packed,
                    first_seen_at=self._clock.now(),
                )
                .on_conflict_do_nothing(index_elements=["hash"])
            )
        self._is_kept = True

    def get(self, graph_hash: str) -> Graph | None:
        """The graph of a definition; None when nobody kept it or its rules are no more."""
        if graph_hash in self._loaded:
            return self._loaded[graph_hash]
        with self._sessions.begin() as database:
            packed = database.scalar(select(MenuDefinition.packed).where(MenuDefinition.hash == graph_hash))
        if packed is None:
            return None
        graph = _unpacked(graph_hash, packed)
        if len(self._loaded) >= _LOADED_MAX:
            self._loaded = {self.current.hash: self.current}
        self._loaded[graph_hash] = graph
        return graph


def _unpacked(graph_hash: str, packed: str) -> Graph | None:
    try:
        graph = load_packed(packed)
    except (DefinitionError, ValueError) as error:
        log.warning("a kept menu cannot be served any more", graph=graph_hash, error=type(error).__name__)
        return None
    return graph if graph.hash == graph_hash else None
