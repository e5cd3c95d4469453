"""What was lost is found without anybody asking: gaps in the running balance, failing pulls and messages."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from core.phone import PhoneNumber
from payments import intake
from payments.alerts.service import open_alerts
from payments.alerts.tables import Alert
from payments.alerts.watching import Lookout
from payments.evidence import service as evidence
from payments.evidence.tables import Evidence
from payments.model import EvidenceChannel
from payments.wallet_lines.tables import FloatReading
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.world import World

PAYER = PhoneNumber("+254733000111")


def paid(world: World, cents: int, balance_cents: int | None) -> str:
    """A payment's confirmation, with what the shortcode held after it."""
    body = json.loads(world.wallet.pay_by_hand(PAYER, cents, "x"))
    world.clock.forward(seconds=1)
    return json.dumps(body | ({} if balance_cents is None else {"balance_cents": balance_cents}))


def reading(world: World) -> FloatReading:
    with world.sessions.begin() as session:
        return session.scalars(select(FloatReading)).one()


def hear(world: World, *bodies: str) -> int:
    """Pulls asked for because of a gap."""
    for body in bodies:
        world.confirm(body)
        world.work("evidence")
    return reading(world).gaps


def alerts(world: World) -> dict[str, int]:
    with world.sessions.begin() as session:
        return {alert.kind: alert.times for alert in open_alerts(session)}


def test_a_gap_in_the_balance_has_the_list_read_at_once(world: World) -> None:
    first, lost, third = paid(world, 5000, 5000), paid(world, 7000, 12000), paid(world, 2000, 14000)
    assert hear(world, first, third) == 1
    assert reading(world).last_gap_cents == 7000
    world.clock.forward(seconds=5)
    world.work()
    assert len(world.receipts()) == 3
    assert hear(world, lost) == 1


def test_withdrawals_and_charges_are_no_gap(world: World) -> None:
    assert hear(world, paid(world, 5000, 5000), paid(world, 2000, 1000), paid(world, 500, 1477)) == 0


def test_messages_in_another_order_or_without_a_balance_are_no_gap_for_ever(world: World) -> None:
    first, second, third = paid(world, 5000, 5000), paid(world, 2000, 7000), paid(world, 1000, 8000)
    assert hear(world, second, first, third, third, paid(world, 1000, None)) == 0
    assert reading(world).balance_cents == 8000


def test_a_pull_that_fails_is_an_alert_until_one_works(world: World) -> None:
    world.wallet.is_down = True
    world.add_task("pull", {"wallet": "mpesa", "shortcode": SHORTCODE})
    world.settle(minutes=1)
    assert alerts(world)["pull_failed"] > 1
    world.wallet.is_down = False
    world.settle(minutes=3)
    assert alerts(world) == {}
    with world.sessions.begin() as session:
        assert session.scalars(select(Alert)).one().cleared_at is not None


def test_a_message_that_cannot_be_worked_on_is_retried_and_seen(
    world: World, lookout: Lookout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken:
        broken.setattr(intake, "watch", break_down)
        evidence_id = world.confirm(paid(world, 5000, 5000))
        world.settle(minutes=1)
        assert alerts(world)["evidence_failed"] >= 1
        assert world.receipts() == []
    world.settle(minutes=2)
    assert world.alerts(lookout) == set()
    assert world.verdict(evidence_id) == "suspense"


def test_evidence_keeps_the_shortcode_its_address_is_for(world: World) -> None:
    with world.sessions.begin() as session:
        evidence.store(
            session,
            channel=EvidenceChannel.C2B_CONFIRMATION,
            wallet="mpesa",
            body="{}",
            now=world.clock.now(),
            shortcode=SHORTCODE,
        )
        assert session.scalars(select(Evidence.shortcode)).all() == [SHORTCODE]
