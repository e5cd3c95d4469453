"""What the DCI server has done later, by workers: answers brought to those who asked, events, forgetting."""

from collections.abc import Mapping

from core.outbox import Handler, Later, Task
from registry.server import memory
from registry.server.calling import Announcing, CallingBack
from registry.server.posting import Poster
from ussd_app.bootstrap import Services
from ussd_app.dci.house import build_dci


def dci_handlers(services: Services) -> Mapping[str, Handler]:
    """By topic. Nothing is connected until it is used."""
    sessions, clock, dci = services.sessions, services.clock, build_dci(services)
    calling = CallingBack(sessions, dci.server, dci.holdings, dci.replies, Poster(clock).post, clock)

    def forget(_task: Task) -> Later | None:
        with sessions.begin() as session:
            memory.forget_old(session, clock.now())
        return None

    return {
        "dci_callback": calling.run,
        "dci_event": Announcing(sessions, dci.holdings, clock).run,
        "dci_forget": forget,
    }
