"""Asking the wallet what our accounts hold, every hour, and keeping each answer for whoever looks into a day.

Nothing is compared with it by itself: the answer tells all accounts of a shortcode by the names that the
wallet gives them, without what is reserved or on its way; a list tells one account and comes hours later.
"""

from collections.abc import Mapping

from core.clock import Clock
from core.database import Sessions
from core.outbox import Later, Task
from payments.alerts.service import AlertKind, clear_alert, raise_alert
from payments.wallets.payouts import Answers, Ordered, OrderKind, Payouts

_AGAIN_SECONDS = 300.0
_ATTEMPTS_MAX = 5


class BalanceAsking:
    """Handles `wallet_balance` tasks; the answer comes as evidence."""

    def __init__(
        self, sessions: Sessions, payouts: Mapping[str, Payouts], clock: Clock, *, hooks: str
    ) -> None:
        self._sessions = sessions
        self._payouts = payouts
        self._clock = clock
        self._hooks = hooks.rstrip("/")

    def run(self, task: Task) -> Later | None:
        """Ask once; a question that was refused is asked again a few times."""
        payouts = self._payouts.get(str(task.payload["wallet"]))
        if payouts is None:
            return None
        base, kind = self._hooks, OrderKind.BALANCE
        outcome = payouts.ask_balance(Answers(f"{base}/result/{kind}", f"{base}/timeout/{kind}"))
        name, now = f"{payouts.name}:{payouts.shortcode}", self._clock.now()
        with self._sessions.begin() as session:
            if isinstance(outcome, Ordered):
                clear_alert(session, AlertKind.WALLET_REFUSES, name, now=now)
                return None
            raise_alert(session, AlertKind.WALLET_REFUSES, name, "the balance question failed", now=now)
        return Later(_AGAIN_SECONDS, "not answered") if task.attempt < _ATTEMPTS_MAX else None
