"""Reading statement files in the background: refused whole, held for a second person, or taken."""

import base64
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from itertools import count

from sqlalchemy.orm import Session

from core import audit, outbox
from core.clock import Clock, FundCalendar
from core.database import Sessions
from core.errors import InvalidValue, KibabaError
from core.outbox import Task
from payments.imports.adding_up import told_before
from payments.imports.releasing import forget
from payments.imports.tables import StatementImport, StatementPiece
from payments.settlements.service import (
    days_settled,
    is_bank_statement,
    keep_bank_statements,
    read_bank_statements,
)
from payments.statements import Imported, import_statement
from payments.wallet_lines.staging import KeptStatement
from payments.wallet_lines.told_alone import AloneLine, NeedsSecondLook, ToldAlone
from payments.wallets.statements import Oddity, ReadsStatements, StatementRefused, stream_of

_NAMED_MAX = 200
# Comparing is asked for at most so many days of one file.
_DAYS_MAX = 70


class ContentGone(KibabaError):  # noqa: N818 -- it says what was found
    """The file was forgotten while it was read."""

    code = "content_gone"
    # The next attempt finds what became of it.
    permanent = False


class DecidedMeanwhile(KibabaError):  # noqa: N818 -- it says what was found
    """Another attempt has finished the file, or a person has ended it, while this one read it."""

    code = "decided_meanwhile"


class Importing:
    """Handles `statement` tasks: `import_id`.

    What the files of one person tell alone within a day is added up. The file with which it comes to more
    than `limit_cents` waits until a second person has released it.
    """

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        calendar: FundCalendar,
        readers: Mapping[str, ReadsStatements],
        *,
        pull_delay: timedelta,
        limit_cents: int,
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._calendar = calendar
        self._readers = readers
        self._pull_delay = pull_delay
        self._limit_cents = limit_cents

    def run(self, task: Task) -> None:
        """Read, keep, apply, and have the days compared. Begun again it changes nothing twice."""
        import_id = uuid.UUID(task.payload["import_id"])
        with self._sessions.begin() as session:
            row = session.get(StatementImport, import_id, with_for_update=True)
            # The task that held it may come again: only a word of a second person has it read once more.
            if row is None or row.state in {"done", "refused", "held"}:
                return
            row.state, row.finished_at = "reading", None
        wallet = self._readers.get(row.wallet)
        if wallet is None:
            raise InvalidValue(f"nobody reads statements of {row.wallet}")
        try:
            if is_bank_statement(next(self._content(row), b"")):
                self._take_bank(row)
                return
            done = self._take(row, wallet)
        except NeedsSecondLook as found:
            self._hold(import_id, found)
            return
        except StatementRefused as refused:
            self._refuse(import_id, refused)
            return
        except DecidedMeanwhile:
            return
        self._finish(import_id, done)

    def give_up(self, session: Session, task: Task) -> None:
        """No attempt could read it: said so, and the same file may be handed in again.

        Its content is kept for whoever has the task tried again.
        """
        row = session.get(StatementImport, uuid.UUID(task.payload["import_id"]), with_for_update=True)
        if row is None or row.state not in {"waiting", "reading"}:
            return
        now = self._clock.now()
        row.state, row.finished_at = "failed", now
        _note(session, row, "statement.failed", now)

    def _take(self, read: StatementImport, wallet: ReadsStatements) -> Imported:
        def tell(lines: int) -> None:
            with self._sessions.begin() as session:
                session.get_one(StatementImport, read.id, with_for_update=True).lines_kept = lines

        def left(session: Session) -> int:
            return self._limit_cents - told_before(session, read)

        def note(session: Session, kept: KeptStatement) -> None:
            row = _still_read(session, read.id)
            if row is None:
                raise DecidedMeanwhile
            row.lines_new += kept.new
            if kept.alone.lines:
                # Also of what is small enough: many small files are added up. Together with the lines:
                # another attempt finds them, and nothing that this file alone has told.
                _note_alone(row, kept.alone)

        return import_statement(
            self._sessions,
            self._clock,
            read.wallet,
            stream_of(wallet, self._content(read)),
            pull_delay=self._pull_delay,
            limit=None if read.released_by else left,
            progress=tell,
            note=note,
        )

    def _take_bank(self, read: StatementImport) -> None:
        """Statements of the bank into which a shortcode is settled, whatever name their file has.

        They credit nobody, so nobody looks at them a second time.
        """
        import_id, name, shortcode = read.id, read.wallet, read.shortcode
        statements = read_bank_statements(self._content(read))
        oddities = [oddity for one in statements for oddity in one.oddities]
        now = self._clock.now()
        with self._sessions.begin() as session:
            row = _still_read(session, import_id)
            if row is None:
                return
            kept = keep_bank_statements(session, name, shortcode, statements, now=now)
            row.lines_total = row.lines_kept = kept.lines
            row.lines_new += kept.new
            row.oddities_total, row.oddities = len(oddities), _named(oddities)
            row.state, row.finished_at = "done", now
            forget(session, import_id)
            _note(session, row, "statement.imported", now)
            days = {
                day
                for one in statements
                for day in days_settled(session, self._calendar, name, shortcode, one)
            }
            for day in sorted(days):
                payload = {"wallet": name, "shortcode": shortcode, "day": day.isoformat()}
                outbox.add(session, "reconcile", f"bank:{import_id}:{day}", payload, now=now)

    def _content(self, read: StatementImport) -> Iterator[bytes]:
        size = 0
        for number in count():
            with self._sessions.begin() as session:
                piece = session.get(StatementPiece, (read.id, number))
            if piece is None:
                break
            content = base64.b64decode(piece.content)
            size += len(content)
            yield content
        if size < read.size_bytes:
            # Somebody refused it while it was read: what is left must not pass for the whole file.
            raise ContentGone

    def _hold(self, import_id: uuid.UUID, found: NeedsSecondLook) -> None:
        now = self._clock.now()
        with self._sessions.begin() as session:
            row = _still_read(session, import_id)
            if row is None or row.released_by is not None:
                # Another attempt held it before this one, and by now somebody may have decided.
                return
            row.lines_total = row.lines_kept = found.lines
            row.oddities_total, row.oddities = len(found.oddities), _named(found.oddities)
            _note_alone(row, found.alone)
            row.alone_before_cents = told_before(session, row)
            row.state, row.finished_at = "held", now
            _note(session, row, "statement.held", now)

    def _refuse(self, import_id: uuid.UUID, refused: StatementRefused) -> None:
        now = self._clock.now()
        with self._sessions.begin() as session:
            row = _still_read(session, import_id)
            if row is None:
                return
            row.state, row.finished_at = "refused", now
            row.faults = _named(refused.faults)
            forget(session, import_id)
            _note(session, row, "statement.refused", now)

    def _finish(self, import_id: uuid.UUID, done: Imported) -> None:
        now = self._clock.now()
        with self._sessions.begin() as session:
            row = _still_read(session, import_id)
            if row is None:
                return
            row.lines_total = row.lines_kept = done.lines
            row.applied += done.applied
            row.not_completed, row.repeated = done.not_completed, done.repeated
            row.oddities_total, row.oddities = len(done.oddities), _named(done.oddities)
            row.first_at, row.last_at = done.first_at, done.last_at
            row.state, row.finished_at = "done", now
            forget(session, import_id)
            _note(session, row, "statement.imported", now)
            for day in self._days(done):
                payload = {"wallet": row.wallet, "shortcode": row.shortcode, "day": day.isoformat()}
                outbox.add(session, "reconcile", f"statement:{import_id}:{day}", payload, now=now)

    def _days(self, done: Imported) -> list[date]:
        if done.first_at is None or done.last_at is None:
            return []
        first, last = self._calendar.day_of(done.first_at), self._calendar.day_of(done.last_at)
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        return days[-_DAYS_MAX:]


def _still_read(session: Session, import_id: uuid.UUID) -> StatementImport | None:
    """The import, locked, as long as no other attempt and nobody has decided about it."""
    row = session.get_one(StatementImport, import_id, with_for_update=True, populate_existing=True)
    return row if row.state == "reading" else None


def _note_alone(row: StatementImport, alone: ToldAlone) -> None:
    row.alone_lines, row.alone_cents = alone.lines, alone.cents
    row.alone_largest = [_plain(line) for line in alone.largest]
    of_largest = [line.account for line in alone.largest]
    most = [asdict(account) for account in alone.accounts]
    row.alone_accounts = json.dumps({"of_largest": of_largest, "most": most})


def _plain(line: AloneLine) -> dict[str, int | str]:
    return {
        "receipt": line.receipt,
        "kind": str(line.kind),
        "amount_cents": line.amount_cents,
        "at": line.at.isoformat(),
    }


def _named(oddities: Sequence[Oddity]) -> list[dict[str, int | str]]:
    return [{"line": oddity.line_number, "reason": oddity.reason} for oddity in oddities[:_NAMED_MAX]]


def _note(session: Session, row: StatementImport, action: str, now: datetime) -> None:
    audit.record(
        session,
        at=now,
        actor=row.by,
        action=action,
        subject=f"{row.wallet}:{row.shortcode}",
        details={
            "import": str(row.id),
            "digest": row.digest,
            "lines": row.lines_total,
            "new": row.lines_new,
            "set_aside": row.oddities_total,
            "alone": row.alone_lines or None,
            "alone_cents": row.alone_cents or None,
            "alone_before_cents": row.alone_before_cents or None,
            "checker": row.released_by,
        },
    )
