"""What registries tell us of members: deaths and new names, of whom, by which names, and who is believed."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from core import audit, outbox
from core.ids import new_id
from core.outbox import OutboxRow
from core.settings import Settings
from members.notified import open_notices
from members.tables import MEMBER_LOCK, MemberRow
from tests.registry.dci_world import DciWorld, a_world, code_of


def test_a_death_told_by_the_civil_registry_stops_the_membership_once_and_is_audited(world: DciWorld) -> None:
    world.member("12345678")
    civil = world.partner("civil", speaks_for="civil")
    record = {
        "identifier": [{"identifier_type": "UIN", "identifier_value": "12345678"}],
        "death_date": "2026-11-01",
    }
    for _ in range(2):
        assert code_of(civil.notify("DEATH", record)) == ""
    with world.sessions.begin() as session:
        [member] = session.scalars(select(MemberRow))
        entries = session.scalars(
            select(audit.AuditEntry).where(audit.AuditEntry.action == "member.status")
        ).all()
    assert member.status == "deceased"
    [entry] = entries
    assert (entry.actor, entry.details) == ("registry:civil", {"before": "active", "after": "deceased"})
    with world.sessions.begin() as session:
        [(notice, _)] = open_notices(session)
    assert (notice.kind, notice.source, notice.event_on) == ("death", "civil", "2026-11-01")
    assert notice.status_before == "active"


def test_a_new_name_sends_the_membership_to_staff(world: DciWorld) -> None:
    world.member("12345678")
    civil = world.partner("civil", speaks_for="civil")
    record = {"identifier": [{"identifier_type": "UIN", "identifier_value": "12345678"}]}
    assert (
        code_of(civil.notify("name_change", record, {"identifier": [{"type": "UIN", "value": "7654321"}]}))
        == ""
    )
    with world.sessions.begin() as session:
        [member] = session.scalars(select(MemberRow))
        [(notice, _)] = open_notices(session)
    assert member.status == "needs_review"
    assert (notice.kind, notice.status_before) == ("name_change", "active")


def test_what_is_put_back_later_is_what_was_decided_while_the_news_came(world: DciWorld) -> None:
    member_id = world.member("12345678").id
    with world.sessions.begin() as session:
        session.execute(update(MemberRow).values(status="pending_verification"))
    civil = world.partner("civil", speaks_for="civil")
    record = {"identifier": [{"identifier_type": "UIN", "identifier_value": "12345678"}]}
    told = threading.Thread(target=civil.notify, args=("DEATH", record))
    with world.sessions.begin() as session:
        session.get_one(MemberRow, member_id, with_for_update=MEMBER_LOCK).status = "active"
        session.flush()
        told.start()
        told.join(0.5)
    told.join()
    with world.sessions.begin() as session:
        [(notice, member)] = open_notices(session)
        assert (notice.status_before, member.status) == ("active", "deceased")


OWN_NAMES = {"identifier_names": {"UIN": "NATIONAL_ID"}, "event_names": {"death": "Decease"}}


@pytest.fixture
def own_named(settings: Settings) -> Iterator[DciWorld]:
    """Where the civil registry has names of its own."""
    world = a_world(settings.model_copy(update={"civil_registry_options": OWN_NAMES}))
    yield world
    world.close()


@pytest.mark.parametrize("kind", ["NATIONAL_ID", "national_id", "uin"])
def test_a_death_is_understood_by_the_names_of_the_registry_that_tells_it(
    own_named: DciWorld, kind: str
) -> None:
    own_named.member("12345678")
    civil = own_named.partner("civil", speaks_for="civil")
    others = {"identifier_type": "BIRTH_NO", "identifier_value": "1"}
    record = {"identifier": [others, {"identifier_type": kind, "identifier_value": "12345678"}]}
    assert code_of(civil.notify("DECEASE", record)) == ""
    with own_named.sessions.begin() as session:
        [member] = session.scalars(select(MemberRow))
    assert member.status == "deceased"


def test_a_death_of_somebody_named_by_nothing_that_we_know_is_refused(world: DciWorld) -> None:
    civil = world.partner("civil", speaks_for="civil")
    record = {"identifier": [{"identifier_type": "BIRTH_NO", "identifier_value": "12345678"}]}
    for _ in range(2):
        assert code_of(civil.notify("death", record)) == "rjct.person_id.invalid"


def test_a_death_told_of_a_second_membership_is_that_of_the_one_that_stayed(world: DciWorld) -> None:
    kept, closed = world.member("12345678"), world.member("23456789")
    with world.sessions.begin() as session:
        row = session.get_one(MemberRow, closed.id)
        row.status, row.merged_into = "closed", kept.id
    civil = world.partner("civil", speaks_for="civil")
    record = {"identifier": [{"identifier_type": "UIN", "identifier_value": "23456789"}]}
    assert code_of(civil.notify("DEATH", record)) == ""
    with world.sessions.begin() as session:
        assert session.get_one(MemberRow, kept.id).status == "deceased"
        [(notice, member)] = open_notices(session)
    assert (notice.kind, member.id) == ("death", kept.id)


def test_nobody_else_is_believed_about_a_death(world: DciWorld) -> None:
    partner = world.partner()
    world.member("12345678")
    record = {"identifier": [{"identifier_type": "UIN", "identifier_value": "12345678"}]}
    assert code_of(partner.notify("death", record)) == "err.request.forbidden"
    fund = world.partner("fund", speaks_for="fund")
    assert code_of(fund.notify("death", record)) == "err.request.forbidden"
    assert code_of(fund.notify("ContributionPosted", {"reference_id": str(new_id())})) == ""


def test_a_batch_that_is_said_to_be_booked_is_read_back_at_once_by_whoever_works_it(world: DciWorld) -> None:
    fund = world.partner("central", speaks_for="fund")
    batch, member = new_id(), world.member()
    led, told = world.contribution(member, batch=batch), world.contribution(member, batch=batch)
    other = world.contribution(member)
    now = datetime.now(UTC)
    with world.sessions.begin() as session:
        for key in (str(led.id), f"apart:{batch}", str(other.id)):
            outbox.add(session, "post", key, {}, now=now)
        # Each was tried before and waits for the next time.
        later = {"due_at": now + timedelta(hours=1), "attempts": 3}
        session.execute(update(OutboxRow).where(OutboxRow.topic == "post").values(later))
    assert code_of(fund.notify("ContributionPosted", {"reference_id": str(told.id)})) == ""
    due = {task.key for task in world.tasks("post") if task.due_at <= datetime.now(UTC)}
    assert due == {str(led.id), f"apart:{batch}"}
