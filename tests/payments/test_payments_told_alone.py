"""What the wallet's own list has told of is known before it is in the ledger; another amount is not."""

import pytest

from core.money import Money
from payments.model import EvidenceChannel
from payments.wallet_lines.service import keep_lines
from payments.wallets.protocol import LineKind, WalletLine
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.test_payments_second_look_at_files import given, kept, reversal, to
from tests.payments.test_payments_statement_import import statement
from tests.payments.world import START, World


def pulled(world: World, kind: LineKind, receipt: str, shillings: int, linked: str = "") -> None:
    """A line of a pull that was cut off before it was applied."""
    amount = Money(100 * shillings)
    line = WalletLine(SHORTCODE, receipt, receipt, kind, amount, START, linked_receipt=linked)
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", [line], EvidenceChannel.PULL, now=world.clock.now())


@pytest.mark.parametrize(("shillings", "state"), [(5000, "done"), (50, "held")])
def test_a_payment_that_a_pull_has_with_the_same_amount_is_no_news(
    world: World, shillings: int, state: str
) -> None:
    pulled(world, LineKind.CREDIT, "SKZ000001", shillings)
    assert kept(world, given(world, statement([to(world.member(), "SKZ000001", 5000)]))).state == state


@pytest.mark.parametrize(("linked", "state"), [("SKZ000001", "done"), ("SKZ000002", "held"), ("", "held")])
def test_a_reversal_is_no_news_where_a_list_says_of_which_payment(
    world: World, linked: str, state: str
) -> None:
    pulled(world, LineKind.REVERSAL, "SKZ000009", -5000, linked)
    listed = statement([reversal("SKZ000009", "SKZ000001", 5000)])
    assert kept(world, given(world, listed)).state == state
