"""The wallet's list: every page, once each; a list that failed is never an empty list."""

from datetime import timedelta

from sqlalchemy import select, text

from core.money import Money
from core.phone import PhoneNumber
from payments.statements import import_statement
from payments.wallet_lines.asking import ask_for_pull_now
from payments.wallet_lines.tables import PullRun, StoredLine
from payments.wallets.protocol import LineKind, WalletLine
from payments.wallets.statements import Statement, WholeStatement
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.world import PULL_DELAY, START, World


def _pull(world: World) -> list[PullRun]:
    with world.sessions.begin() as session:
        ask_for_pull_now(session, "mpesa", SHORTCODE, str(world.clock.now()), now=world.clock.now())
    world.work("pull")
    with world.sessions.begin() as session:
        return list(session.scalars(select(PullRun).order_by(PullRun.finished_at, PullRun.id)))


def _lines(world: World) -> int:
    with world.sessions.begin() as session:
        return len(session.scalars(select(StoredLine.id)).all())


def test_every_page_is_read_and_money_without_a_message_is_credited(world: World) -> None:
    member = world.member()
    for _ in range(5):
        world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    [run] = _pull(world)
    assert (run.complete, run.pages, run.lines) == (True, 3, 5)
    world.settle(minutes=1)
    proof = world.proof()
    assert (proof.credited_cents, proof.acknowledged) == (25000, 5)
    assert world.messages() == ["receipt"] * 5


def test_pulling_again_changes_nothing(world: World) -> None:
    member = world.member()
    world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    _pull(world)
    before = world.proof()
    world.clock.forward(minutes=5)
    _pull(world)
    assert world.proof() == before
    assert _lines(world) == 1
    assert len(world.tasks("post")) == 1


def test_a_failed_pull_is_recorded_keeps_what_came_and_is_tried_again(world: World) -> None:
    member = world.member()
    for _ in range(4):
        world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    world.wallet.fail_after_pages = 1
    [run] = _pull(world)
    assert (run.complete, run.lines, run.error) == (False, 2, "the second page did not come")
    assert world.proof().credited_cents == 10000
    world.wallet.fail_after_pages = None
    world.settle(minutes=1)
    assert world.proof().credited_cents == 20000


def test_the_window_grows_with_the_time_since_the_last_complete_list(world: World) -> None:
    [first] = _pull(world)
    assert first.window_end - first.window_start > timedelta(hours=47)
    world.clock.forward(minutes=10)
    second = _pull(world)[-1]
    assert second.window_start == first.window_end - timedelta(hours=2)
    world.clock.forward(minutes=51)
    third = _pull(world)[-1]
    assert third.window_end - third.window_start > timedelta(hours=47)


def test_many_receipts_close_together_share_one_pull(world: World) -> None:
    member = world.member()
    for _ in range(6):
        world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
    world.work("evidence")
    assert len(world.tasks("pull")) == 1
    world.settle(minutes=2)
    assert world.proof().acknowledged == 6


def test_a_payment_taken_back_by_the_wallet_is_taken_back_here(world: World) -> None:
    member = world.member()
    world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    world.settle(minutes=1)
    _pull(world)
    world.wallet.take_back("SKL0000001")
    world.clock.forward(minutes=1)
    _pull(world)
    _pull(world)
    proof = world.proof()
    assert (proof.credited_cents, proof.holds) == (0, True)
    assert world.messages() == ["receipt", "reversed"]


def _listed(*lines: WalletLine) -> WholeStatement:
    return WholeStatement(Statement(SHORTCODE, lines, ()))


def _statement(world: World) -> WholeStatement:
    def line(receipt: str, kind: LineKind, cents: int) -> WalletLine:
        return WalletLine(SHORTCODE, receipt, f"{receipt}-{kind}", kind, Money(cents), START)

    return _listed(
        *world.wallet.lines,
        line("skl0000001", LineKind.CHARGE, -23),
        line("SETTLE0001", LineKind.SETTLEMENT, -4000),
        line("OTHER00001", LineKind.OTHER, 0),
    )


def test_a_statement_is_imported_with_charges_and_settlements_and_again_changes_nothing(
    world: World,
) -> None:
    member = world.member()
    world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    seen: list[int] = []
    args = (world.sessions, world.clock, "mpesa", _statement(world))
    done = import_statement(*args, pull_delay=PULL_DELAY, progress=seen.append)
    assert ((done.lines, done.new, done.applied), seen) == ((4, 4, 3), [4])
    assert world.proof().credited_cents == 5000
    balances = text(
        "SELECT a.kind, sum(b.balance_cents) FROM ledger_balances b "
        "JOIN ledger_accounts a ON a.id = b.account_id GROUP BY 1"
    )
    with world.sessions.begin() as session:
        kept = {kind: int(cents) for kind, cents in session.execute(balances)}
    assert kept == {"member": -5000, "wallet_float": 977, "charges": 23, "bank_in_transit": 4000}
    again = import_statement(*args, pull_delay=PULL_DELAY)
    assert (again.lines, again.new, again.applied) == (4, 0, 0)
    assert world.proof().holds


def test_a_payment_in_pull_and_statement_is_one(world: World) -> None:
    member = world.member()
    world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    _pull(world)
    [line] = world.wallet.lines
    twin = WalletLine(SHORTCODE, line.receipt.lower(), "other-key", LineKind.CREDIT, line.amount, line.at)
    import_statement(world.sessions, world.clock, "mpesa", _listed(twin), pull_delay=PULL_DELAY)
    assert _lines(world) == 2
    assert world.proof().credited_cents == 5000
