"""Bad days of the registry, from outbox to stand-in: all is told in the end, nothing is doubled."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select, update

from core import outbox
from core.outbox import OutboxRow
from core.settings import Settings
from members.tables import MemberRow
from payments.receipts.tables import Receipt
from payments.registry_postings.service import lane_of
from payments.registry_postings.tables import RegistryPosting
from sandbox.testing import running_sandbox
from tests.registry.dci_world import DciWorld, a_world

COUNT = 12


@pytest.fixture
def house(settings: Settings, tmp_path: Path) -> Iterator[tuple[DciWorld, str]]:
    with running_sandbox(tmp_path) as url:
        registry = {"fund_registry_url": f"{url}/fund", "registry_read_back_seconds": 0.0}
        world = a_world(settings.model_copy(update=registry))
        yield world, url
        world.close()


def queued(world: DciWorld, count: int = COUNT, members: Sequence[MemberRow] = ()) -> list[Receipt]:
    """So many confirmed receipts of three members wait to be posted."""
    members = members or [world.member() for _ in range(3)]
    receipts = [
        world.contribution(members[number % len(members)], 100 * (number + 1)) for number in range(count)
    ]
    with world.sessions.begin() as session:
        ids = [receipt.id for receipt in receipts]
        session.execute(
            update(RegistryPosting).where(RegistryPosting.receipt_id.in_(ids)).values(transaction_id=None)
        )
        for receipt in receipts:
            lane = lane_of(receipt.member_id)
            row = session.get_one(RegistryPosting, receipt.id)
            row.lane = lane
            outbox.add(
                session,
                "post",
                str(receipt.id),
                {"receipt_id": str(receipt.id)},
                now=world.services.clock.now(),
                order_key=f"post:{lane}",
            )
    return receipts


def turn(world: DciWorld) -> None:
    """One attempt at everything that waits, however long it was told to wait."""
    with world.sessions.begin() as session:
        session.execute(
            update(OutboxRow).where(OutboxRow.state == "pending").values(due_at=OutboxRow.created_at)
        )
    now = world.services.clock.now()
    with world.sessions.begin() as session:
        ready = outbox.hand_out(session, now=now, seconds=0, limit=200)
    for task_id, topic in ready:
        if topic == "post":
            world.runner.run(task_id, topic)


def states(world: DciWorld) -> list[str]:
    with world.sessions.begin() as session:
        return list(session.scalars(select(RegistryPosting.state)))


def mend(world: DciWorld, url: str) -> None:
    """The fault is over, and so is every pause; what was told is old enough to be told again."""
    requests.delete(f"{url}/faults", timeout=30)
    for key in world.services.redis.keys("circuit:*"):
        world.services.redis.delete(key)
    with world.sessions.begin() as session:
        session.connection().exec_driver_sql(
            "UPDATE registry_postings SET told_at = told_at - interval '1 minute'"
        )


def drained(world: DciWorld, url: str, count: int = COUNT) -> list[dict[str, Any]]:
    for _ in range(40):
        if set(states(world)) == {"acknowledged"}:
            break
        turn(world)
    assert states(world) == ["acknowledged"] * count
    held: list[dict[str, Any]] = requests.get(f"{url}/fund/contributions", timeout=30).json()
    return held


FAULTS: dict[str, dict[str, Any]] = {
    "away": {"outage": True},
    "broken": {"http_status": 500},
    "busy": {"http_status": 429, "retry_after": 30},
    "answers lost": {"drop": True},
    "half posting": {"half_post": True},
    "unconvincing": {"outcome": "nack"},
    "wrong signature": {"outcome": "wrong_signature"},
    "skewed clock": {"clock_skew_s": 7200},
    "token refused": {"outcome": "token_refused"},
    "slow, and the answer lost": {"delay_s": 0.3, "drop": True, "rate": 0.5, "seed": 3},
    "unsure": {"error_code": "err.request.timeout"},
    "now and then": {"outage": True, "rate": 0.5, "seed": 7},
}


@pytest.mark.parametrize("name", list(FAULTS))
def test_after_a_bad_day_all_is_there_once_and_in_order(house: tuple[DciWorld, str], name: str) -> None:
    world, url = house
    queued(world)
    requests.put(f"{url}/faults/fund", json=FAULTS[name], timeout=30).raise_for_status()
    for _ in range(4):
        turn(world)
    assert "rejected" not in states(world)
    mend(world, url)
    held = drained(world, url)
    references = [record["reference_id"] for record in held]
    assert len(references) == len(set(references)) == COUNT
    by_member: dict[str, list[float]] = {}
    for record in held:
        number = record["member_identifier"][0]["identifier_value"]
        by_member.setdefault(number, []).append(float(record["amount"]))
    if name != "half posting":
        assert all(amounts == sorted(amounts) for amounts in by_member.values())


def test_a_day_away_under_load_leaves_no_difference(house: tuple[DciWorld, str]) -> None:
    """Hour by hour members save and the registry is away; when it is back it holds what we hold, once."""
    world, url = house
    members = [world.member() for _ in range(5)]
    requests.put(f"{url}/faults/fund", json={"outage": True}, timeout=30).raise_for_status()
    saved = []
    for _hour in range(24):
        saved += queued(world, count=5, members=members)
        turn(world)
    assert requests.get(f"{url}/fund/total", timeout=30).json()["count"] == 0
    assert set(states(world)) == {"pending"}
    assert 'kibaba_registry_circuit_open{connection="fund"} 1.0' in _metrics(world)
    mend(world, url)
    held = drained(world, url, len(saved))
    told = sorted((record["reference_id"], record["amount"]) for record in held)
    assert told == sorted((str(one.id), f"{one.amount_cents / 100:.2f}") for one in saved)
    assert 'kibaba_registry_circuit_open{connection="fund"} 0.0' in _metrics(world)


def test_a_registry_that_lies_is_a_case_for_staff(house: tuple[DciWorld, str]) -> None:
    world, url = house
    queued(world)
    requests.put(f"{url}/faults/fund", json={"outcome": "lies"}, timeout=30).raise_for_status()
    for _ in range(30):
        turn(world)
    assert states(world) == ["rejected"] * COUNT
    with world.sessions.begin() as session:
        words = set(session.scalars(select(RegistryPosting.last_error)))
    assert words == {"read back: amount differ"}


def test_a_registry_that_rejects_what_it_took_is_a_case_for_staff(house: tuple[DciWorld, str]) -> None:
    world, url = house
    queued(world)
    requests.put(f"{url}/faults/fund", json={"outcome": "rejected"}, timeout=30).raise_for_status()
    for _ in range(30):
        turn(world)
    assert states(world) == ["rejected"] * COUNT


def test_what_is_not_decided_yet_is_told_once_and_acknowledged_afterwards(
    house: tuple[DciWorld, str],
) -> None:
    world, url = house
    queued(world)
    requests.put(f"{url}/faults/fund", json={"outcome": "pending"}, timeout=30).raise_for_status()
    for _ in range(30):
        turn(world)
    assert states(world) == ["posted"] * COUNT
    mend(world, url)
    held = drained(world, url)
    assert {record["deliveries"] for record in held} == {1}


def test_settings_that_are_wrong_reject_no_contribution(house: tuple[DciWorld, str]) -> None:
    world, url = house
    queued(world)
    fault = {"error_code": "err.version.not_supported"}
    requests.put(f"{url}/faults/fund", json=fault, timeout=30).raise_for_status()
    for _ in range(4):
        turn(world)
    assert "rejected" not in states(world)
    mend(world, url)
    drained(world, url)


def test_the_circuit_shows_while_the_registry_is_away(house: tuple[DciWorld, str]) -> None:
    world, url = house
    queued(world)
    requests.put(f"{url}/faults/fund", json={"outage": True}, timeout=30).raise_for_status()
    for _ in range(6):
        turn(world)
    assert 'kibaba_registry_circuit_open{connection="fund"} 1.0' in _metrics(world)
    mend(world, url)
    drained(world, url)
    assert 'kibaba_registry_circuit_open{connection="fund"} 0.0' in _metrics(world)


def _metrics(world: DciWorld) -> str:
    with world.app.test_client() as http:
        return http.get("/metrics").get_data(as_text=True)
