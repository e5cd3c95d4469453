"""A statement file goes through hands: alone it has nobody paid, and a pull that lacks it says so."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.money import Money
from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.ledger.model import AccountKind
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.refunds.model import NoRefund
from payments.refunds.service import refund_double
from payments.statements import import_statement
from payments.suspense.model import Act, DecisionState, NotPossible
from payments.wallets.mpesa.statement_stream import StreamedStatement
from payments.wallets.protocol import LineKind, WalletLine
from tests.payments.deciding import do, held, second, wish
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.test_payments_ordinary_lines import PREAMBLE, PULL_DELAY
from tests.payments.test_payments_undoing import proposals
from tests.payments.wallets.mpesa_statements import DAY_FIRST, export, row
from tests.payments.world import START, World

OFFICERS_OWN = PhoneNumber("+254799000666")
LIMIT = 100_000


@pytest.fixture
def member(world: World) -> MemberRow:
    """Two lines in a file: one of a phone that is nobody's, and one that pays for a member, twice."""
    member = world.member()
    world.clock.forward(minutes=30)
    at = [(START + timedelta(hours=3, minutes=10 + minute)).strftime(DAY_FIRST) for minute in (0, 1)]
    own, theirs = f"{OFFICERS_OWN.wire} - A B", f"{PhoneNumber(member.phone).wire} - C D"
    rows = [
        row("SKZ000001", paid_in="999.00", at=at[0], account="RENT", party=own),
        row("SKZ000002", paid_in="400.00", at=at[0], account=member.number, party=theirs),
        row("SKZ000003", paid_in="400.00", at=at[1], account=member.number, party=theirs),
    ]
    stream = StreamedStatement([export(rows, preamble=PREAMBLE, totals=None)], SHORTCODE)
    import_statement(world.sessions, world.clock, "mpesa", stream, pull_delay=PULL_DELAY)
    return member


def _receipt(world: World, code: str) -> Receipt:
    return next(one for one in world.receipts() if one.receipt == code)


def _suspects(world: World) -> dict[str, Break]:
    with world.sessions() as session:
        found = session.scalars(select(Break).where(Break.break_class == "not_on_statement"))
        return {each.subject: each for each in found}


def test_one_person_has_nothing_of_it_paid_out(world: World, member: MemberRow) -> None:
    proposal = do(world, wish(Act.REFUND, _receipt(world, "SKZ000001")), limit_cents=LIMIT)
    assert proposal.state == DecisionState.PROPOSED
    with world.sessions.begin() as session:
        asked = refund_double(session, member.id, "SKZ000002", now=world.clock.now())
    assert asked == NoRefund("not_confirmed")
    world.add_task("refunds", {})
    world.settle(minutes=2)
    assert not world.payouts.paid
    second(world, proposal)
    world.add_task("refunds", {})
    world.settle(minutes=2)
    [paid] = world.payouts.paid.values()
    assert paid.phone == OFFICERS_OWN


def test_what_the_wallets_own_answer_lacks_is_a_forgery_suspect_until_it_has_it(
    world: World, member: MemberRow
) -> None:
    def suspects() -> dict[str, str]:
        world.reconcile()
        return {code: each.state for code, each in _suspects(world).items()}

    assert suspects() == {}

    # The wallet's own answer for that time is complete, and has none of them.
    world.clock.forward(minutes=30)
    world.pull()
    assert suspects() == dict.fromkeys(("SKZ000001", "SKZ000002", "SKZ000003"), "open")
    do(world, wish(Act.WRITE_OFF, break_id=_suspects(world)["SKZ000001"].id))
    assert held(world, AccountKind.SUSPENSE) == 0
    # Sometimes it tells late.
    at = START + timedelta(minutes=10)
    late = WalletLine(SHORTCODE, "SKZ000002", "SKZ000002", LineKind.CREDIT, Money(40_000), at)
    world.wallet.lines.append(late)
    world.pull()
    with pytest.raises(NotPossible, match="has come"):
        do(world, wish(Act.WRITE_OFF, break_id=_suspects(world)["SKZ000002"].id))
    assert suspects() == {"SKZ000001": "resolved", "SKZ000002": "resolved", "SKZ000003": "open"}


def test_whom_only_a_file_names_is_paid_by_two_people(world: World) -> None:
    """The message hides who paid; whoever hands in the file could have written any number there."""
    world.wallet.is_down = True
    body = world.wallet.pay_by_hand(PhoneNumber("+254733000111"), 5000, "WHO", payer_mask="2547 ***** 111")
    world.confirm(body)
    world.work("evidence")
    world.clock.forward(minutes=30)
    [receipt] = world.receipts()
    at = world.calendar.local(receipt.paid_at).strftime(DAY_FIRST)
    party = f"{OFFICERS_OWN.wire} - A B"
    rows = [row(receipt.receipt, paid_in="50.00", at=at, account="WHO", party=party)]
    stream = StreamedStatement([export(rows, preamble=PREAMBLE, totals=None)], SHORTCODE)
    import_statement(world.sessions, world.clock, "mpesa", stream, pull_delay=PULL_DELAY)
    assert do(world, wish(Act.REFUND, receipt), limit_cents=LIMIT).state == DecisionState.PROPOSED
    # The wallet's own answer names them: then one person may.
    world.wallet.is_down = False
    world.pull()
    [waiting] = proposals(world)
    second(world, waiting, approve=False)
    assert do(world, wish(Act.REFUND, receipt), limit_cents=LIMIT).state == DecisionState.DONE
    world.add_task("refunds", {})
    world.settle(minutes=2)
    [paid] = world.payouts.paid.values()
    assert paid.phone == PhoneNumber("+254733000111")
