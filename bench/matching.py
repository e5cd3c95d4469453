"""`python -m bench.matching`: 20,000 hand payments whose owners are known, through the real matching.

The truth set is seeded: what people type (the number right, with a slip, an ID, a phone, a name, nothing) and
from which phone (mostly their own; a family phone, or a friend's who is a member, is a habit of some), as a
wallet tells it: hashed or masked by the confirmation, in full by the list that is pulled later. Counted is
who was credited, against who should be; nobody answers an SMS, and no staff decide.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from psycopg import sql
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bench.ground import Ground, ground
from bench.hand_payments import KINDS, Truth, Truths, arrivals
from bench.kibaba import vault
from bench.report import Report
from core.database import Sessions, make_engine, make_sessions
from core.outbox import OutboxRow
from members.indexes import MemberIndexes
from operations.migrate import migrate
from operations.state import state_from_environment
from payments.crediting import Crediting
from payments.looking_again import TOPIC, LookingAgain
from payments.matching import owners_by_number
from payments.model import Verdict
from payments.receipts import service as receipts
from payments.receipts.model import Arrival
from payments.receipts.tables import Receipt
from payments.suspense.suggesting import suggest
from workers.handling import TaskRunner
from workers.topics import TOPICS

SEED = 20261122
_PULL_DELAY = timedelta(seconds=3)
_BATCH = 25


@dataclass
class Tally:
    """What became of the payments of one kind."""

    payments: int = 0
    matched: int = 0
    wrong: int = 0
    suspense: int = 0
    among_three: int = 0
    first: int = 0

    def add(self, other: "Tally") -> None:
        for name in ("payments", "matched", "wrong", "suspense", "among_three", "first"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def pay(sessions: Sessions, truths: list[Truth]) -> None:
    """Bring every payment to the real crediting code, as messages would: together, then one by one."""
    crediting = Crediting(_PULL_DELAY)
    for start in range(0, len(truths), _BATCH):
        told = [tuple(arrivals(truth)) for truth in truths[start : start + _BATCH]]
        with sessions.begin() as session:
            is_credited = _together(session, [confirmation for (confirmation, _), _ in told])
            for (confirmation, heard_at), listed in told:
                done = confirmation.receipt in is_credited
                if not done:
                    meaning = crediting.by_hand(session, confirmation, now=heard_at)
                    done = meaning.verdict == Verdict.CREDITED
                if not done:
                    # Of what is credited, the list only confirms that it came.
                    crediting.by_hand(session, listed[0], now=listed[1])
        _look_again(sessions, told[-1][1][1])


def _look_again(sessions: Sessions, now: datetime) -> None:
    """Work the tasks that credits leave for other money of the same phone, as workers do."""
    clock = _Stopped(now)
    runner = TaskRunner(sessions, clock, {TOPIC: LookingAgain(sessions, clock).run}, TOPICS)
    with sessions() as session:
        due = select(OutboxRow.id).where(OutboxRow.topic == TOPIC, OutboxRow.state == "pending")
        waiting = list(session.scalars(due.order_by(OutboxRow.id)))
    for task_id in waiting:
        runner.run(task_id, TOPIC)


@dataclass(frozen=True, slots=True)
class _Stopped:
    """A clock that stands where the truth set has come to."""

    at: datetime

    def now(self) -> datetime:
        return self.at


def _together(session: Session, confirmations: list[Arrival]) -> set[str]:
    owners = owners_by_number(session, confirmations)
    owned = [(one, owners[name]) for one in confirmations if (name := _name(one)) in owners]
    if owned:
        now = max(one.paid_at for one, _ in owned) + timedelta(seconds=4)
        receipts.record_many(session, owned, pull_delay=_PULL_DELAY, now=now)
    return {one.receipt for one, _ in owned}


def _name(arrival: Arrival) -> tuple[str, str, str]:
    return arrival.wallet, arrival.shortcode, arrival.receipt


def judge(session: Session, truths: list[Truth]) -> dict[str, Tally]:
    """Compare what the ledger's receipts say with the truth, by what was typed."""
    found = {row.receipt: row for row in session.scalars(select(Receipt))}
    tallies: dict[str, Tally] = defaultdict(Tally)
    for truth in truths:
        tally = tallies[truth.kind]
        receipt = found[truth.receipt]
        tally.payments += 1
        if receipt.member_id == truth.owner.row.id:
            tally.matched += 1
        elif receipt.member_id is not None:
            tally.wrong += 1
        else:
            tally.suspense += 1
            members = [each.member_id for each in suggest(session, receipt, 3)]
            tally.among_three += truth.owner.row.id in members
            tally.first += members[:1] == [truth.owner.row.id]
    return tallies


def run(payments: int, members: int, state: Path, seeds: Sequence[int] = (SEED,)) -> Iterator[Report]:
    """Make the truth set of each seed, pay it, judge it."""
    with ground(state) as servers:
        for seed in seeds:
            yield _run(servers, payments, members, seed)


def _run(servers: Ground, payments: int, members: int, seed: int) -> Report:
    sessions = _fresh(servers)
    truths = Truths(seed)
    truths.make_people(members, MemberIndexes(vault()))
    with sessions.begin() as session:
        session.add_all(person.row for person in truths.people)
    made = list(truths.payments(payments))
    pay(sessions, made)
    with sessions() as session:
        session.execute(text("ANALYZE receipts, members"))
        tallies = judge(session, made)
    return report_of(tallies, made, seed)


def _fresh(servers: Ground) -> Sessions:
    name = "matching_truth"
    with servers.admin() as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = servers.postgres.url_of(name)
    migrate(url)
    return make_sessions(make_engine(url, vault()))


def report_of(tallies: dict[str, Tally], truths: list[Truth], seed: int) -> Report:
    """The table by what was typed, and the figures that count."""
    total = Tally()
    for tally in tallies.values():
        total.add(tally)
    head = ("typed", "payments", "matched", "wrong", "in suspense", "right among first three")
    rows = [(kind, tallies[kind]) for kind in KINDS if kind in tallies] + [("all", total)]
    table = [head, *((kind, *_cells(tally)) for kind, tally in rows)]
    payers = Counter(truth.payer_kind for truth in truths)
    figures = {
        "payments": total.payments,
        "matched_share": _share(total.matched, total.payments),
        "wrong": total.wrong,
        "suspense": total.suspense,
        "among_three_share": _share(total.among_three, total.suspense),
        "first_share": _share(total.first, total.suspense),
        "seed": seed,
        "payers": dict(payers),
    }
    notes = [
        f"Seed {seed}. Payers: {', '.join(f'{kind} {count}' for kind, count in payers.most_common())}.",
        "Matched: credited to the right member by itself. Wrong: credited to any other member.",
    ]
    return Report("matching", figures, {}, table, notes)


def _cells(tally: Tally) -> tuple[str, ...]:
    return (
        f"{tally.payments:,}",
        f"{tally.matched:,} ({_share(tally.matched, tally.payments):.2%})",
        f"{tally.wrong:,}",
        f"{tally.suspense:,}",
        f"{_share(tally.among_three, tally.suspense):.1%}" if tally.suspense else "-",
    )


def _share(part: int, whole: int) -> float:
    return round(part / whole, 5) if whole else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.matching", description=__doc__)
    parser.add_argument("--payments", type=int, default=20_000)
    parser.add_argument("--members", type=int, default=6_000)
    parser.add_argument("--seeds", type=int, default=1, help="how many truth sets, one after the other")
    parser.add_argument("--seed", type=int, default=SEED, help="of the first")
    options = parser.parse_args()
    state: Path = state_from_environment().root / "bench"
    seeds = range(options.seed, options.seed + options.seeds)
    for report in run(options.payments, options.members, state, seeds):
        report.print()
        print(report.write(state), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
