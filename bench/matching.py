"""`python -m bench.matching`: 20,000 hand payments whose owners are known, through the real matching.

The truth set is seeded: what people type (the number right, with a slip, an ID, a phone, a name, nothing) and
from which phone (mostly their own; a family phone, or a friend's who is a member, is a habit of some), as a
wallet tells it: hashed or masked by the confirmation, in full by the list that is pulled later. Counted is
who was credited, against who should be. A payment that nothing ties to its owner, neither its reference nor
its phone nor what that phone paid before, is counted apart: no rule can know whose it is.
"""

import argparse
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from psycopg import sql
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bench.ground import Ground, ground
from bench.kibaba import SHORTCODE, vault
from bench.report import Report
from core.database import Sessions, make_engine, make_sessions
from core.ids import new_id
from core.money import Money
from core.phone import PhoneNumber
from members.indexes import MemberIndexes
from members.model import NATIONAL_ID, Status
from members.numbers import MemberNumber, NationalId
from members.tables import MemberRow
from operations.migrate import migrate
from operations.state import state_from_environment
from payments.crediting import Crediting
from payments.matching import owners_by_number
from payments.model import EvidenceChannel, Verdict
from payments.receipts import service as receipts
from payments.receipts.model import Arrival
from payments.receipts.tables import Receipt
from payments.suspense.suggesting import suggest
from payments.suspense.typing_slips import near

SEED = 20261122
_PULL_DELAY = timedelta(seconds=3)
_START = datetime(2026, 11, 2, 5, 0, tzinfo=UTC)
_BATCH = 25
_FIRST = ("WANJIKU", "ACHIENG", "MUTHONI", "KIPTOO", "AMINA", "OTIENO", "NJERI", "HASSAN", "CHEBET", "MWENDE")
_LAST = ("MWANGI", "ODHIAMBO", "KAMAU", "WAMBUI", "OMAR", "KOECH", "NYAMBURA", "ABDI", "MUTUA", "WEKESA")
# How often each is typed, in a thousand.
_KINDS = {
    "number": 790,
    "number spaced": 40,
    "national ID": 60,
    "own phone": 40,
    "blank or SAVE": 20,
    "name": 12,
    "number, one digit wrong": 14,
    "number, two swapped": 8,
    "number, one missing": 5,
    "number of another member": 3,
    "ID, one digit wrong": 5,
    "something else": 3,
}
# From which phone, in a hundred members: nine of ten times each pays from the same.
_PAYERS = {"own": 92, "relative": 6, "another member": 2}
_HABIT = 0.9
# What does not name the owner, and what names them so that a phone is known to have paid for them.
_NAMELESS = frozenset({"blank or SAVE", "number of another member", "something else"})
_NAMING = frozenset({"number", "number spaced"})
# As often must a phone have paid for somebody to speak against another.
_HABIT_MIN = 2
_AMOUNTS = (50, 50, 50, 100, 100, 200, 250, 500)


@dataclass(frozen=True, slots=True)
class Person:
    """One member, with what they know of themselves."""

    row: MemberRow
    phone: PhoneNumber
    national_id: str
    relative: PhoneNumber
    name: str
    friend: int
    pays_from: str


@dataclass(frozen=True, slots=True)
class Truth:
    """One payment: whose it is, what was typed, which phone paid, and how the confirmation hides it."""

    owner: Person
    kind: str
    payer_kind: str
    typed: str
    payer: PhoneNumber
    payer_name: str
    hidden: str
    cents: int
    receipt: str
    at: datetime


@dataclass
class Tally:
    """What became of the payments of one kind."""

    payments: int = 0
    matched: int = 0
    wrong: int = 0
    untold: int = 0
    suspense: int = 0
    among_three: int = 0
    first: int = 0

    def add(self, other: "Tally") -> None:
        for name in ("payments", "matched", "wrong", "untold", "suspense", "among_three", "first"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class Truths:
    """Makes people and payments; the same seed makes the same ones."""

    seed: int
    people: list[Person] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def make_people(self, count: int, indexes: MemberIndexes) -> None:
        ids = self.chance.sample(range(11_000_000, 11_000_000 + 12 * count), count)
        for serial, digits in enumerate(ids, 1):
            phone = PhoneNumber.parse(f"07{10_000_000 + serial * 37:08d}")
            relative = PhoneNumber.parse(f"01{10_000_000 + serial * 41:08d}")
            name = f"{self.chance.choice(_FIRST)} {self.chance.choice(_LAST)}"
            self.people.append(
                Person(
                    _row(serial, phone, str(digits), name, indexes),
                    phone,
                    str(digits),
                    relative,
                    name,
                    self.chance.randrange(count),
                    _pick(self.chance, _PAYERS),
                )
            )

    def payments(self, count: int) -> Iterator[Truth]:
        for place in range(count):
            owner = self.chance.choice(self.people)
            kind = _pick(self.chance, _KINDS)
            by_habit = self.chance.random() < _HABIT
            payer_kind = owner.pays_from if by_habit else _pick(self.chance, _PAYERS)
            other = self.people[owner.friend]
            payer = {"own": owner.phone, "relative": owner.relative, "another member": other.phone}[
                payer_kind
            ]
            yield Truth(
                owner=owner,
                kind=kind,
                payer_kind=payer_kind,
                typed=self._typed(kind, owner),
                payer=payer,
                payer_name={"own": owner.name, "another member": other.name}.get(payer_kind, "MZEE KIMANI"),
                hidden=self.chance.choice(("hash", "hash", "mask", "plain")),
                cents=self.chance.choice(_AMOUNTS) * 100,
                receipt=f"SB{place:08d}",
                at=_START + timedelta(seconds=place * 60),
            )

    def _typed(self, kind: str, owner: Person) -> str:
        number = owner.row.number
        makers: dict[str, Callable[[], str]] = {
            "number": lambda: number,
            "number spaced": lambda: f"{number[:3]} {number[3:6]}-{number[6:]}",
            "national ID": lambda: owner.national_id,
            "own phone": lambda: f"0{owner.phone.e164[4:]}",
            "blank or SAVE": lambda: self.chance.choice(("", "SAVE", "akiba", "0")),
            "name": owner.name.split()[0].title,
            "number, one digit wrong": lambda: self._slip(number),
            "number, two swapped": lambda: _swapped(number, self.chance.randrange(8)),
            "number, one missing": lambda: number[: (at := self.chance.randrange(9))] + number[at + 1 :],
            "number of another member": lambda: self.chance.choice(self.people).row.number,
            "ID, one digit wrong": lambda: self._slip(owner.national_id),
            "something else": lambda: self.chance.choice(("RENT", "DUKA 7", "12", "MAMA MBOGA")),
        }
        return makers[kind]()

    def _slip(self, digits: str) -> str:
        return self.chance.choice(sorted(text for text in near(digits) if len(text) == len(digits)))


def _pick(chance: random.Random, shares: dict[str, int]) -> str:
    return chance.choices(list(shares), weights=list(shares.values()))[0]


def _swapped(digits: str, at: int) -> str:
    return digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]


def _row(serial: int, phone: PhoneNumber, digits: str, name: str, indexes: MemberIndexes) -> MemberRow:
    return MemberRow(
        id=new_id(),
        number=MemberNumber.of_serial(serial).digits,
        status=Status.ACTIVE,
        language="sw",
        phone=phone.e164,
        phone_index=indexes.phone(phone),
        wallet_hash_index=indexes.wallet_hash(phone.wallet_hash),
        identifier_type=NATIONAL_ID,
        identifier=digits,
        identifier_index=indexes.identifier(NationalId.parse(digits)),
        masked_name=" ".join(word[0] + "*" * (len(word) - 1) for word in name.split()),
        name_confirmed=True,
        join_key=f"bench-{serial}",
        joined_at=_START - timedelta(days=90),
    )


def arrivals(truth: Truth) -> Iterator[tuple[Arrival, datetime]]:
    """The confirmation, and a quarter of an hour later the pulled list, which names the payer."""
    shown = truth.payer if truth.hidden == "plain" else None
    yield (
        Arrival(
            wallet="mpesa",
            shortcode=SHORTCODE,
            receipt=truth.receipt,
            amount=Money(truth.cents),
            paid_at=truth.at,
            source=EvidenceChannel.C2B_CONFIRMATION,
            account=truth.typed,
            payer=shown,
            payer_hash=truth.payer.wallet_hash if truth.hidden == "hash" else None,
            payer_mask=f"2547 ***** {truth.payer.e164[-3:]}" if truth.hidden == "mask" else "",
            payer_name=truth.payer_name,
        ),
        truth.at + timedelta(seconds=4),
    )
    yield (
        Arrival(
            wallet="mpesa",
            shortcode=SHORTCODE,
            receipt=truth.receipt,
            amount=Money(truth.cents),
            paid_at=truth.at,
            source=EvidenceChannel.PULL,
            account=truth.typed,
            payer=truth.payer,
        ),
        truth.at + timedelta(minutes=15),
    )


def pay(sessions: Sessions, truths: list[Truth]) -> None:
    """Bring every payment to the real crediting code, as messages would: together, then one by one."""
    crediting = Crediting(_PULL_DELAY)
    for start in range(0, len(truths), _BATCH):
        told = [tuple(arrivals(truth)) for truth in truths[start : start + _BATCH]]
        with sessions.begin() as session:
            is_credited = _together(session, [confirmation for (confirmation, _), _ in told])
            for (confirmation, heard_at), listed in told:
                name = confirmation.receipt
                if name in is_credited:
                    continue
                meaning = crediting.by_hand(session, confirmation, now=heard_at)
                if meaning.verdict != Verdict.CREDITED:
                    # Of what is credited with its payer known, the list would only say the same.
                    crediting.by_hand(session, listed[0], now=listed[1])


def _together(session: Session, confirmations: list[Arrival]) -> set[str]:
    owners = owners_by_number(session, confirmations)
    owned = [(one, owners[name]) for one in confirmations if (name := _name(one)) in owners]
    if owned:
        now = max(one.paid_at for one, _ in owned) + timedelta(seconds=4)
        receipts.record_many(session, owned, pull_delay=_PULL_DELAY, now=now)
    return {one.receipt for one, _ in owned}


def _name(arrival: Arrival) -> tuple[str, str, str]:
    return arrival.wallet, arrival.shortcode, arrival.receipt


def without_a_trace(truths: list[Truth]) -> set[str]:
    """Receipts of payments that nothing ties to their owner, as the truth set knows it.

    The reference does not name them, or by a first name that is the payer's too; the phone is not theirs, and
    has not paid for them by number as a habit.
    """
    paid: Counter[tuple[str, str]] = Counter()
    found = set()
    for truth in truths:
        way = (truth.payer.e164, truth.owner.row.number)
        is_theirs = truth.payer == truth.owner.phone
        says_nothing = truth.kind in _NAMELESS or (
            truth.kind == "name" and truth.typed.upper() in truth.payer_name
        )
        if says_nothing and not is_theirs and paid[way] < _HABIT_MIN:
            found.add(truth.receipt)
        paid[way] += truth.kind in _NAMING
    return found


def judge(session: Session, truths: list[Truth]) -> dict[str, Tally]:
    """Compare what the ledger's receipts say with the truth, by what was typed."""
    found = {row.receipt: row for row in session.scalars(select(Receipt))}
    tallies: dict[str, Tally] = defaultdict(Tally)
    traceless = without_a_trace(truths)
    for truth in truths:
        tally = tallies[truth.kind]
        receipt = found[truth.receipt]
        tally.payments += 1
        if receipt.member_id == truth.owner.row.id:
            tally.matched += 1
        elif receipt.member_id is not None and truth.receipt in traceless:
            tally.untold += 1
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
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = servers.postgres.url_of(name)
    migrate(url)
    return make_sessions(make_engine(url, vault(), pooled=False))


def report_of(tallies: dict[str, Tally], truths: list[Truth], seed: int) -> Report:
    """The table by what was typed, and the four figures that count."""
    total = Tally()
    for tally in tallies.values():
        total.add(tally)
    head = ("typed", "payments", "matched", "wrong", "no trace", "in suspense", "right among first three")
    rows = [(kind, tallies[kind]) for kind in _KINDS if kind in tallies] + [("all", total)]
    table = [head, *((kind, *_cells(tally)) for kind, tally in rows)]
    payers = Counter(truth.payer_kind for truth in truths)
    figures = {
        "payments": total.payments,
        "matched_share": _share(total.matched, total.payments),
        "wrong": total.wrong,
        "no_trace": total.untold,
        "suspense": total.suspense,
        "among_three_share": _share(total.among_three, total.suspense),
        "first_share": _share(total.first, total.suspense),
        "seed": seed,
        "payers": dict(payers),
    }
    notes = [
        f"Seed {seed}. Payers: {', '.join(f'{kind} {count}' for kind, count in payers.most_common())}.",
        "Matched: credited to the right member by itself. Wrong: to another, though something tied it to its",
        "owner. No trace: to the member it named, or whose phone paid; nothing at all tied it to its owner.",
    ]
    return Report("matching", figures, {}, table, notes)


def _cells(tally: Tally) -> tuple[str, ...]:
    return (
        f"{tally.payments:,}",
        f"{tally.matched:,} ({_share(tally.matched, tally.payments):.2%})",
        f"{tally.wrong:,}",
        f"{tally.untold:,}",
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
