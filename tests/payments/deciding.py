"""What tests of staff's decisions share: money in suspense, wishes, and where money stands."""

import uuid
from typing import Any

from sqlalchemy import select

from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.ledger import service as ledger
from payments.ledger.model import Account, AccountKind
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.suspense.deciding import check, decide
from payments.suspense.model import Act, Wish
from payments.suspense.tables import Decision
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.world import World

REASON = "the payer called and said so"
STRANGER = PhoneNumber("+254733000111")
MAKER, CHECKER = "staff:maker", "staff:checker"


def lost(world: World, cents: int = 5000) -> Receipt:
    """Money in suspense, confirmed by the wallet's list, its difference found."""
    world.confirm(world.wallet.pay_by_hand(STRANGER, cents, "WHO"))
    world.settle(minutes=1)
    world.reconcile()
    return next(receipt for receipt in world.receipts() if receipt.member_id is None)


def wish(act: Act, receipt: Receipt | None = None, **about: Any) -> Wish:
    about.setdefault("key", uuid.uuid4())
    return Wish(act=act, reason=REASON, receipt_id=receipt.id if receipt else None, **about)


def do(world: World, wanted: Wish, *, limit_cents: int = 10**9, maker: str = MAKER) -> Decision:
    with world.sessions.begin() as session:
        return decide(session, wanted, maker=maker, limit_cents=limit_cents, now=world.clock.now())


def second(
    world: World, decision: Decision, *, checker: str = CHECKER, approve: bool = True, reason: str = REASON
) -> Decision:
    with world.sessions.begin() as session:
        return check(
            session, decision.id, checker=checker, approve=approve, reason=reason, now=world.clock.now()
        )


def kept(world: World, receipt: Receipt) -> Receipt:
    with world.sessions.begin() as session:
        return session.get_one(Receipt, receipt.id)


def held(world: World, kind: AccountKind) -> int:
    with world.sessions.begin() as session:
        return -ledger.balance(session, Account.of_shortcode(kind, "mpesa", SHORTCODE, "KES"))


def saved(world: World, member: MemberRow) -> int:
    with world.sessions.begin() as session:
        return ledger.savings(session, member.id).amount_cents


def states(world: World) -> dict[str, str]:
    with world.sessions.begin() as session:
        return {row.break_class: row.state for row in session.scalars(select(Break))}
