"""A DCI server on a real database, and somebody who calls it over the real Flask application."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from core import outbox
from core.ids import new_id
from core.outbox import OutboxRow
from members.indexes import MemberIndexes
from members.model import NATIONAL_ID, Status
from members.numbers import MemberNumber, NationalId
from members.tables import MemberRow
from payments.contributions.tables import Contribution
from payments.model import ContributionState, PostingState
from payments.receipts.tables import Receipt
from payments.registry_postings.tables import RegistryPosting
from registry.canonical import JsonMode
from registry.connection import SignatureMode
from registry.envelope import sealed_body
from registry.keys import SigningKey
from registry.server.clients import add_client
from registry.server.model import Scope
from ussd_app.application import create_app
from ussd_app.bootstrap import Services, build
from ussd_app.tasks import build_tasks
from workers.handling import TaskRunner
from workers.topics import TOPICS

SECRET = "a-secret-of-the-tests-0123456789"
KEY = SigningKey.derived(b"partner of the tests", "tests")
CALLBACK = "https://partner.example/dci"


def now_text(seconds: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


@dataclass
class Partner:
    """Calls the server as one client. `changes` of a call override parts of header or message."""

    app: Flask
    client_id: str = "partner"
    secret: str = SECRET
    token: str = ""
    sent: list[bytes] = field(default_factory=list)

    def fetch_token(self, **changes: str) -> TestResponse:
        form = {"grant_type": "client_credentials", "client_id": self.client_id}
        with self.app.test_client() as http:
            return http.post("/dci/oauth2/client/token", data=form | {"client_secret": self.secret} | changes)

    def post(self, path: str, body: bytes, *, token: str | None = None) -> TestResponse:
        if token is None:
            token = self.token = self.token or self.fetch_token().get_json()["access_token"]
        self.sent.append(body)
        with self.app.test_client() as http:
            return http.post(
                f"/dci/registry/{path}",
                data=body,
                content_type="application/json",
                headers={"Authorization": f"Bearer {token}"} if token else {},
            )

    def envelope(
        self,
        action: str,
        message: Mapping[str, Any],
        *,
        count: int = 1,
        header: Mapping[str, Any] | None = None,
        mode: SignatureMode = SignatureMode.SPDCI,
        key: SigningKey = KEY,
        at: datetime | None = None,
    ) -> bytes:
        whole: dict[str, Any] = {
            "version": "1.0.0",
            "message_id": str(uuid.uuid4()),
            "message_ts": now_text(),
            "action": action,
            "sender_id": self.client_id,
            "receiver_id": "kibaba",
            "total_count": count,
            **(header or {}),
        }
        whole = {name: value for name, value in whole.items() if value is not None}
        return sealed_body(
            whole,
            message,
            json_mode=JsonMode.ASCII,
            signature_mode=mode,
            key=key,
            now=at or datetime.now(UTC),
        )

    def say(self, path: str, action: str, message: Mapping[str, Any], **how: Any) -> Any:
        """The JSON of the answer."""
        return self.post(path, self.envelope(action, message, **how)).get_json()

    def search(self, *queries: Any, path: str = "sync/search", **how: Any) -> Any:
        items = [search_item(query, number) for number, query in enumerate(queries)]
        message = {"transaction_id": "t-1", "search_request": items}
        return self.say(path, "search", message, **{"count": len(items)} | how)

    def notify(self, event: str, *records: Any, transaction_id: str = "t-9", **how: Any) -> Any:
        events = [event_item(event, record, number) for number, record in enumerate(records)]
        message = {"transaction_id": transaction_id, "notify_event": events}
        return self.say("notify", "notify", message, **{"count": len(events)} | how)

    def subscribe(
        self,
        event: str,
        record_type: str,
        wanted: Any,
        *,
        reference_id: Any = "r-0",
        criteria: Mapping[str, Any] | None = None,
        **how: Any,
    ) -> Any:
        item = {
            "reference_id": reference_id,
            "timestamp": now_text(),
            "subscribe_criteria": {
                "version": "1.0.0",
                "reg_event_type": event,
                "filter_type": "idtype-value",
                "filter": wanted,
                "notify_record_type": record_type,
                **(criteria or {}),
            },
            "locale": "eng",
        }
        message = {"transaction_id": str(uuid.uuid4()), "subscribe_request": [item]}
        return self.say("subscribe", "subscribe", message, **how)


def search_item(asked: Any, number: int = 0, **criteria: Any) -> dict[str, Any]:
    """`asked` is a criteria object, or (type, value) of an identifier."""
    if isinstance(asked, tuple):
        asked = {"query_type": "idtype-value", "query": {"type": asked[0], "value": asked[1]}}
    return {
        "reference_id": f"r-{number}",
        "timestamp": now_text(),
        "search_criteria": {"version": "1.0.0", **asked, **criteria},
        "locale": "eng",
    }


def event_item(event: str, record: Any, number: int = 0) -> dict[str, Any]:
    data = {"version": "1.0.0", "reg_event_type": event, "reg_record_type": "x", "reg_records": record}
    return {"reference_id": f"e-{number}", "timestamp": now_text(), "data": data, "locale": "eng"}


class DciWorld:
    """The whole application, members with contributions, and its jobs."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.sessions: sessionmaker[Session] = services.sessions
        self.app = create_app(services)
        self.runner = TaskRunner(services.sessions, services.clock, build_tasks(services).handlers, TOPICS)
        self._serial = 0

    def close(self) -> None:
        """Give every connection back; one left to the collector would be found by another test."""
        self.services.close()
        engine = self.sessions.kw["bind"]
        engine.dispose()
        self.services.redis.close()

    def partner(self, client_id: str = "partner", **changes: Any) -> Partner:
        values: dict[str, Any] = {
            "name": "A partner",
            "scopes": list(Scope),
            "keys": {"keys": [KEY.public_jwk()]},
            "callback_base": CALLBACK,
            "secret": SECRET,
        }
        with self.sessions.begin() as session:
            add_client(session, client_id, now=datetime.now(UTC), actor="tests", **values | changes)
        return Partner(self.app, client_id)

    def member(self, national_id: str = "") -> MemberRow:
        self._serial += 1
        phone = f"+2547120000{self._serial:02d}"
        identifier = NationalId.parse(national_id or f"2345{self._serial:04d}")
        indexes: MemberIndexes = self.services.members.indexes
        row = MemberRow(
            id=new_id(),
            number=MemberNumber.of_serial(self._serial).digits,
            status=Status.ACTIVE,
            language="en",
            phone=phone,
            phone_index=f"phone-{self._serial}",
            wallet_hash_index=f"hash-{self._serial}",
            identifier_type=NATIONAL_ID,
            identifier=identifier.digits,
            identifier_index=indexes.identifier(identifier),
            join_key=f"join-{self._serial}",
            joined_at=datetime(2026, 11, 1, tzinfo=UTC),
        )
        with self.sessions.begin() as session:
            session.add(row)
        return row

    def contribution(
        self,
        member: MemberRow,
        amount_cents: int = 20_000,
        *,
        batch: uuid.UUID | None = None,
        day: int = 20,
        period: str | None = None,
    ) -> Receipt:
        """Money that the wallet lists, on its way to the registry; `period`: the month it counts for."""
        self._serial += 1
        receipt = Receipt(
            id=new_id(),
            wallet="mpesa",
            shortcode="174379",
            receipt=f"SKL{self._serial:07d}",
            amount_cents=amount_cents,
            currency="KES",
            member_id=member.id,
            source="pull",
            match_step="phone",
            particulars="{}",
            paid_at=datetime(2026, 11, day, 9, tzinfo=UTC),
            recorded_at=datetime(2026, 11, day, 9, tzinfo=UTC),
        )
        with self.sessions.begin() as session:
            session.add(receipt)
            session.flush()
            session.add(
                RegistryPosting(
                    receipt_id=receipt.id,
                    member_id=member.id,
                    reference_id=receipt.id,
                    transaction_id=batch or new_id(),
                    state=PostingState.PENDING,
                    paid_at=receipt.paid_at,
                    created_at=receipt.recorded_at,
                )
            )
            if period is not None:
                session.add(_asked_for(receipt, member, period))
        return receipt

    def joined(self, member: MemberRow) -> None:
        """Have it announced that somebody is a member now."""
        now = self.services.clock.now()
        with self.sessions.begin() as session:
            outbox.add(session, "dci_event", f"joined:{member.id}", {"member_id": str(member.id)}, now=now)
        self.work("dci_event")

    def tasks(self, topic: str, state: str = "pending") -> list[OutboxRow]:
        with self.sessions.begin() as session:
            return list(
                session.scalars(
                    select(OutboxRow)
                    .where(OutboxRow.topic == topic, OutboxRow.state == state)
                    .order_by(OutboxRow.id)
                )
            )

    def work(self, topic: str) -> None:
        """Work every waiting task of a topic once."""
        for task in self.tasks(topic):
            self.runner.run(task.id, topic)


def a_world(settings: Any) -> DciWorld:
    return DciWorld(build(settings))


def item_of(answer: Any, number: int = 0) -> Any:
    """One item of a search's answer."""
    return answer["message"]["search_response"][number]


def code_of(answer: Any) -> str:
    """Whatever refusal an answer carries: transport, ACK or header; empty when it carries none.

    An error without a code is told too: a crash must not pass for a success.
    """
    if "error" in answer:
        return str(answer["error"])
    if "errors" in answer:
        return str(answer["errors"][0]["code"])
    if answer.get("message", {}).get("ack_status") == "ERR":
        return str(answer["message"]["error"]["code"])
    return str(answer.get("header", {}).get("status_reason_code", ""))


def dumps(value: Any) -> bytes:
    return json.dumps(value).encode()


def _asked_for(receipt: Receipt, member: MemberRow, period: str) -> Contribution:
    return Contribution(
        id=new_id(),
        key=str(receipt.id),
        member_id=member.id,
        period=period,
        phone=member.phone,
        payer_index="",
        wallet=receipt.wallet,
        shortcode=receipt.shortcode,
        amount_cents=receipt.amount_cents,
        currency=receipt.currency,
        channel="ussd",
        state=ContributionState.PAID,
        receipt_id=receipt.id,
        requested_at=receipt.paid_at,
    )
