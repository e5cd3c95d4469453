"""What a registry answers by a call of its own comes twice, out of order, or after we gave up waiting."""

import csv
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

import sandbox
from core.audit import AuditEntry
from core.outbox import Later, OutboxRow, Task
from core.settings import Settings
from members.notices import announce
from members.tables import MemberRow, RegistryNoticeRow
from operations.registration import let_registries_in
from registry.asking.questions import note_asked
from registry.tables import DciMessageRow, DciQuestionRow, DciWatchRow
from sandbox.testing import running_sandbox
from tests.registry.dci_world import DciWorld, Partner, a_world, code_of, now_text
from tests.registry.running_server import serving
from tests.registry.test_registry_both_ways import eventually
from ussd_app.tasks import build_tasks

PEOPLE = Path(sandbox.__file__).parent / "people.csv"
ALIVE = [
    person["id"]
    for person in csv.DictReader(PEOPLE.read_text(encoding="utf-8").splitlines())
    if person["status"] == "alive"
]


@dataclass
class Pair:
    """Our house and a sandbox whose civil registry calls it back."""

    world: DciWorld
    sandbox_url: str

    def fault(self, **spec: Any) -> None:
        requests.put(f"{self.sandbox_url}/faults/civil", json=spec, timeout=30).raise_for_status()

    def member(self, person_id: str) -> MemberRow:
        """Somebody the registry is asked to tell us of; the task waits."""
        member = self.world.member(person_id)
        with self.world.sessions.begin() as session:
            announce(session, member.id, now=self.world.services.clock.now())
        return member

    def watch(self, member: MemberRow) -> Later | None:
        """Work the task that subscribes, whether or not it is due."""
        with self.world.sessions.begin() as session:
            row = session.scalars(
                select(OutboxRow).where(OutboxRow.topic == "watch", OutboxRow.key == str(member.id))
            ).one()
            task = Task(row.id, row.topic, row.key, row.payload, 1, row.created_at)
        return build_tasks(self.world.services).handlers["watch"](task)

    def happens(self, person_id: str, event: str) -> None:
        told = requests.post(
            f"{self.sandbox_url}/civil/happenings", json={"id": person_id, "event": event}, timeout=30
        )
        assert told.json() == {"told": 1}

    def heard(self, action: str) -> int:
        """How many messages of this kind reached us."""
        with self.world.sessions.begin() as session:
            return (
                session.scalar(
                    select(func.count()).select_from(DciMessageRow).where(DciMessageRow.action == action)
                )
                or 0
            )

    def watches(self, member: MemberRow) -> list[DciWatchRow]:
        with self.world.sessions.begin() as session:
            return list(session.scalars(select(DciWatchRow).where(DciWatchRow.subject == str(member.id))))

    def is_watched(self, member: MemberRow) -> bool:
        rows = self.watches(member)
        return len(rows) == 2 and all(row.state == "live" and row.code for row in rows)

    def subscriptions_asked(self) -> int:
        requested = requests.get(f"{self.sandbox_url}/requests?to=civil", timeout=30).json()
        return sum("/registry/subscribe" in str(one) for one in requested)

    def status(self, member: MemberRow) -> str:
        with self.world.sessions.begin() as session:
            return session.get_one(MemberRow, member.id).status

    def count(self, model: type[RegistryNoticeRow], **where: Any) -> int:
        with self.world.sessions.begin() as session:
            return session.scalar(select(func.count()).select_from(model).filter_by(**where)) or 0


@pytest.fixture
def pair(settings: Settings, tmp_path: Path) -> Iterator[Pair]:
    hearing = a_world(settings)
    with serving(hearing.app) as our_url, running_sandbox(tmp_path, target=our_url) as sandbox_url:
        known = {"civil_registry_url": f"{sandbox_url}/civil", "public_url": our_url}
        world = a_world(settings.model_copy(update=known))
        let_registries_in(world.services.settings, world.sessions, world.services.clock)
        yield Pair(world, sandbox_url)
        world.close()
    hearing.close()


def test_an_answer_that_comes_three_times_is_taken_once(pair: Pair) -> None:
    pair.fault(duplicate=2)
    member = pair.member(ALIVE[0])
    pair.watch(member)
    eventually(lambda: pair.heard("on-subscribe") == 3)
    assert pair.is_watched(member)
    with pair.world.sessions.begin() as session:
        [question] = session.scalars(select(DciQuestionRow))
    assert question.answered_at is not None


def test_answers_out_of_order_come_each_to_its_own_question(pair: Pair) -> None:
    pair.fault(reorder=True, duplicate=1, seed=7)
    members = {person_id: pair.member(person_id) for person_id in ALIVE[:4]}
    for member in members.values():
        pair.watch(member)
    eventually(lambda: pair.heard("on-subscribe") == 2 * len(members))
    assert all(pair.is_watched(member) for member in members.values())
    codes = [row.code for member in members.values() for row in pair.watches(member)]
    assert len(set(codes)) == 2 * len(members)
    # Each code is that of the right person: the registry tells of one of them, and only that one changes.
    requests.delete(f"{pair.sandbox_url}/faults", timeout=30).raise_for_status()
    pair.happens(ALIVE[2], "death")
    eventually(lambda: pair.status(members[ALIVE[2]]) == "deceased")
    others = [member for person_id, member in members.items() if person_id != ALIVE[2]]
    assert [pair.status(member) for member in others] == ["active"] * 3


def test_an_answer_after_we_gave_up_waiting_still_counts_and_nothing_is_asked_again(pair: Pair) -> None:
    # The registry does the work; what it says at once is lost, as after a time-out.
    pair.fault(drop=True)
    member = pair.member(ALIVE[0])
    assert isinstance(pair.watch(member), Later)
    eventually(lambda: pair.is_watched(member))
    asked = pair.subscriptions_asked()
    assert asked >= 1
    assert pair.watch(member) is None
    assert pair.subscriptions_asked() == asked


def test_a_death_that_is_told_three_times_is_one_death(pair: Pair) -> None:
    member = pair.member(ALIVE[0])
    pair.watch(member)
    eventually(lambda: pair.is_watched(member))
    pair.fault(duplicate=2)
    pair.happens(ALIVE[0], "death")
    eventually(lambda: pair.heard("notify") == 3)
    assert pair.status(member) == "deceased"
    assert pair.count(RegistryNoticeRow) == 1
    with pair.world.sessions.begin() as session:
        changes = session.scalars(select(AuditEntry.action).where(AuditEntry.action == "member.status"))
        assert len(changes.all()) == 1


def test_news_out_of_order_end_the_same(pair: Pair) -> None:
    members = [pair.member(person_id) for person_id in ALIVE[:2]]
    for member in members:
        pair.watch(member)
    eventually(lambda: all(pair.is_watched(member) for member in members))
    pair.fault(reorder=True, duplicate=1, seed=3)
    for person_id, order in zip(ALIVE[:2], (("name_change", "death"), ("death", "name_change")), strict=True):
        for event in order:
            pair.happens(person_id, event)
    eventually(lambda: pair.heard("notify") == 8)
    assert [pair.status(member) for member in members] == ["deceased", "deceased"]
    assert pair.count(RegistryNoticeRow, kind="death") == 2


@pytest.fixture
def world(settings: Settings) -> Iterator[DciWorld]:
    world = a_world(settings)
    yield world
    world.close()


def ask(world: DciWorld, transaction_id: str) -> None:
    with world.sessions.begin() as session:
        note_asked(
            session,
            transaction_id,
            connection="civil",
            action="search",
            purpose="kept",
            subject=str(uuid.uuid4()),
            reference_ids=[f"r-{transaction_id}"],
            now=world.services.clock.now(),
        )


def answers(civil: Partner, transaction_id: str, surname: str) -> str:
    """The registry answers a search; the code with which it is refused, if it is."""
    item = {
        "reference_id": f"r-{transaction_id}",
        "timestamp": now_text(),
        "status": "succ",
        "data": {"version": "1.0.0", "reg_records": [{"name": {"surname": surname}}]},
    }
    message = {"transaction_id": transaction_id, "correlation_id": "c", "search_response": [item]}
    header = {"status": "succ", "total_count": None}
    return code_of(civil.say("on-search", "on-search", message, header=header))


def kept(world: DciWorld, transaction_id: str) -> str:
    with world.sessions.begin() as session:
        return session.get_one(DciQuestionRow, transaction_id).answer or ""


def test_searches_answered_in_reverse_and_twice_keep_their_first_answers(world: DciWorld) -> None:
    civil = world.partner("civil", speaks_for="civil")
    for transaction_id in ("one", "two", "three"):
        ask(world, transaction_id)
    said: list[Callable[[], str]] = [
        lambda: answers(civil, "three", "Wambui"),
        lambda: answers(civil, "one", "Otieno"),
        lambda: answers(civil, "three", "Somebody"),
        lambda: answers(civil, "two", "Achieng"),
        lambda: answers(civil, "one", "Else"),
    ]
    assert [say() for say in said] == [""] * 5, "a second answer is taken politely"
    found = [kept(world, transaction_id) for transaction_id in ("one", "two", "three")]
    assert [name in answer for name, answer in zip(("Otieno", "Achieng", "Wambui"), found, strict=True)] == [
        True,
        True,
        True,
    ]
    assert "Somebody" not in found[2]
    assert "Else" not in found[0]


def test_one_registry_does_not_answer_what_another_was_asked(world: DciWorld) -> None:
    ask(world, "one")
    fund = world.partner("fund", speaks_for="fund")
    assert answers(fund, "one", "Otieno") == "err.request.not_found"
    assert kept(world, "one") == ""
