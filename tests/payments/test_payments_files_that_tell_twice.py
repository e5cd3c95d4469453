"""What a file tells in two ways, or of money that a message told of, gets round no second look."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from core.money import Money
from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.receipts.tables import Receipt
from tests.payments.test_payments_second_look_at_files import given, kept, let_go, read, reversal, to
from tests.payments.test_payments_statement_import import statement, take
from tests.payments.wallets.mpesa_statements import DAY_FIRST, row
from tests.payments.world import World

STRANGER = PhoneNumber("+254733000111")
VEILED = "2547***111 - A B"


def waits(world: World, *, mask: str = "", account: str = "WHO") -> Receipt:
    """Money of a stranger in suspense; the wallet's list is away."""
    world.wallet.is_down = True
    veil = {"payer_mask": mask} if mask else {}
    world.confirm(world.wallet.pay_by_hand(STRANGER, 250_000, account, **veil))
    world.work("evidence")
    [receipt] = world.receipts()
    assert receipt.member_id is None
    return receipt


def about(world: World, receipt: Receipt, account: str, party: str, **told: str) -> list[str]:
    """A row about money that we know."""
    at = world.calendar.local(receipt.paid_at).strftime(DAY_FIRST)
    paid_in = f"{receipt.amount_cents // 100}.00"
    return row(receipt.receipt, paid_in=paid_in, at=at, account=account, party=party, **told)


@pytest.mark.parametrize("order", [1, -1], ids=["named first", "veiled first"])
@pytest.mark.parametrize("status", ["Completed", "completed"], ids=["plain", "read with care"])
def test_a_payer_named_in_one_of_two_rows_is_not_taken(world: World, order: int, status: str) -> None:
    thief = world.member()
    receipt = waits(world, mask="2547 ***** 111")
    named = about(world, receipt, thief.number, f"{PhoneNumber(thief.phone).wire} - A B")
    veiled = about(world, receipt, "WHO", VEILED, status=status)
    other = to(thief, "SKZ000001", 100)
    found = kept(world, given(world, statement([*[named, veiled][::order], other])))
    assert (found.state, found.alone_lines, found.lines_total, found.lines_new) == ("done", 1, 1, 1)
    reasons = [each["reason"] for each in found.oddities]
    assert reasons.count("differs from another line with the same receipt and reason") == 2
    assert [one.member_id for one in world.receipts()] in ([None, thief.id], [thief.id, None])


@pytest.mark.parametrize("differing", ["payer", "account"])
@pytest.mark.parametrize("status", ["Completed", "completed"], ids=["plain", "read with care"])
def test_two_rows_that_name_two_payers_or_accounts_are_told_in_two_ways(
    world: World, differing: str, status: str
) -> None:
    one, other = world.member(), world.member()
    first = to(one, "SKZ000001", 100)
    whose = other if differing == "payer" else one
    party = f"{PhoneNumber(whose.phone).wire} - A B"
    account = one.number if differing == "payer" else other.number
    second = to(one, "SKZ000001", 100, status=status, account=account, party=party)
    done = take(world, statement([first, second, to(one, "SKZ000002", 100, 1)]))
    assert (done.lines, done.new, done.repeated) == (1, 1, 0)
    assert [receipt.receipt for receipt in world.receipts()] == ["SKZ000002"]


def test_a_file_of_nothing_but_such_rows_is_refused(world: World) -> None:
    one, other = world.member(), world.member()
    found = kept(world, given(world, statement([to(one, "SKZ000001", 100), to(other, "SKZ000001", 100)])))
    assert (found.state, len(found.faults)) == ("refused", 2)


def test_a_reversal_told_of_two_payments_is_not_taken(world: World) -> None:
    rows = [reversal("SKZ000009", "SKZ000001", 10), reversal("SKZ000009", "SKZ000002", 10)]
    done = take(world, statement([*rows, to(world.member(), "SKZ000003", 100)]))
    assert (done.lines, done.new) == (1, 1)


def test_rows_that_say_the_same_again_are_taken_once_however_they_are_spaced(world: World) -> None:
    member = world.member()
    spaced = f"{member.number[:3]} {member.number[3:]}"
    rows = [to(member, "SKZ000001", 100), to(member, "SKZ000001", 100, status="completed", account=spaced)]
    done = take(world, statement(rows))
    assert (done.lines, done.new, done.repeated) == (1, 1, 1)
    assert [one.member_id for one in world.receipts()] == [member.id]


@pytest.mark.parametrize("account", ["WHO", "SAVE"], ids=["a word", "no reference"])
def test_a_file_that_hides_the_payer_does_not_say_for_whom_the_money_is(world: World, account: str) -> None:
    """The message's account stands: a file with another, and an accomplice's name, credits nobody."""
    thief = world.member()
    with world.sessions.begin() as session:
        masked = {"masked_name": "J*** K*****"}
        session.execute(update(MemberRow).where(MemberRow.id == thief.id).values(masked))
    receipt = waits(world, account=account)
    assert receipt.payer_index is not None
    forged = about(world, receipt, thief.number, "2547***111 - JOHN KAMANI")
    found = kept(world, given(world, statement([forged])))
    assert (found.state, found.alone_lines) == ("done", 0)
    assert world.receipts()[0].member_id is None


def test_a_payer_named_by_a_file_is_joined_to_the_account_that_the_message_had(world: World) -> None:
    """Whoever runs the machine may hand in any file: what the payer typed it does not change."""
    thief = world.member()
    receipt = waits(world, mask="2547 ***** 111")
    take(world, statement([about(world, receipt, thief.number, f"{PhoneNumber(thief.phone).wire} - A B")]))
    [after] = world.receipts()
    assert (after.member_id, after.match_why) == (None, "the reference has no known form")


def test_a_file_that_names_another_payer_of_free_money_is_news(world: World) -> None:
    thief = world.member()
    receipt = waits(world)
    named = about(world, receipt, thief.number, f"{PhoneNumber(thief.phone).wire} - A B")
    found = kept(world, given(world, statement([named])))
    assert (found.state, found.alone_largest[0]["kind"]) == ("held", "payer")


def test_a_file_that_hides_the_payer_and_says_the_same_is_not_held(world: World) -> None:
    receipt = waits(world)
    found = kept(world, given(world, statement([about(world, receipt, "WHO", VEILED)])))
    assert (found.state, found.alone_lines) == ("done", 0)


@pytest.mark.parametrize("status", ["Completed", "completed"], ids=["plain", "read with care"])
def test_our_amount_which_a_pull_denies_is_not_confirmed_by_a_file_alone(world: World, status: str) -> None:
    """One list that agrees with us is enough for the comparison: a file would hide the difference."""
    member = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 250_000, member.number))
    world.work("evidence")
    [receipt] = world.receipts()
    world.wallet.lines[-1] = replace(world.wallet.lines[-1], amount=Money(2_500))
    world.clock.forward(minutes=10)
    world.pull()
    party = f"{PhoneNumber(member.phone).wire} - A B"
    content = statement([about(world, receipt, member.number, party, status=status)])
    import_id = given(world, content)
    found = kept(world, import_id)
    assert (found.state, found.alone_lines, found.alone_cents) == ("held", 1, 250_000)
    assert found.alone_largest[0]["kind"] == "amount"
    let_go(world, import_id)
    read(world)
    # Once it was told, it is no news.
    world.clock.forward(minutes=10)
    assert kept(world, given(world, content + b"\r\n")).state == "done"
