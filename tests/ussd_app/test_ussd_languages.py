"""Who is no member is written to in the language that is usual in the country."""

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import select

from core.outbox import OutboxRow, Task
from core.phone import PhoneNumber
from core.settings import Settings
from members.notices import USUAL_LANGUAGE, tell_phone
from messages.tables import MessageRow
from ussd_app.bootstrap import build
from ussd_app.tasks import build_tasks


@pytest.mark.parametrize(
    ("country", "phone", "language"),
    [("KE", "+254712000901", "sw"), ("UG", "+256772000901", "en"), ("RW", "+250782000901", "en")],
)
def test_a_payer_who_is_no_member_reads_the_countrys_usual_language(
    settings: Settings, country: str, phone: str, language: str
) -> None:
    services = build(settings)
    there = replace(services, settings=settings.model_copy(update={"fund_region": country}))
    now, values = services.clock.now(), {"amount_cents": 5000, "receipt": "SFF6XYZ12X"}
    with services.sessions.begin() as session:
        payer, occasion = PhoneNumber(phone), str(uuid.uuid4())
        tell_phone(
            session,
            services.vault,
            "suspense",
            payer,
            occasion,
            language=USUAL_LANGUAGE,
            now=now,
            values=values,
        )
        row = session.scalars(select(OutboxRow).where(OutboxRow.topic == "message")).one()
        task = Task(row.id, row.topic, row.key, row.payload, 1, row.created_at)
    build_tasks(there).handlers["message"](task)
    with services.sessions() as session:
        assert session.scalars(select(MessageRow.language)).one() == language
    services.close()
