"""Classes of difference that messages, lists and the bank make, each worked to its end."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from core.money import Money
from core.phone import PhoneNumber
from payments.model import EvidenceChannel
from payments.reconciliation.tables import Break
from payments.settlements.model import BankEntry, BankStatement
from payments.settlements.service import (
    KeptEntries,
    is_bank_statement,
    keep_bank_statement,
    keep_bank_statements,
    read_bank_statements,
)
from payments.suspense.model import Act
from payments.wallet_lines.service import keep_lines
from payments.wallets.protocol import LineKind, WalletLine
from payments.wallets.statements import StatementRefused
from tests.payments.deciding import STRANGER, do, wish
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.test_payments_for_whom_and_when import prompted
from tests.payments.world import START, World

DAY = START.date()


def breaks(world: World) -> dict[str, tuple[str, str, int | None, int | None]]:
    """Of each class the last difference: subject, state, our amount, the other one."""
    world.reconcile()
    with world.sessions.begin() as session:
        return {
            row.break_class: (row.subject, row.state, row.amount_cents, row.other_amount_cents)
            for row in session.scalars(select(Break))
        }


def listed(world: World, kind: LineKind, cents: int, receipt: str, linked: str = "") -> None:
    """The wallet's statement has such a line."""
    line = WalletLine(
        shortcode=SHORTCODE,
        receipt=receipt,
        row_key=f"{receipt}:{kind}",
        kind=kind,
        amount=Money(cents),
        at=world.clock.now(),
        linked_receipt=linked,
    )
    with world.sessions.begin() as session:
        keep_lines(session, "mpesa", [line], EvidenceChannel.STATEMENT, now=world.clock.now())


def test_a_missing_callback_is_credited_from_the_list_and_noted(world: World) -> None:
    member = world.member()
    world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    world.confirm(world.wallet.pay_by_hand(STRANGER, 700, "WHO"))
    world.settle(minutes=17)
    assert breaks(world)["missing_callback"] == ("SKL0000001", "resolved", 5000, None)
    assert world.proof().credited_cents == 5000


def test_a_receipt_told_twice_is_credited_once_and_noted(world: World) -> None:
    member = world.member()
    body = world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number)
    world.confirm(body)
    world.confirm(body)
    world.settle(minutes=1)
    assert breaks(world)["duplicate_receipt"] == ("SKL0000001", "resolved", 5000, 5000)
    assert world.proof().credited_cents == 5000


def test_two_payments_that_may_be_one_wish_are_somebodys_work(world: World) -> None:
    member = world.member()
    # Before the wallet's list confirms them: what the registry was told of stays where it is.
    world.wallet.is_down = True
    for _ in range(2):
        world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
        world.clock.forward(minutes=2)
    world.settle(minutes=1)
    assert breaks(world)["duplicate_intent"] == ("SKL0000002", "open", 5000, None)
    second = next(receipt for receipt in world.receipts() if receipt.receipt == "SKL0000002")
    do(world, wish(Act.SUSPEND, second))
    assert breaks(world)["duplicate_intent"][1] == "resolved"
    assert (world.proof().credited_cents, world.proof().suspense_cents) == (5000, 5000)


def test_payments_asked_for_two_months_are_two_wishes(world: World) -> None:
    member = world.member()
    for period in (None, "2026-09", "2026-08"):
        world.call_back(world.wallet.end(prompted(world, member, period=period), "0"))
        world.work("evidence")
        world.clock.forward(minutes=2)
    world.settle(minutes=1)
    assert "duplicate_intent" not in breaks(world)
    # One month asked for twice may be one wish, whatever came between.
    world.call_back(world.wallet.end(prompted(world, member, period="2026-09"), "0"))
    world.settle(minutes=1)
    last = max(world.receipts(), key=lambda receipt: receipt.paid_at)
    assert breaks(world)["duplicate_intent"] == (last.receipt, "open", 5000, None)


def test_two_people_who_pay_for_one_member_mean_two_payments(world: World) -> None:
    member = world.member()
    for payer in (PhoneNumber(member.phone), STRANGER):
        world.confirm(world.wallet.pay_by_hand(payer, 5000, member.number))
        world.clock.forward(minutes=2)
    world.settle(minutes=1)
    second = next(receipt for receipt in world.receipts() if receipt.member_id is None)
    do(world, wish(Act.MATCH, second, member_id=member.id))
    assert "duplicate_intent" not in breaks(world)
    assert world.proof().credited_cents == 10_000


def test_two_payments_on_both_sides_of_midnight_may_be_one_wish(world: World) -> None:
    member = world.member()
    world.wallet.is_down = True
    midnight = world.calendar.bounds(DAY)[1]
    for minutes in (-40, -2, 3, 19):
        world.clock.forward(seconds=(midnight - world.clock.now()).total_seconds() + 60 * minutes)
        world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 5000, member.number))
        world.work("evidence")
    # Another member's, another amount's: no wish of theirs is told twice.
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(member.phone), 7000, member.number))
    other = world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(other.phone), 5000, other.number))
    world.settle(minutes=1)
    for day in (DAY, DAY + timedelta(days=1)):
        world.reconcile(day)
    with world.sessions.begin() as session:
        twice = session.scalars(select(Break).where(Break.break_class == "duplicate_intent"))
        assert [(row.subject, row.day) for row in twice] == [("SKL0000003", DAY + timedelta(days=1))]
    before = next(receipt for receipt in world.receipts() if receipt.receipt == "SKL0000002")
    do(world, wish(Act.SUSPEND, before))
    world.reconcile(DAY + timedelta(days=1))
    with world.sessions.begin() as session:
        [row] = session.scalars(select(Break).where(Break.break_class == "duplicate_intent"))
        assert row.state == "resolved"


def test_evidence_that_points_to_two_members_waits_for_a_person(world: World) -> None:
    typed, payer = world.member(), world.member()
    world.confirm(world.wallet.pay_by_hand(PhoneNumber(payer.phone), 5000, typed.number))
    world.settle(minutes=1)
    assert breaks(world)["conflicting_evidence"] == ("SKL0000001", "open", 5000, None)
    [receipt] = world.receipts()
    do(world, wish(Act.MATCH, receipt, member_id=typed.id))
    assert breaks(world)["conflicting_evidence"][1] == "resolved"
    assert world.proof().credited_cents == 5000


def test_a_charge_without_its_payment_is_asked_about_until_that_is_listed(world: World) -> None:
    listed(world, LineKind.CHARGE, -2300, "SKLCHARGE1")
    assert breaks(world)["unexpected_charge"] == ("SKLCHARGE1", "open", None, 2300)
    listed(world, LineKind.SETTLEMENT, -100_000, "SKLCHARGE1")
    assert breaks(world)["unexpected_charge"][1] == "resolved"


def bank(first: date, last: date, *entries: tuple[int, str]) -> BankStatement:
    booked = tuple(BankEntry(last, Money(cents), f"FT{n}", text) for n, (cents, text) in enumerate(entries))
    return BankStatement("1100223344", first, last, booked)


def hear(world: World, statement: BankStatement) -> KeptEntries:
    with world.sessions.begin() as session:
        return keep_bank_statement(session, "mpesa", SHORTCODE, statement, now=world.clock.now())


def test_a_settlement_of_which_the_bank_has_less_is_short_until_the_rest_comes(world: World) -> None:
    listed(world, LineKind.SETTLEMENT, -100_000, "SKLSETTLE1")
    assert "settlement_short" not in breaks(world)
    part = bank(DAY, DAY + timedelta(days=1), (60_000, "MPESA SKLSETTLE1 174379"))
    hear(world, part)
    # The bank's list is not complete for the days that it may take.
    assert "settlement_short" not in breaks(world)
    hear(world, bank(DAY + timedelta(days=1), DAY + timedelta(days=3)))
    assert breaks(world)["settlement_short"] == ("SKLSETTLE1", "open", 100_000, 60_000)
    assert hear(world, part) == KeptEntries(lines=1, new=0, named=1)
    hear(world, bank(DAY + timedelta(days=3), DAY + timedelta(days=4), (40_000, "rest of sklsettle1")))
    assert breaks(world)["settlement_short"][1] == "resolved"


def test_one_transfer_may_pay_two_settlements(world: World) -> None:
    listed(world, LineKind.SETTLEMENT, -100_000, "SKLSETTLE1")
    listed(world, LineKind.SETTLEMENT, -50_000, "SKLSETTLE2")
    both = (150_000, "SKLSETTLE1 SKLSETTLE2")
    hear(world, bank(DAY, DAY + timedelta(days=3), both))
    assert "settlement_short" not in breaks(world)
    less = replace(bank(DAY, DAY + timedelta(days=3), (140_000, "SKLSETTLE3 SKLSETTLE4")), account="other")
    listed(world, LineKind.SETTLEMENT, -100_000, "SKLSETTLE3")
    listed(world, LineKind.SETTLEMENT, -50_000, "SKLSETTLE4")
    hear(world, less)
    assert breaks(world)["settlement_short"][1:] in {("open", 100_000, 90_000), ("open", 50_000, 40_000)}


MT940 = """{1:F01KCBLKENXAXXX0000000000}{2:I940KCBLKENXXXXXN}{4:
:20:STMT261122
:25:KCB/1100223344
:28C:325/1
:60F:C261121KES1000,00
:61:2611221122C500,50NTRFSKLSETTLE1//BANKREF1
:86:SETTLEMENT 174379 MPESA
:61:2611221122D2,NCHGNONREF//BANKREF2
:86:LEDGER FEE
:62F:C261122KES1498,50
-}
"""
CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>1</Id>
<Acct><Id><Othr><Id>KCB/1100223344</Id></Othr></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="KES">1000.00</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-21</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="KES">1498.50</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-22</Dt></Dt></Bal>
<Ntry><Amt Ccy="KES">500.50</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-11-22</Dt></BookgDt><AcctSvcrRef>BANKREF1</AcctSvcrRef>
<NtryDtls><TxDtls><RmtInf><Ustrd>SKLSETTLE1 SETTLEMENT MPESA</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="KES">2.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><DtTm>2026-11-22T10:00:00</DtTm></BookgDt><AcctSvcrRef>BANKREF2</AcctSvcrRef>
<AddtlNtryInf>NONREF LEDGER FEE</AddtlNtryInf></Ntry>
<Ntry><Amt Ccy="KES">9.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>PDNG</Cd></Sts>
<BookgDt><Dt>2026-11-22</Dt></BookgDt></Ntry>
</Stmt></BkToCstmrStmt></Document>
"""


@pytest.mark.parametrize("text", [MT940, CAMT])
def test_a_banks_statement_is_read_in_both_forms(text: str) -> None:
    content = text.encode()
    assert is_bank_statement(content)
    [read] = read_bank_statements([content[:90], content[90:]])
    # The opening balance is the closing one of the evening before: of that day the file has nothing.
    assert (read.account, read.first_on, read.last_on) == (
        "KCB/1100223344",
        date(2026, 11, 22),
        date(2026, 11, 22),
    )
    assert [(one.booked_on.day, one.amount, one.reference) for one in read.entries] == [
        (22, Money(50_050), "BANKREF1"),
        (22, Money(-200), "BANKREF2"),
    ]
    assert "SKLSETTLE1" in read.entries[0].text
    assert [oddity.line_number for oddity in read.oddities] == ([14] if text == CAMT else [])


# The next day's, which takes back the money of the first.
NEXT = """{1:F01KCBLKENXAXXX0000000000}{2:I940KCBLKENXXXXXN}{4:
:20:STMT261123
:25:KCB/1100223344
:28C:326/1
:60F:C261122KES1498,50
:61:2611231123RC500,50NTRFSKLSETTLE1//BANKREF3
:86:RETURNED
:62F:C261123KES998,00
-}
"""


# The same day and the next, of which two entries are not booked yet.
CAMT_TWO = CAMT.replace(
    "</Stmt>",
    """</Stmt><Stmt><Acct><Id><Othr><Id>KCB/1100223344</Id></Othr></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="KES">1498.50</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-22</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="KES">998.00</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-23</Dt></Dt></Bal>
<Ntry><Amt Ccy="KES">500.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>2026-11-23</Dt></BookgDt><AcctSvcrRef>BANKREF3</AcctSvcrRef></Ntry>
<Ntry><Sts><Cd>PDNG</Cd></Sts></Ntry>
</Stmt>""",
)


def test_the_lines_of_what_is_not_booked_are_those_of_the_whole_file() -> None:
    first, second = read_bank_statements([CAMT_TWO.encode()])
    lines = [[oddity.line_number for oddity in one.oddities] for one in (first, second)]
    assert lines == [[14], [23]]


def test_money_that_the_bank_takes_back_is_money_out() -> None:
    [read] = read_bank_statements([NEXT.encode()])
    assert [one.amount for one in read.entries] == [Money(-50_050)]


@pytest.mark.parametrize("text", [MT940 + NEXT, CAMT_TWO])
def test_the_days_of_one_file_are_statements_of_their_own(world: World, text: str) -> None:
    read = read_bank_statements([text.encode()])
    assert [(one.first_on.day, one.last_on.day, len(one.entries)) for one in read] == [
        (22, 22, 2),
        (23, 23, 1),
    ]
    for new in (3, 0):
        with world.sessions.begin() as session:
            kept = keep_bank_statements(session, "mpesa", SHORTCODE, read, now=world.clock.now())
        assert kept == KeptEntries(lines=3, new=new, named=kept.named)


def test_a_bank_statement_of_any_length_is_kept(world: World) -> None:
    # More than PostgreSQL takes parameters for in one statement.
    many = bank(DAY, DAY, *((100, f"SKLSETTLE{number}") for number in range(6_000)))
    assert hear(world, many) == KeptEntries(lines=6_000, new=6_000, named=6_000)
    assert hear(world, many).new == 0


def test_the_pages_of_one_statement_are_read_together() -> None:
    end = ":62F:C261122KES1498,50\n-}\n"
    next_page = (
        ":62M:C261122KES1498,50\n-}\n{1:F01KCBLKENXAXXX0000000000}{4:\n:20:STMT261122\n:25:KCB/1100223344\n"
        ":28C:325/2\n:60M:C261122KES1498,50\n:61:2611221122C1,50NTRFNONREF//BANKREF4\n"
        ":62F:C261122KES1500,00\n-}\n"
    )
    [read] = read_bank_statements([MT940.replace(end, next_page).encode()])
    assert (read.first_on, read.last_on, len(read.entries)) == (date(2026, 11, 22), date(2026, 11, 22), 3)


def test_a_settlement_is_not_short_by_files_that_begin_after_its_day(world: World) -> None:
    listed(world, LineKind.SETTLEMENT, -100_000, "SKLSETTLE9")
    for days in range(1, 4):
        opened, closed = (f"{DAY + timedelta(days=number):%y%m%d}" for number in (days - 1, days))
        text = f":20:S\n:25:1100223344\n:28C:{days}/1\n:60F:C{opened}KES0,00\n:62F:C{closed}KES0,00\n"
        for read in read_bank_statements([text.encode()]):
            hear(world, read)
    # The bank has not said anything of the day itself, on which the money may have come.
    assert "settlement_short" not in breaks(world)
    before = f":20:S\n:25:1100223344\n:28C:0/1\n:60F:C{DAY:%y%m%d}KES0,00\n:62F:C{DAY:%y%m%d}KES0,00\n"
    for read in read_bank_statements([before.encode()]):
        hear(world, read)
    assert breaks(world)["settlement_short"][1] == "open"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (MT940 + NEXT.replace("998,00", "998,01"), "line 19: the closing balance is not"),
        (MT940 + NEXT.replace("1100223344", "1100223345"), "2 accounts"),
        (MT940.replace("1498,50", "1498,51"), "line 10: the closing balance is not"),
        (MT940.replace(":61:2611221122D2,", ":61:nothing"), "line 8: cannot be read"),
        (MT940.replace(":60F:C261121KES1000,00\n", ""), "opening balance"),
        (CAMT.replace("1498.50", "1498.51"), "the closing balance is not"),
        (CAMT.replace("</Stmt>", ""), "line 16: not XML"),
        (CAMT.replace("OPBD", "PRCD"), "no balance OPBD"),
        (CAMT_TWO.replace("998.00", "998.01"), "the closing balance is not"),
        (CAMT_TWO.replace("1100223344", "1100223345", 1), "2 accounts"),
        (CAMT.replace("Stmt>", "Rpt>"), "there is no statement"),
        (CAMT.replace("2.00", "2.x"), "line 11: the amount is not a number"),
    ],
)
def test_a_bad_bank_statement_is_refused_whole_with_the_line(text: str, fault: str) -> None:
    with pytest.raises(StatementRefused, match=fault):
        read_bank_statements([text.encode()])


def test_a_wallets_export_is_no_banks_statement() -> None:
    assert not is_bank_statement(b"Organization Name,HABA FUND\r\nShort Code,174379\r\n")
    assert not is_bank_statement(b"")
