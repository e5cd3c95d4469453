"""A fund's members with a clock set by hand and a civil registry that says what it is told to say."""

import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ColumnElement, Engine, event, literal_column, select
from sqlalchemy.orm import Session, sessionmaker

from core.outbox import OutboxRow, Task
from core.phone import PhoneNumber
from members.civil import CivilAnswer, PersonFound
from members.documents import Document, number_of
from members.look_up import IdentityLookUp
from members.model import Joined, JoinOutcome, Member, Purpose
from members.numbers import NationalId
from members.service import Members
from members.tables import MemberRow

NOON = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PHONE = PhoneNumber.parse("0712345678")
OTHER_PHONE = PhoneNumber.parse("0722000111")
ID = NationalId.parse("23456789")
OTHER_ID = NationalId.parse("34567890")


@dataclass
class HandClock:
    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def pass_time(self, **parts: float) -> None:
        self.at += timedelta(**parts)


@dataclass
class Registry:
    """Answers what it was told to; asserts that nobody asks it with a transaction open."""

    engine: Engine
    answers: list[CivilAnswer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    open_transactions: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        event.listen(self.engine, "begin", lambda _: self._count(1))
        event.listen(self.engine, "commit", lambda _: self._count(-1))
        event.listen(self.engine, "rollback", lambda _: self._count(-1))

    def find(self, document: Document) -> CivilAnswer:
        assert self.open_transactions[threading.get_ident()] == 0
        self.asked.append(number_of(document))
        return self.answers.pop(0)

    def _count(self, change: int) -> None:
        self.open_transactions[threading.get_ident()] += change


def person(
    given: str = "Wanjiku Mary", surname: str = "Mwangi", born: date = date(1990, 5, 4), *, alive: bool = True
) -> PersonFound:
    return PersonFound(given, surname, born, alive, source="civil registry", at=NOON)


@dataclass
class World:
    """Members and what surrounds them."""

    sessions: sessionmaker[Session]
    members: Members
    clock: HandClock
    registry: Registry
    look_up: IdentityLookUp

    def ask(self, key: str = "hop-1", phone: PhoneNumber = PHONE, document: Document = ID) -> None:
        with self.sessions.begin() as session:
            self.members.ask_identity(session, key=key, phone=phone, document=document)

    def answered(self, answer: CivilAnswer) -> None:
        """The look-up that waits is run, and the registry says this."""
        self.registry.answers.append(answer)
        self.look_up.run(self.task("identity"))

    def join(
        self,
        key: str = "hop-9",
        phone: PhoneNumber = PHONE,
        document: Document = ID,
        *,
        confirmed: bool = True,
        pin: str = "4821",
    ) -> JoinOutcome:
        with self.sessions.begin() as session:
            return self.members.join(
                session,
                key=key,
                phone=phone,
                document=document,
                language="sw",
                consents={Purpose.SAVING: True, Purpose.REMINDERS: False},
                name_confirmed=confirmed,
                pin_hash=self.members.pins.hash_new(pin),
                notice_version="2026-11",
            )

    def verified_member(self) -> Member:
        self.ask()
        self.answered(person())
        return self.joined()

    def joined(self, **how: object) -> Member:
        outcome = self.join(**how)  # type: ignore[arg-type]
        assert isinstance(outcome, Joined)
        return outcome.member

    def member(self, phone: PhoneNumber = PHONE) -> Member:
        with self.sessions() as session:
            found = self.members.by_phone(session, phone)
        assert found is not None
        return found

    def hashed(self, phone: PhoneNumber) -> uuid.UUID | None:
        """Whose wallet hash is that of a phone, as M-Pesa C2B v1 sends it."""
        index = self.members.indexes.wallet_hash(phone.wallet_hash)
        with self.sessions() as session:
            return session.scalar(select(MemberRow.id).where(MemberRow.wallet_hash_index == index))

    def tasks(self, topic: str) -> list[Task]:
        """Every outbox row of a topic as its handler is given it: oldest first, of one transaction by key."""
        with self.sessions() as session:
            written: ColumnElement[int] = literal_column("outbox.xmin::text::bigint")
            oldest_first = select(OutboxRow).where(OutboxRow.topic == topic).order_by(written, OutboxRow.key)
            rows = session.scalars(oldest_first)
            return [Task(r.id, r.topic, r.key, r.payload, 1, r.created_at) for r in rows]

    def task(self, topic: str) -> Task:
        return self.tasks(topic)[-1]

    def told(self) -> list[str]:
        """Names of the SMS that were queued."""
        return [task.payload["template"] for task in self.tasks("message")]
