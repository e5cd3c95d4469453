"""What the wallet's own list has told of is known before it is in the ledger; another amount is not."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from core.money import Money
from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.ledger.model import AccountKind
from payments.model import EvidenceChannel
from payments.refunds.tables import Refund
from payments.suspense.model import Act
from payments.wallet_lines.applying import Applying
from payments.wallet_lines.service import keep_lines
from payments.wallets.protocol import LineKind, WalletLine
from tests.payments.deciding import do, held, lost, wish
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.test_payments_second_look_at_files import given, kept, let_go, read, reversal, to
from tests.payments.test_payments_statement_import import AT, statement
from tests.payments.wallets.mpesa_statements import DAY_FIRST, row
from tests.payments.world import PULL_DELAY, START, World


def pulled(
    world: World, kind: LineKind, receipt: str, shillings: int, linked: str = "", by: MemberRow | None = None
) -> None:
    """A line of a pull that was cut off before it was applied."""
    line = WalletLine(
        SHORTCODE,
        receipt,
        f"{receipt}:{kind}:pull",
        kind,
        Money(100 * shillings),
        START,
        account=by.number if by else "",
        payer=PhoneNumber(by.phone) if by else None,
        linked_receipt=linked,
    )
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", [line], EvidenceChannel.PULL, now=world.clock.now())


@pytest.mark.parametrize(("shillings", "state"), [(5000, "done"), (50, "held")])
def test_a_payment_that_a_pull_has_with_the_same_amount_is_no_news(
    world: World, shillings: int, state: str
) -> None:
    member = world.member()
    pulled(world, LineKind.CREDIT, "SKZ000001", shillings, by=member)
    assert kept(world, given(world, statement([to(member, "SKZ000001", 5000)]))).state == state


@pytest.mark.parametrize("is_named", [True, False])
def test_a_payment_of_which_a_pull_names_another_payer_or_none_is_news(world: World, is_named: bool) -> None:
    thief = world.member()
    pulled(world, LineKind.CREDIT, "SKZ000001", 5000, by=world.member() if is_named else None)
    assert kept(world, given(world, statement([to(thief, "SKZ000001", 5000)]))).state == "held"


def test_a_file_that_hides_whom_a_pull_names_is_no_news(world: World) -> None:
    member = world.member()
    pulled(world, LineKind.CREDIT, "SKZ000001", 5000, by=member)
    veiled = to(world.member(), "SKZ000001", 5000, party="2547***111 - A B")
    assert kept(world, given(world, statement([veiled]))).state == "done"
    assert [receipt.member_id for receipt in world.receipts()] == [member.id]


def test_whose_money_it_is_the_pull_says_and_not_a_file_that_came_in_between(world: World) -> None:
    """A pull applies its lines after its last page: until then they are kept, and in no receipt."""
    owner, thief = world.member(), world.member()
    file = [to(thief, f"SKZ00000{number}", 100, number) for number in range(1, 6)]
    for number in range(1, 6):
        pulled(world, LineKind.CREDIT, f"SKZ00000{number}", 100, by=owner)
    done = kept(world, given(world, statement(file)))
    assert (done.state, done.alone_lines) == ("done", 5)
    assert [(one.member_id, one.source) for one in world.receipts()] == [(owner.id, "pull")] * 5


@pytest.mark.parametrize("first", ["pull", "file"])
def test_of_lines_that_wait_together_the_pulls_say_whose_the_money_is(world: World, first: str) -> None:
    """The worker of the pull dies before it applies, and so does the file's."""
    owner, thief = world.member(), world.member()
    lines = [
        WalletLine(
            SHORTCODE, f"SKZ00000{number}", f"SKZ00000{number}:credit", LineKind.CREDIT, Money(10_000), START,
            account=thief.number, payer=PhoneNumber(thief.phone),
        )
        for number in range(1, 6)
    ]  # fmt: skip
    for source in ("pull", "file") if first == "pull" else ("file", "pull"):
        if source == "file":
            with world.sessions.begin() as session:
                keep_lines(session, "mpesa", lines, EvidenceChannel.STATEMENT, now=world.clock.now())
            continue
        for number in range(1, 6):
            pulled(world, LineKind.CREDIT, f"SKZ00000{number}", 100, by=owner)
    applying = Applying(world.sessions, world.clock, pull_delay=PULL_DELAY)
    assert applying.run("mpesa", SHORTCODE, since=START - timedelta(hours=1)) == 10
    assert [(one.member_id, one.source) for one in world.receipts()] == [(owner.id, "pull")] * 5


def test_what_is_judged_alone_is_judged_by_the_pulls_line_first_too(world: World) -> None:
    """Neither names a member by number: each line is applied by itself."""
    owner, thief = world.member(), world.member()
    line = WalletLine(
        SHORTCODE, "SKZ000001", "SKZ000001:credit:pull", LineKind.CREDIT, Money(10_000), START,
        account=f"0{owner.phone[4:]}", payer=PhoneNumber(owner.phone),
    )  # fmt: skip
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", [line], EvidenceChannel.PULL, now=world.clock.now())
    named = to(thief, "SKZ000001", 100, account=f"0{thief.phone[4:]}")
    assert kept(world, given(world, statement([named]))).state == "done"
    assert [(one.member_id, one.source) for one in world.receipts()] == [(owner.id, "pull")]


@pytest.mark.parametrize(("linked", "state"), [("SKZ000001", "done"), ("SKZ000002", "held"), ("", "held")])
def test_a_reversal_is_no_news_where_a_list_says_of_which_payment(
    world: World, linked: str, state: str
) -> None:
    pulled(world, LineKind.REVERSAL, "SKZ000009", -5000, linked)
    listed = statement([reversal("SKZ000009", "SKZ000001", 5000)])
    assert kept(world, given(world, listed)).state == state


def test_many_small_lines_to_one_member_are_shown_as_one_sum(world: World) -> None:
    thief, others = world.member(), [world.member() for _ in range(21)]
    small = [to(thief, f"SKS0000{number:02d}", 50, number) for number in range(40)]
    large = [to(other, f"SKL0000{number:02d}", 100 + number) for number, other in enumerate(others)]
    found = kept(world, given(world, statement(small + large)))
    assert found.state == "held"
    named = json.loads(found.alone_accounts or "")
    assert named["most"][0] == {"account": "******" + thief.number[-3:], "lines": 40, "cents": 200_000}
    assert len(named["most"]) == 20
    assert named["of_largest"] == ["******" + other.number[-3:] for other in others[:0:-1]]


def test_a_payout_of_ours_that_only_a_file_takes_back_waits(world: World) -> None:
    """Its refund would stand to be paid a second time."""
    do(world, wish(Act.REFUND, lost(world, 150_000)))
    world.write("refunds", world.member())
    world.work()
    world.hear_of_orders()
    world.work()
    with world.sessions() as session:
        refund = session.scalars(select(Refund)).one()
    at, why = AT.strftime(DAY_FIRST), "Reversal of Business Payment"
    back = row("SKZ000009", paid_in="1500.00", reason=why, at=at, linked=refund.payout_receipt or "")
    import_id = given(world, statement([back]))
    found = kept(world, import_id)
    assert (refund.state, found.state, found.alone_cents) == ("paid", "held", 150_000)
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 0
    let_go(world, import_id)
    read(world)
    assert held(world, AccountKind.REFUNDS_PAYABLE) == 150_000
    # What is no payout of ours moves nothing by itself: it is a difference, and no file waits for it.
    other = row("SKZ000010", paid_in="1500.00", reason=why, at=at, linked="SKZ000011")
    assert kept(world, given(world, statement([other]))).state == "done"
