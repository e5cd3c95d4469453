"""What an old key sealed is sealed anew, all of it, while the house runs and whatever happens on the way."""

import threading
from collections.abc import Iterator

import psycopg
import pytest
from redis import Redis
from sqlalchemy import func, make_url, select, update

from core import audit, outbox
from core.ids import new_id
from core.key_proofs import KeyProof, keys_unlike, mark_retired
from core.vault import Vault
from members.notices import PHONE_PLACE
from operations.sealing import batches, rotation
from operations.sealing.places import sealed_tables
from operations.trouble import TroubleError
from payments.contributions.tables import Contribution
from payments.evidence.tables import Evidence
from tests.operations.sealed_house import (
    AT,
    BOTH,
    INDEX,
    NEW,
    NEW_KEY,
    OLD,
    OLD_KEY,
    SealedHouse,
    encrypted_columns,
    sealed_house,
)
from tests.servers import Servers

PEPPER = b"p" * 40
THIRD = Vault([b"t" * 40], INDEX)


@pytest.fixture
def house(servers: Servers, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[SealedHouse]:
    monkeypatch.setattr(batches, "_ROWS_MAX", 7)
    monkeypatch.setattr(batches, "_PAGES", 2)
    monkeypatch.setattr(rotation, "_VAIN_WALK_PAUSE_SECONDS", 0.01)
    with sealed_house(make_url(servers.database_url), redis) as made:
        yield made


def prove(house: SealedHouse, vault: Vault) -> list[str]:
    """As a process with these keys does when it starts: what does not fit."""
    with house.sessions(vault) as sessions, sessions.begin() as session:
        return keys_unlike(session, vault, PEPPER)


def proofs(house: SealedHouse) -> set[str]:
    with house.sessions(BOTH) as sessions, sessions.begin() as session:
        return set(session.scalars(select(KeyProof.name)))


def test_every_sealed_column_there_is_opens_with_the_new_key_alone(house: SealedHouse) -> None:
    house.fill(20)
    before = house.opened(OLD)
    assert len(before) > 20
    assert all(len(values) == 20 for values in before.values())
    done = house.rotate()
    after = house.opened(NEW)
    assert {name: sorted(values) for name, values in after.items()} == {
        name: sorted(values) for name, values in before.items()
    }
    assert sum(one.anew for one in done.tables.values()) == 20 * len(before)
    assert done.left.total() == 0
    assert f"{OLD.newest}." not in str(house.everything())


def test_every_table_that_is_declared_is_looked_into() -> None:
    looked_into = {(table.name, column.name) for table in sealed_tables() for column in table.columns}
    assert {(column.table.name, column.name) for column in encrypted_columns()} <= looked_into


def test_a_second_run_touches_nothing(house: SealedHouse) -> None:
    house.fill(3)
    assert prove(house, OLD) == prove(house, BOTH) == []
    assert house.rotate().retired == [OLD.newest]
    before = house.everything()
    done = house.rotate()
    assert house.everything() == before
    assert (done.retired, sum(one.anew for one in done.tables.values())) == ([], 0)


def test_append_only_tables_refuse_change_as_before(house: SealedHouse) -> None:
    house.fill(3)
    tables = {
        name
        for (name,) in house.run(
            "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'append_only'"
        )
    }
    sealed = {column.table.name: column.name for column in encrypted_columns()}
    sealed = {name: column for name, column in sealed.items() if name in tables}
    assert sealed.keys() == {"bank_lines", "delivery_reports", "evidence", "wallet_lines"}
    house.rotate()
    for name in sealed:
        for change in ("DELETE FROM {}", "UPDATE {} SET {} = {}"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                house.run(change.format(name, *[sealed[name]] * 2))
    assert house.run("SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgname = 'append_only'") == [("O",)]


def test_sealed_values_in_tasks_are_sealed_anew_and_nothing_else_of_them_changes(house: SealedHouse) -> None:
    rest = {"values": {"amount": 1.50, "said": 'a "quote", \\ and ũ'}, "language": "sw"}
    with house.sessions(OLD) as sessions, sessions.begin() as session:
        for number in range(20):
            sealed = {"phone_sealed": OLD.seal(PHONE_PLACE, f"+2547{number:08}")}
            outbox.add(session, "message", str(number), sealed | rest, now=AT)
            outbox.add(session, "message", f"plain {number}", rest, now=AT)
    done = house.rotate()
    assert (done.tables["outbox"].anew, done.left.total()) == (20, 0)
    with house.sessions(NEW) as sessions, sessions.begin() as session:
        for row in session.scalars(select(outbox.OutboxRow)):
            payload = dict(row.payload)
            if "plain" not in row.key:
                assert NEW.open(PHONE_PLACE, payload.pop("phone_sealed")) == f"+2547{int(row.key):08}"
            assert payload == rest


def test_what_cannot_be_sealed_anew_is_counted_and_keeps_the_proof(house: SealedHouse) -> None:
    house.fill(2)
    assert prove(house, OLD) == prove(house, BOTH) == []
    damaged, odd = OLD.seal("refunds.phone", "x")[:-4] + "AAAA", OLD.seal("anywhere", "x")
    house.put("refunds", "phone", damaged)
    house.put("staff", "totp_secret", THIRD.seal("staff.totp_secret", "x"))
    house.put("members", "masked_name", "Wanjiku")
    with house.sessions(OLD) as sessions, sessions.begin() as session:
        outbox.add(session, "message", "odd", {"somewhere": {"else": odd}}, now=AT)
    done = house.rotate()
    assert done.left == {OLD.newest: 2, THIRD.newest: 1, batches.NO_KEY: 1}
    assert (done.tables["refunds"].left, done.tables["outbox"].left) == ({OLD.newest: 1}, {OLD.newest: 1})
    assert done.retired == []
    assert {f"PII_KEYS {OLD.newest}", f"PII_KEYS {NEW.newest}"} <= proofs(house)
    assert not any(name.startswith("RETIRED") for name in proofs(house))
    house.run("DELETE FROM refunds; DELETE FROM outbox")
    assert house.rotate().retired == [OLD.newest]


def test_calls_that_an_old_key_sealed_keep_its_proof_until_they_are_over(
    house: SealedHouse, redis: Redis
) -> None:
    house.fill(1)
    record = b"1|hash|0|0|0|0|epoch||0|" + OLD.seal_bytes("ussd.session", b"[]")
    redis.set("ussd:session:a", record)
    redis.hset("ussd:earlier:a", "hash", record)
    done = house.rotate()
    assert (done.calls, done.retired) == ({OLD.newest: 2}, [])
    redis.delete("ussd:session:a", "ussd:earlier:a")
    assert prove(house, BOTH) == []


def test_nobody_waits_for_a_row_that_somebody_holds(house: SealedHouse) -> None:
    house.fill(10)
    assert prove(house, OLD) == prove(house, BOTH) == []
    with house.sessions(BOTH) as sessions:
        with sessions.begin() as session:
            held = session.scalars(select(Contribution).limit(1).with_for_update()).one()
            done = house.rotate()
            assert done.tables["contributions"].left == {OLD.newest: 1}
            assert (done.left.total(), done.retired) == (1, [])
            held.state = "failed"
        assert house.rotate().retired == [OLD.newest]
        with sessions.begin() as session:
            assert session.scalar(select(func.count()).where(Contribution.state == "failed")) == 1


def test_a_long_writer_of_an_append_only_table_is_not_waited_for_either(
    house: SealedHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_LOCK_TRIES_MAX", 2)
    monkeypatch.setattr(batches, "_LOCK_PAUSE_SECONDS", 0.01)
    house.fill(10)
    with house.sessions(BOTH) as sessions, sessions.begin() as session:
        session.add(Evidence(id=new_id(), channel="c", wallet="w", body="new", received_at=AT))
        session.flush()
        done = house.rotate()
        assert done.left == {OLD.newest: 10}
    assert house.rotate().left.total() == 0


def test_a_writer_at_work_meanwhile_loses_nothing(house: SealedHouse) -> None:
    house.fill(150)
    stop = threading.Event()
    written: dict[object, str] = {}

    def write() -> None:
        with house.sessions(BOTH) as sessions:
            with sessions.begin() as session:
                ids = list(session.scalars(select(Contribution.id)))
            number = 0
            while not stop.is_set():
                number += 1
                one = ids[number % len(ids)]
                with sessions.begin() as session:
                    session.execute(
                        update(Contribution).where(Contribution.id == one).values(phone=f"p{number}")
                    )
                    session.execute(
                        update(Contribution).where(Contribution.id == ids[-number % 150]).values(state="paid")
                    )
                    kept = Evidence(id=new_id(), channel="c", wallet="w", body=f"e{number}", received_at=AT)
                    session.add(kept)
                written[one], written[kept.id] = f"p{number}", f"e{number}"

    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = house.rotate()
    finally:
        stop.set()
        writer.join()
    assert done.left.total() == 0
    assert len(written) > 20
    with house.sessions(NEW) as sessions, sessions.begin() as session:
        found = {row.id: row.phone for row in session.scalars(select(Contribution))}
        bodies = {row.id: row.body for row in session.scalars(select(Evidence))}
    assert written.items() <= (found | bodies).items()
    assert len(found) == 150


def test_a_key_is_retired_for_good(house: SealedHouse) -> None:
    house.fill(2)
    assert prove(house, OLD) == prove(house, BOTH) == []
    house.rotate()
    assert {name for name in proofs(house) if "KEY" not in name[:5]} >= {
        f"RETIRED {OLD.newest}",
        f"PII_KEYS {NEW.newest}",
    }
    assert f"PII_KEYS {OLD.newest}" not in proofs(house)
    assert prove(house, NEW) == []
    # A key that only opens does no harm; one that would seal is not let in.
    assert prove(house, BOTH) == []
    for ring in (OLD, Vault([OLD_KEY, NEW_KEY], INDEX)):
        with pytest.raises(Exception, match=f"seals with the key {OLD.newest}, which was retired"):
            prove(house, ring)
    with house.sessions(NEW) as sessions, sessions.begin() as session:
        last = session.scalars(select(audit.AuditEntry)).one()
        assert (last.action, last.details["retired"]) == ("keys.rotated", [OLD.newest])
        assert keys_unlike(session, Vault([OLD_KEY, NEW_KEY], INDEX), PEPPER) == ["PII_KEYS"]


def test_nothing_is_sealed_while_a_process_is_there_that_could_not_open_it(house: SealedHouse) -> None:
    house.fill(2)
    before = house.everything()
    for ring in (OLD, Vault([OLD_KEY, NEW_KEY], INDEX)):
        with house.sessions(ring) as sessions, sessions.begin() as session:
            session.scalars(select(KeyProof)).all()
            with pytest.raises(TroubleError, match="1 connections"):
                house.rotate()
    assert house.everything() == before


def test_a_process_that_comes_with_the_old_key_meanwhile_keeps_it_from_being_retired(
    house: SealedHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.fill(2)
    assert prove(house, OLD) == prove(house, BOTH) == []
    with house.sessions(Vault([OLD_KEY, NEW_KEY], INDEX)) as sessions, sessions() as late:

        def mark_late(*arguments: object, **more: object) -> None:
            # Everything was sealed anew by now.
            late.add(Evidence(id=new_id(), channel="c", wallet="w", body="late", received_at=AT))
            late.commit()
            mark_retired(*arguments, **more)  # type: ignore[arg-type]  # passed on as they came

        monkeypatch.setattr(rotation, "mark_retired", mark_late)
        with pytest.raises(TroubleError, match="restart them"):
            house.rotate()
    assert f"PII_KEYS {OLD.newest}" in proofs(house)
    assert f"RETIRED {OLD.newest}" not in proofs(house)
    monkeypatch.setattr(rotation, "mark_retired", mark_retired)
    done = house.rotate()
    assert (done.tables["evidence"].anew, done.retired) == (1, [OLD.newest])
