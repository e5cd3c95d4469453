"""Which charges are expected is a rule of the country, for a wallet and a day."""

import uuid
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from core.money import Money
from core.outbox import Task
from core.settings import Settings
from payments.model import EvidenceChannel
from payments.reconciliation.tables import Break
from payments.wallet_lines.service import keep_lines
from payments.wallets.protocol import LineKind, WalletLine
from ussd_app.bootstrap import Services, build
from ussd_app.tasks import build_tasks

SHORTCODE = "174379"


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    built = build(settings)
    yield built
    built.close()


def charged(services: Services, wallet: str, day: date) -> list[str]:
    """A payment of KES 50, and KES 1 for it, as the wallet lists them; the differences that are found."""
    at = datetime.combine(day, time(12), services.calendar.zone)
    lines = [
        WalletLine(SHORTCODE, "SKL0000001", f"SKL0000001:{kind}", kind, Money(cents), at)
        for kind, cents in ((LineKind.CREDIT, 5000), (LineKind.CHARGE, -100))
    ]
    payload = {"wallet": wallet, "shortcode": SHORTCODE, "day": day.isoformat()}
    now = services.clock.now()
    with services.sessions.begin() as session:
        keep_lines(session, wallet, lines, EvidenceChannel.STATEMENT, now=now)
    build_tasks(services).handlers["reconcile"](Task(uuid.uuid4(), "reconcile", "k", payload, 1, now))
    with services.sessions.begin() as session:
        return list(session.scalars(select(Break.break_class).where(Break.wallet == wallet)))


def test_a_charge_is_unexpected_only_of_a_wallet_that_charges_nothing_for_so_little(
    services: Services,
) -> None:
    day = services.calendar.day_of(services.clock.now()) - timedelta(days=1)
    assert "unexpected_charge" not in charged(services, "airtel", day)
    assert "unexpected_charge" in charged(services, "mpesa", day)


def test_of_a_day_before_all_rules_nothing_is_known_to_be_free(services: Services) -> None:
    assert "unexpected_charge" not in charged(services, "mpesa", date(2025, 3, 1))
