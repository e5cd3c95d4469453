"""A statement file goes through hands: alone it has nobody paid, and a pull that lacks it says so."""

from dataclasses import replace
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
from payments.refunds.service import open_decided, refund_double, waits_for_two
from payments.statements import import_statement
from payments.suspense.model import Act, DecisionState, NotPossible
from payments.suspense.tables import Decision
from payments.suspense.view import refunds_to_pay
from payments.wallets.mpesa.statement_stream import StreamedStatement
from payments.wallets.payouts import OrderKind
from payments.wallets.protocol import LineKind, WalletLine
from tests.payments.deciding import do, held, lost, second, wish
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


PAYER = PhoneNumber("+254733000111")


def hidden(world: World) -> Receipt:
    """Money whose payer no message names, while the wallet's own list is away."""
    world.wallet.is_down = True
    world.confirm(world.wallet.pay_by_hand(PAYER, 5000, "WHO", payer_mask="2547 ***** 111"))
    world.work("evidence")
    world.clock.forward(minutes=30)
    [receipt] = world.receipts()
    return receipt


def hand_in(world: World, receipt: Receipt) -> None:
    """A file has the receipt with the officer's own number: they could have written any there."""
    at = world.calendar.local(receipt.paid_at).strftime(DAY_FIRST)
    party = f"{OFFICERS_OWN.wire} - A B"
    rows = [row(receipt.receipt, paid_in="50.00", at=at, account="WHO", party=party)]
    stream = StreamedStatement([export(rows, preamble=PREAMBLE, totals=None)], SHORTCODE)
    import_statement(world.sessions, world.clock, "mpesa", stream, pull_delay=PULL_DELAY)


def alone(world: World, act: Act, receipt: Receipt, undone: Decision | None = None) -> Decision:
    """One person decides, a minute after what was before."""
    world.clock.forward(minutes=1)
    return do(world, wish(act, receipt, undoes_id=undone.id if undone else None), limit_cents=LIMIT)


def paid(world: World) -> list[PhoneNumber]:
    """Who has got money once the refunds were looked at again."""
    world.add_task("refunds", {})
    world.settle(minutes=2)
    return [each.phone for each in world.payouts.paid.values()]


def held_back(world: World) -> list[bool]:
    """Of each refund on the list for staff, whether it waits for two people."""
    with world.sessions() as session:
        return [waits_for_two(session, receipt) for _, receipt in refunds_to_pay(session)]


def test_whom_only_a_file_names_is_paid_by_two_people(world: World) -> None:
    """The message hides who paid; whoever hands in the file could have written any number there."""
    receipt = hidden(world)
    hand_in(world, receipt)
    assert alone(world, Act.REFUND, receipt).state == DecisionState.PROPOSED
    # The wallet's own answer names them: then one person may.
    world.wallet.is_down = False
    world.pull()
    [waiting] = proposals(world)
    second(world, waiting, approve=False)
    assert alone(world, Act.REFUND, receipt).state == DecisionState.DONE
    assert paid(world) == [PAYER]


@pytest.mark.parametrize("checked", [False, True], ids=["alone", "by two"])
def test_whom_a_file_names_after_the_decision_is_paid_once_two_people_know_it(
    world: World, checked: bool
) -> None:
    """Who decides while the payer is hidden could hand the file in afterwards, also after a second person."""
    receipt = hidden(world)
    limit_cents = 0 if checked else LIMIT
    decision = do(world, wish(Act.REFUND, receipt), limit_cents=limit_cents)
    assert (second(world, decision) if checked else decision).state == DecisionState.DONE
    hand_in(world, receipt)
    assert (paid(world), held_back(world), world.payouts.orders) == ([], [True], [])
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 5000

    alone(world, Act.SUSPEND, receipt)
    proposal = alone(world, Act.REFUND, receipt)
    assert proposal.state == DecisionState.PROPOSED
    second(world, proposal)
    assert paid(world) == [OFFICERS_OWN]


def test_what_waits_for_two_people_goes_by_itself_when_the_wallet_names_who_paid(world: World) -> None:
    receipt = hidden(world)
    alone(world, Act.REFUND, receipt)
    hand_in(world, receipt)
    assert (paid(world), held_back(world)) == ([], [True])
    world.wallet.is_down = False
    world.pull()
    assert held_back(world) == [False]
    assert paid(world) == [PAYER]


def test_what_waits_for_two_people_keeps_no_other_refund_waiting(world: World) -> None:
    receipt = hidden(world)
    alone(world, Act.REFUND, receipt)
    hand_in(world, receipt)
    # The list is there again, and still has not told of the first.
    world.wallet.lines.clear()
    world.wallet.is_down = False
    for cents in (100, 200):
        lost(world, cents)
    for other in world.receipts()[1:]:
        alone(world, Act.REFUND, other)
    with world.sessions.begin() as session:
        assert [open_decided(session, now=world.clock.now(), limit=1) for _ in range(3)] == [1, 1, 0]


@pytest.mark.parametrize("away", [Act.SUSPEND, Act.MATCH])
def test_nobody_alone_undoes_a_refund_away_to_whom_only_a_file_names(world: World, away: Act) -> None:
    member = world.member()
    receipt = hidden(world)
    alone(world, Act.REFUND, receipt)
    whose = member.id if away is Act.MATCH else None
    moved = do(world, wish(away, receipt, member_id=whose), limit_cents=LIMIT)
    hand_in(world, receipt)
    undoing = alone(world, Act.UNDO, receipt, moved)
    assert undoing.state == DecisionState.PROPOSED
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0
    second(world, undoing)
    assert paid(world) == [OFFICERS_OWN]


def test_an_undoing_before_the_file_comes_is_no_word_of_two_people_either(world: World) -> None:
    receipt = hidden(world)
    alone(world, Act.REFUND, receipt)
    alone(world, Act.UNDO, receipt, alone(world, Act.SUSPEND, receipt))
    hand_in(world, receipt)
    assert (paid(world), held_back(world)) == ([], [True])


def test_nobody_alone_pays_whom_a_file_names_where_the_wallets_list_names_nobody(world: World) -> None:
    receipt = hidden(world)
    world.wallet.lines[-1] = replace(world.wallet.lines[-1], payer=None)
    world.wallet.is_down = False
    world.pull()
    hand_in(world, receipt)
    proposal = alone(world, Act.REFUND, receipt)
    assert proposal.state == DecisionState.PROPOSED
    assert paid(world) == []
    second(world, proposal)
    assert paid(world) == [OFFICERS_OWN]


def test_what_nobody_names_the_wallet_gives_back_by_the_word_of_one(world: World) -> None:
    receipt = hidden(world)
    assert alone(world, Act.REFUND, receipt).state == DecisionState.DONE
    assert paid(world) == []
    assert world.payouts.orders == [(OrderKind.REVERSAL, receipt.receipt)]
