"""Hand payments whose owners are known: what people type, on which phone, as a wallet tells it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bench.kibaba import SHORTCODE
from core.ids import new_id
from core.money import Money
from core.phone import PhoneNumber
from members.indexes import MemberIndexes
from members.model import NATIONAL_ID, Status
from members.numbers import MemberNumber, NationalId
from members.tables import MemberRow
from payments.model import EvidenceChannel
from payments.receipts.model import Arrival
from payments.suspense.typing_slips import near

_START = datetime(2026, 11, 2, 5, 0, tzinfo=UTC)
_FIRST = ("WANJIKU", "ACHIENG", "MUTHONI", "KIPTOO", "AMINA", "OTIENO", "NJERI", "HASSAN", "CHEBET", "MWENDE")
_LAST = ("MWANGI", "ODHIAMBO", "KAMAU", "WAMBUI", "OMAR", "KOECH", "NYAMBURA", "ABDI", "MUTUA", "WEKESA")
# How often each is typed, in a thousand.
KINDS = {
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
            kind = _pick(self.chance, KINDS)
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
