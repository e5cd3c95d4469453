"""Payments to divide, and what staff wish: shared by the tests of divided payments."""

from typing import Any

from sqlalchemy import select

from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.receipts.parts import live_parts
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break, ReconciliationRun
from payments.suspense.model import Act, Share
from tests.payments.deciding import (
    wish,
)
from tests.payments.world import World

ALL = 120_000


def split_wish(receipt: Receipt, *shares: tuple[MemberRow, int], **about: Any) -> Any:
    return wish(
        Act.SPLIT, receipt, shares=tuple(Share(member.id, cents) for member, cents in shares), **about
    )


def parts_of(world: World, whole: Receipt) -> list[Receipt]:
    with world.sessions.begin() as session:
        return list(live_parts(session, whole.id))


def workers(world: World, count: int = 4) -> list[MemberRow]:
    return [world.member() for _ in range(count)]


def credited(world: World, cents: int = ALL) -> tuple[MemberRow, Receipt]:
    """Money that named a member, confirmed, posted and read back."""
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), cents, member.number))
    world.settle(minutes=1)
    [receipt] = [one for one in world.receipts() if one.member_id == member.id]
    return member, receipt


def states(world: World) -> dict[tuple[str, str], str]:
    with world.sessions.begin() as session:
        return {(row.break_class, row.subject): row.state for row in session.scalars(select(Break))}


def last_run(world: World) -> ReconciliationRun:
    run_id = world.reconcile()
    with world.sessions.begin() as session:
        return session.get_one(ReconciliationRun, run_id)
