"""Importing an organisation statement: the same lines as a pull, by the million, any time again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Sessions
from payments.wallet_lines.applying import Applying
from payments.wallet_lines.staging import KeptStatement, Staging
from payments.wallet_lines.told_alone import ToldAlone
from payments.wallets.statements import Oddity, StatementStream

# The wallet's own time of a payment and that of its list may differ a little.
_MARGIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Imported:
    """How many lines a statement had, how many of them were new, and how many the ledger did not know.

    `alone`: what nobody else had told of; empty where no limit was given.
    """

    lines: int
    new: int
    applied: int
    not_completed: int
    repeated: int
    oddities: tuple[Oddity, ...]
    first_at: datetime | None
    last_at: datetime | None
    alone: ToldAlone


def import_statement(
    sessions: Sessions,
    clock: Clock,
    wallet: str,
    statement: StatementStream,
    *,
    pull_delay: timedelta,
    limit: Callable[[Session], int] | None = None,
    progress: Callable[[int], None] = lambda _: None,
    note: Callable[[Session, KeptStatement], None] = lambda *_: None,
) -> Imported:
    """Keep all of a statement in one transaction, then apply what the ledger does not know.

    `progress` is called with the number of lines read so far. Importing again, in whole or in part, changes
    nothing. `limit` says of how many cents the statement may tell alone: of one that tells of more nothing is
    taken (NeedsSecondLook); None is for whoever runs the machine, and for what a second person released.
    `note` is told what is kept, in the very transaction: what it raises keeps nothing.

    Raises StatementRefused or NeedsSecondLook; then nothing was kept.
    """
    with sessions.begin() as session:
        staging = Staging(session, wallet, statement, limit=limit, now=clock.now())
        kept = staging.keep(progress)
        note(session, kept)
    applied = 0
    if kept.first_at is not None:
        applying = Applying(sessions, clock, pull_delay=pull_delay)
        applied = applying.run(
            wallet, statement.shortcode, since=kept.first_at - _MARGIN, after=kept.unknown_after
        )
    oddities = sorted(statement.oddities + statement.notes, key=lambda one: (one.line_number, one.reason))
    return Imported(
        lines=kept.lines,
        new=kept.new,
        applied=applied,
        not_completed=statement.not_completed,
        repeated=kept.repeated + statement.repeated,
        oddities=tuple(oddities),
        first_at=kept.first_at,
        last_at=kept.last_at,
        alone=kept.alone,
    )
