"""Importing an organisation statement: the same lines as a pull, by the hundred thousand, any time again."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from core.clock import Clock
from core.database import Sessions
from payments.model import EvidenceChannel
from payments.wallet_lines.applying import Applying
from payments.wallet_lines.service import keep_lines
from payments.wallets.protocol import WalletLine

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Imported:
    """How many lines a statement had, how many of them were new, and how many the ledger did not know."""

    lines: int
    new: int
    applied: int


def import_statement(
    sessions: Sessions,
    clock: Clock,
    wallet: str,
    lines: Iterable[WalletLine],
    *,
    pull_delay: timedelta,
    progress: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Keep and apply every line. `progress` is called with the number of lines kept so far.

    Importing again, in whole or in part, changes nothing.
    """
    total = new = 0
    oldest: dict[str, datetime] = {}
    for batch in _batches(lines):
        with sessions.begin() as session:
            new += keep_lines(session, wallet, batch, EvidenceChannel.STATEMENT, now=clock.now())
        for line in batch:
            oldest[line.shortcode] = min(line.at, oldest.get(line.shortcode, line.at))
        total += len(batch)
        progress(total)
    applying = Applying(sessions, clock, pull_delay=pull_delay)
    applied = sum(applying.run(wallet, shortcode, since=since) for shortcode, since in oldest.items())
    return Imported(total, new, applied)


def _batches(lines: Iterable[WalletLine]) -> Iterator[list[WalletLine]]:
    source = iter(lines)
    while batch := list(islice(source, _BATCH)):
        yield batch
