"""What M-Pesa's pull and its statement tell of a payment is one payment, and two rows that prove it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from payments.closing.control import CutOff, control_totals
from payments.model import EvidenceChannel
from payments.reconciliation.service import reconcile
from payments.reconciliation.tables import ReconciliationRun
from payments.wallet_lines.applying import Applying
from payments.wallet_lines.service import keep_lines
from payments.wallet_lines.tables import StoredLine
from payments.wallets.mpesa import pull_row as pull_rows
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.test_payments_closing import DAY, OF
from tests.payments.test_payments_statement_import import AT, everything, statement, take
from tests.payments.wallets.mpesa_bodies import pull_row
from tests.payments.wallets.mpesa_statements import DAY_FIRST, row
from tests.payments.world import PULL_DELAY, START, World

# 1,000 before the day; three payments, of which the last brings a charge.
AMOUNTS = {"SKL00000A1": 5_000, "SKL00000A2": 2_000, "SKL00000A3": 50_000}


def _seconds(place: int) -> timedelta:
    return timedelta(seconds=10 * place)


def _pull(world: World, *, account: str, phone: str = "254708374149") -> int:
    """What the real reader of a pull makes of these payments, kept and applied as a pull does; new lines."""
    rows = [
        pull_row(
            receipt,
            trxDate=(AT + _seconds(place)).replace(tzinfo=None).isoformat() + "+03:00",
            amount=f"{cents // 100}.00",
            billreference=account,
            msisdn=phone,
        )
        for place, (receipt, cents) in enumerate(AMOUNTS.items())
    ]
    lines = [pull_rows.read_row(SHORTCODE, {name: str(value) for name, value in one.items()}) for one in rows]
    with world.sessions.begin() as session:
        new = keep_lines(session, "mpesa", lines, EvidenceChannel.PULL, now=world.clock.now())
    Applying(world.sessions, world.clock, pull_delay=PULL_DELAY).run("mpesa", SHORTCODE, since=START)
    return new


def _rows(*, account: str, party: str, charge: bool = True) -> list[list[str]]:
    balance, rows = 100_000, []
    for place, (receipt, cents) in enumerate(AMOUNTS.items()):
        balance += cents
        at = (AT + _seconds(place)).strftime(DAY_FIRST)
        told = f"{balance // 100:,}.00"
        rows.append(
            row(receipt, paid_in=f"{cents // 100}.00", at=at, balance=told, account=account, party=party)
        )
    if charge:
        told = f"{balance // 100 - 3:,}.00"
        rows.append(
            row("SKL00000A3", withdrawn="-3.00", reason="Pay Bill Charge", at=at, balance=told, account="")
        )
    return rows


@pytest.mark.parametrize("order", ["pull first", "statement first"])
@pytest.mark.parametrize("party", ["254708374149 - JANE DOE", "2547****149 - JANE DOE"])
@pytest.mark.parametrize("whose", ["a member's", "nobody's"])
def test_the_proof_of_a_day_has_the_statements_balances_whatever_the_pull_told_before(
    world: World, order: str, party: str, whose: str
) -> None:
    account = world.member().number if whose == "a member's" else "WHO"
    charge = whose == "a member's"
    listed = statement(_rows(account=account, party=party, charge=charge))
    for told in ("pull", "statement") if order == "pull first" else ("statement", "pull"):
        if told == "pull":
            assert _pull(world, account=account) == len(AMOUNTS)
        else:
            assert take(world, listed).new == len(AMOUNTS) + charge
    with world.sessions.begin() as session:
        found = control_totals(session, world.calendar, OF)
    out = 300 if charge else 0
    assert (found.opening_cents, found.credits_cents, found.charges_cents) == (100_000, 57_000, -out)
    assert (found.statement_cents, found.lines) == (157_000 - out, len(AMOUNTS) + charge)
    assert found.holds
    assert len(world.receipts()) == len(AMOUNTS)
    # Both told again, and the statement in parts: nothing is new, nothing is applied.
    before = everything(world)
    assert _pull(world, account=account) == 0
    done = take(world, listed)
    assert (done.new, done.applied) == (0, 0)
    assert take(world, statement(_rows(account=account, party=party, charge=charge)[1:])).new == 0
    assert everything(world) == before


def test_a_payment_told_by_both_is_compared_and_counted_once(world: World) -> None:
    member = world.member()
    phone = member.phone[1:]
    _pull(world, account=member.number, phone=phone)
    take(world, statement(_rows(account=member.number, party=f"{phone} - JANE")))
    world.settle(minutes=1)
    with world.sessions.begin() as session:
        run_id = reconcile(
            session, world.calendar, wallet="mpesa", shortcode=SHORTCODE, day=DAY, now=world.clock.now()
        )
        run = session.get_one(ReconciliationRun, run_id)
        # Three payments and a charge.
        assert (run.wallet_lines, run.wallet_in_cents, run.breaks_open) == (4, 57_000, 0)
        sources = session.scalars(
            select(StoredLine.source).where(StoredLine.receipt == "SKL00000A1").order_by(StoredLine.id)
        ).all()
    assert sources == ["pull", "statement"]
    next_day = CutOff("mpesa", SHORTCODE, DAY + timedelta(days=1))
    with world.sessions.begin() as session:
        assert control_totals(session, world.calendar, next_day).lines == 0
