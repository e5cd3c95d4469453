"""A fund that sends SMS through a provider which says what it is told to say."""

import threading
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session, sessionmaker

from core.outbox import Later, OutboxRow, Task
from core.phone import PhoneNumber
from core.vault import Vault
from members.model import Joined, Member, Purpose
from members.notices import PHONE_PLACE
from members.numbers import NationalId
from members.service import Members
from messages.model import DeliveryReport, IncomingSms, Keyword
from messages.provider import SmsAccepted, SmsOutcome
from messages.sending import Sending
from messages.service import Messages
from messages.tables import MessageRow

NOON = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PHONE = PhoneNumber.parse("0712345678")
STRANGER = PhoneNumber.parse("0722000111")
RECEIPT: dict[str, Any] = {"amount_cents": 5000, "balance_cents": 125_000, "receipt": "SFF6XYZ12X"}


@dataclass
class HandClock:
    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def pass_time(self, **parts: float) -> None:
        self.at += timedelta(**parts)


class Killed(BaseException):
    """The process ends here, as by SIGKILL."""


@dataclass
class Provider:
    """Answers what it was told to, `SmsAccepted` otherwise; asserts that no transaction is open meanwhile."""

    engine: Engine
    answers: list[SmsOutcome | Killed] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    open_transactions: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        event.listen(self.engine, "begin", lambda _: self._count(1))
        event.listen(self.engine, "commit", lambda _: self._count(-1))
        event.listen(self.engine, "rollback", lambda _: self._count(-1))

    def send(self, phone: PhoneNumber, body: str, key: str) -> SmsOutcome:
        assert self.open_transactions[threading.get_ident()] == 0
        self.sent.append((phone.e164, body))
        answer = self.answers.pop(0) if self.answers else SmsAccepted(f"ATXid_{len(self.sent)}", "Success")
        if isinstance(answer, Killed):
            raise answer
        return answer

    def _count(self, change: int) -> None:
        self.open_transactions[threading.get_ident()] += change


@dataclass
class World:
    """Messages and what surrounds them."""

    sessions: sessionmaker[Session]
    vault: Vault
    members: Members
    messages: Messages
    sending: Sending
    provider: Provider
    clock: HandClock
    # What staff were called for.
    refusals: list[str]
    losses: list[str]

    def member(self, language: str = "sw", *, reminders: bool = True, phone: PhoneNumber = PHONE) -> Member:
        """A member with the usual phone; with another one, another person."""
        is_usual = phone == PHONE
        with self.sessions.begin() as session:
            outcome = self.members.join(
                session,
                key="hop-1" if is_usual else f"hop-{phone.e164}",
                phone=phone,
                document=NationalId("23456789" if is_usual else "23456780"),
                language=language,
                consents={Purpose.SAVING: True, Purpose.REMINDERS: reminders},
                name_confirmed=False,
                pin_hash=self.members.pins.hash_new("4821"),
                notice_version="2026-11",
            )
        assert isinstance(outcome, Joined)
        return outcome.member

    def task(
        self,
        template: str,
        receiver: Member | PhoneNumber,
        values: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Task:
        payload: dict[str, Any] = {"template": template, "values": dict(values or {}), **more}
        if isinstance(receiver, Member):
            payload["member_id"] = str(receiver.id)
        else:
            payload["phone_sealed"] = self.vault.seal(PHONE_PLACE, receiver.e164)
        return Task(uuid.uuid4(), "message", f"{template}:1", payload, attempt=1, created_at=self.clock.now())

    def send(self, task: Task) -> Later | None:
        return self.sending.run(task)

    def row(self) -> MessageRow:
        with self.sessions() as session:
            return session.scalars(select(MessageRow)).one()

    def report(self, status: str, reason: str = "", provider_id: str = "ATXid_1") -> bool:
        report = DeliveryReport(provider_id, status, reason, network_code="63902", raw="{}")
        with self.sessions.begin() as session:
            return self.messages.record_delivery(session, report)

    def receive(
        self, text: str, sender: PhoneNumber | None = PHONE, provider_id: str = "in-1"
    ) -> Keyword | None:
        incoming = IncomingSms(provider_id, sender.e164 if sender else "SAFARICOM", sender, text)
        with self.sessions.begin() as session:
            return self.messages.receive(session, incoming)

    def queued(self) -> list[Task]:
        """SMS in the outbox: oldest first, of one transaction by key."""
        with self.sessions() as session:
            rows = session.scalars(select(OutboxRow).where(OutboxRow.topic == "message"))
            ordered = sorted(rows, key=lambda row: (row.created_at, row.key))
            return [Task(r.id, r.topic, r.key, r.payload, 1, r.created_at) for r in ordered]
