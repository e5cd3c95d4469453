"""Lines that only the wallet's list tells of are judged together as each would be alone."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from core.outbox import OutboxRow
from core.phone import PhoneNumber
from payments import matching
from payments.crediting import Crediting
from payments.receipts.tables import Receipt
from payments.registry_postings.tables import RegistryPosting
from payments.statements import import_statement
from payments.wallet_lines import applying
from payments.wallet_lines.applying import Applying
from payments.wallet_lines.ordinary import apply_ordinary
from payments.wallet_lines.service import arrival_of
from payments.wallet_lines.staging import Staging
from payments.wallet_lines.tables import StoredLine
from payments.wallets.mpesa.statement_stream import StreamedStatement
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.wallets.mpesa_statements import DAY_FIRST, export, row
from tests.payments.world import START, World

PREAMBLE = [["Organization Name", "HABA FUND"], ["Short Code", SHORTCODE], []]
AT = (START + timedelta(hours=3)).strftime(DAY_FIRST)
PULL_DELAY = timedelta(seconds=3)
TYPED = ("SAVE", "RENT", "", "MAMA MBOGA", "CHAMA YA WANAWAKE", "AKIBA")


def stranger(number: int) -> PhoneNumber:
    return PhoneNumber(f"+25471100{number:04}")


def keep(world: World, told: Sequence[tuple[PhoneNumber, str]]) -> list[StoredLine]:
    """A line for each payer with what they typed, on the list and nowhere else."""
    rows = [
        row(f"SKL{n:06}", paid_in="50.00", at=AT, account=account, party=f"{phone.wire} - JANE W")
        for n, (phone, account) in enumerate(told)
    ]
    stream = StreamedStatement([export(rows, preamble=PREAMBLE, totals=None)], SHORTCODE)
    with world.sessions.begin() as session:
        assert Staging(session, "mpesa", stream, now=world.clock.now()).keep().new == len(told)
        return list(session.scalars(select(StoredLine).order_by(StoredLine.receipt)))


def apply(world: World, lines: Sequence[StoredLine]) -> set[str]:
    with world.sessions.begin() as session:
        done = apply_ordinary(session, lines, pull_delay=PULL_DELAY, now=world.clock.now())
    return {line.receipt for line in lines if line.id in done}


def receipts(world: World) -> list[Receipt]:
    with world.sessions() as session:
        return list(session.scalars(select(Receipt).order_by(Receipt.receipt)))


def test_what_is_judged_together_is_judged_as_if_alone(world: World) -> None:
    member = world.member()
    own = (PhoneNumber(member.phone), member.number)
    lines = keep(world, [own, *((stranger(n), typed) for n, typed in enumerate(TYPED))])
    assert apply(world, lines) == {line.receipt for line in lines}
    by_receipt = {line.receipt: line for line in lines}
    for receipt in receipts(world):
        with world.sessions() as session:
            owner = matching.owner_of(session, arrival_of(by_receipt[receipt.receipt]))
        assert (receipt.member_id, receipt.match_step) == (owner.member_id, owner.step)
        assert receipt.match_why == owner.why
    assert [receipt.member_id for receipt in receipts(world)] == [member.id, *[None] * len(TYPED)]
    assert world.proof().suspense_cents == 5000 * len(TYPED)
    assert world.proof().credited_cents == 5000


def test_of_whom_anything_is_known_the_money_is_looked_at_alone(world: World) -> None:
    member = world.member()
    member_without_reference = (PhoneNumber(member.phone), "RENT")
    pays_twice = [(stranger(1), "RENT"), (stranger(1), "SAVE")]
    names_a_phone = (stranger(2), member.phone)
    lines = keep(world, [member_without_reference, *pays_twice, names_a_phone, (stranger(3), "RENT")])
    assert apply(world, lines) == {"SKL000004"}
    assert apply(world, lines) == set()


def test_who_paid_before_is_no_stranger(world: World) -> None:
    lines = keep(world, [(stranger(1), "RENT"), (stranger(2), "RENT"), (stranger(1), "SAVE")])
    assert apply(world, lines[:2]) == {"SKL000000", "SKL000001"}
    assert apply(world, lines[2:]) == set()


def test_everybody_is_told_once_and_what_the_list_confirms_is_queued(world: World) -> None:
    member = world.member()
    own = (PhoneNumber(member.phone), member.number)
    lines = keep(world, [own, (stranger(1), "SAVE"), (stranger(1), "RENT"), (stranger(2), "RENT")])
    run = Applying(world.sessions, world.clock, pull_delay=PULL_DELAY).run
    since = lines[0].at - timedelta(minutes=1)
    assert run("mpesa", SHORTCODE, since=since) == 4
    assert run("mpesa", SHORTCODE, since=since) == 0
    [credited, *waiting] = receipts(world)
    with world.sessions() as session:
        told = set(session.scalars(select(OutboxRow.key).where(OutboxRow.topic == "message")))
        queued = session.scalars(select(RegistryPosting.receipt_id)).all()
        tasks = session.scalar(select(func.count()).where(OutboxRow.topic == "post"))
    assert told == {f"receipt:{credited.id}", *(f"suspense:{receipt.id}" for receipt in waiting)}
    assert (queued, tasks) == ([credited.id], 1)


def test_lines_are_looked_for_once_and_what_was_told_since_is_credited_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = world.member()
    lines = keep(world, [(stranger(n), "RENT") for n in range(4)] + [(PhoneNumber(member.phone), "RENT")] * 3)
    judge = Applying._without_ordinary

    def then_a_message_comes(self: Applying, some: Sequence[StoredLine]) -> list[StoredLine]:
        alone = judge(self, some)
        if some[0].receipt == "SKL000000":
            arrival = arrival_of(lines[-1])
            with world.sessions.begin() as session:
                Crediting(PULL_DELAY).by_hand(session, arrival, now=world.clock.now())
        return alone

    monkeypatch.setattr(applying, "_BATCH", 2)
    monkeypatch.setattr(Applying, "_without_ordinary", then_a_message_comes)
    run = Applying(world.sessions, world.clock, pull_delay=PULL_DELAY).run
    since = lines[0].at - timedelta(minutes=1)
    assert run("mpesa", SHORTCODE, since=since) == 7
    assert [receipt.receipt for receipt in receipts(world)] == [line.receipt for line in lines]
    proof = world.proof()
    assert proof.suspense_cents + proof.credited_cents == 5000 * 7
    assert run("mpesa", SHORTCODE, since=since) == 0


@pytest.mark.parametrize(("payment", "reversal"), [("SKL000001", "SKL000002"), ("SKL000002", "SKL000001")])
def test_what_one_statement_pays_and_takes_back_is_credited_and_taken_back(
    world: World, payment: str, reversal: str
) -> None:
    member = world.member()
    party = f"{PhoneNumber(member.phone).wire} - JANE W"
    rows = [
        row(payment, paid_in="50.00", at=AT, account=member.number, party=party),
        row(reversal, withdrawn="-50.00", at=AT, reason="Pay Bill Reversal", linked=payment, party=party),
    ]
    stream = StreamedStatement([export(rows, preamble=PREAMBLE, totals=None)], SHORTCODE)
    with world.sessions.begin() as session:
        Staging(session, "mpesa", stream, now=world.clock.now()).keep()
    run = Applying(world.sessions, world.clock, pull_delay=PULL_DELAY).run
    assert run("mpesa", SHORTCODE, since=START) == 2
    [receipt] = receipts(world)
    assert (receipt.receipt, receipt.member_id) == (payment, member.id)
    assert receipt.reversed_at is not None
    assert run("mpesa", SHORTCODE, since=START) == 0


def test_a_reversal_that_was_told_before_its_payment_takes_it_back(world: World) -> None:
    member = world.member()
    party = f"{PhoneNumber(member.phone).wire} - JANE W"
    monday, tuesday = ((START + timedelta(hours=hours)).strftime(DAY_FIRST) for hours in (3, 27))
    world.clock.forward(days=4)
    reversal = row(
        "SKL000009",
        withdrawn="-50.00",
        at=tuesday,
        reason="Pay Bill Reversal",
        linked="SKL000001",
        party=party,
    )
    payment = row("SKL000001", paid_in="50.00", at=monday, account=member.number, party=party)
    # The file of the later day is handed in first.
    for each in (reversal, payment):
        stream = StreamedStatement([export([each], preamble=PREAMBLE, totals=None)], SHORTCODE)
        import_statement(world.sessions, world.clock, "mpesa", stream, pull_delay=PULL_DELAY)
    [receipt] = receipts(world)
    assert receipt.member_id == member.id
    assert receipt.reversed_at is not None
