"""Hosts that stand on plain memory: the real host, turns and engine, without servers."""

from core.vault import Vault
from operations.walks.stand_ins import (
    MemoryResults,
    MemoryStore,
    SteppingClock,
    as_store,
    no_funnel,
    no_sessions,
)
from operations.walks.town import Town
from ussd_app.gateway.graphs import Definition, Graphs
from ussd_app.gateway.host import Host
from ussd_app.gateway.turns import Turns


class Memory:
    """The servers of one walk; definition and vault are made once for many."""

    def __init__(self, definition: Definition, vault: Vault, budget: int) -> None:
        self.clock = SteppingClock()
        self.store = MemoryStore(self.clock)
        self._results = MemoryResults()
        self._graphs = Graphs(no_sessions(), self.clock, definition)
        self._vault = vault
        self._budget = budget

    def host(self, town: Town) -> Host:
        return Host(
            graphs=self._graphs,
            store=as_store(self.store),
            sessions=no_sessions(),
            turns=Turns(no_sessions(), town, self.clock, self._budget, self._results),
            funnel=no_funnel(),
            vault=self._vault,
            clock=self.clock,
        )

    def flush(self) -> None:
        self.store.flush()

    def set_away(self, *, away: bool) -> None:
        self.store.away = away

    def lose_answer(self) -> None:
        self.store.loses_answer = True

    def remember_for_long(self) -> None:
        self.store.remember_for_long()
