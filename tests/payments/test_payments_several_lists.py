"""A payment that several lists tell of, at other times or with other amounts, is compared once."""

import json
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from core.money import Money
from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.model import EvidenceChannel
from payments.reconciliation.tables import Break, ReconciliationRun
from payments.wallet_lines.service import keep_lines
from payments.wallets.protocol import LineKind, WalletLine
from tests.payments.world import World


def _pay(world: World, member: MemberRow, cents: int = 5000) -> str:
    body = world.wallet.pay_by_hand(PhoneNumber(member.phone), cents, member.number)
    world.confirm(body)
    return str(json.loads(body)["receipt"])


def _list_too(world: World, line: WalletLine, **other: object) -> None:
    """A statement file tells of a line as well, in its own way."""
    told = replace(line, row_key=f"file-{line.row_key}-{len(other)}", **other)  # type: ignore[arg-type]
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", [told], EvidenceChannel.STATEMENT, now=world.clock.now())


def _compared(world: World) -> tuple[ReconciliationRun, list[tuple[str, str, int | None]]]:
    run_id = world.reconcile()
    with world.sessions.begin() as session:
        found = session.scalars(select(Break).where(Break.state == "open").order_by(Break.subject)).all()
        breaks = [(row.break_class, row.subject, row.other_amount_cents) for row in found]
        return session.get_one(ReconciliationRun, run_id), breaks


def _counted(run: ReconciliationRun) -> tuple[int, int, int, int]:
    return run.received, run.confirmed, run.posted, run.acknowledged


def test_a_payment_on_two_lists_counts_once(world: World) -> None:
    for cents in (5000, 7000):
        _pay(world, world.member(), cents)
    world.settle(minutes=20)
    for line in list(world.wallet.lines):
        _list_too(world, line)
    run, breaks = _compared(world)
    assert breaks == []
    assert _counted(run) == (2, 2, 2, 2)
    assert (run.wallet_lines, run.wallet_in_cents, run.acknowledged_cents) == (2, 12000, 12000)


def test_two_lists_that_contradict_each_other_confirm_what_one_of_them_says(world: World) -> None:
    _pay(world, world.member())
    world.settle(minutes=20)
    [line] = world.wallet.lines
    _list_too(world, line, amount=Money(5100))
    run, breaks = _compared(world)
    assert breaks == []
    assert (*_counted(run), run.wallet_lines, run.wallet_in_cents) == (1, 1, 1, 1, 1, 5100)


def test_a_list_that_tells_another_amount_on_both_its_lines_is_a_difference(world: World) -> None:
    receipt = _pay(world, world.member())
    [line] = world.wallet.lines
    world.wallet.lines = [replace(line, amount=Money(4000))]
    world.settle(minutes=20)
    _list_too(world, line, amount=Money(4500))
    run, breaks = _compared(world)
    assert breaks == [("amount_differs", receipt, 4500)]
    assert _counted(run) == (1, 0, 0, 0)


def test_a_line_two_days_away_confirms_and_counts_on_its_own_day(world: World) -> None:
    _pay(world, world.member())
    [line] = world.wallet.lines
    world.wallet.lines = []
    _list_too(world, line, at=line.at + timedelta(days=2))
    world.settle(minutes=20)
    run, breaks = _compared(world)
    assert [found for found in breaks if found[0] == "not_on_statement"] == []
    assert (run.received, run.confirmed, run.wallet_lines) == (1, 1, 0)


def test_a_reversal_is_found_though_the_message_named_a_day_too_late(world: World) -> None:
    receipt = _pay(world, world.member())
    [line] = world.wallet.lines
    world.wallet.lines = []
    early = line.at - timedelta(days=2)
    _list_too(world, line, at=early)
    _list_too(
        world,
        line,
        receipt="SKL9999999",
        kind=LineKind.REVERSAL,
        amount=-line.amount,
        at=early + timedelta(minutes=5),
        linked_receipt=receipt,
    )
    world.settle(minutes=20)
    _, breaks = _compared(world)
    assert ("reversed_after_credit", receipt, -5000) in breaks
