"""A statement of any length is kept whole or not at all, and says the same however it is written."""

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from payments.ledger.tables import LedgerTransfer
from payments.receipts.tables import Receipt
from payments.statements import Imported, import_statement
from payments.wallet_lines.tables import StoredLine
from payments.wallets.mpesa.statement import read_statement
from payments.wallets.mpesa.statement_plain import plain_form
from payments.wallets.mpesa.statement_stream import StreamedStatement
from payments.wallets.protocol import LineKind
from payments.wallets.statements import PlainRows, StatementRefused
from tests.payments.scripted_wallet import SHORTCODE
from tests.payments.wallets.mpesa_statements import DAY_FIRST, YEAR_FIRST, export, row
from tests.payments.world import START, World

PREAMBLE = [["Organization Name", "HABA FUND"], ["Short Code", SHORTCODE], []]
# As the portal writes a payment of START, in Nairobi.
AT = START + timedelta(hours=3)
COLUMNS = (
    "receipt", "completed", "", "details", "status", "paid in", "withdrawn", "balance", "", "reason",
    "other party", "linked", "account",
)  # fmt: skip
ROWS = [
    row(f"SKL00000{n}", paid_in=f"1,{n}50.00", at=AT.strftime(DAY_FIRST), account=f"WHO {n}", party=party)
    for n, party in enumerate(("254708374149 - JANE DOE", "2547****149 - JOSÉ", "254711000222 - A, B"))
]
CHARGE = row("SKL000000", withdrawn="-23.00", reason="Pay Bill Charge", details="Pay Bill Charge", account="")


def statement(rows: list[list[str]]) -> bytes:
    return export(rows, preamble=PREAMBLE, totals=None)


def take(world: World, content: bytes, piece_bytes: int = 700) -> Imported:
    pieces = (content[start : start + piece_bytes] for start in range(0, len(content), piece_bytes))
    return import_statement(
        world.sessions,
        world.clock,
        "mpesa",
        StreamedStatement(pieces, SHORTCODE),
        pull_delay=timedelta(seconds=3),
    )


def everything(world: World) -> list[tuple[object, ...]]:
    with world.sessions() as session:
        lines = session.execute(
            select(
                StoredLine.receipt,
                StoredLine.row_key,
                StoredLine.kind,
                StoredLine.amount_cents,
                StoredLine.at,
                StoredLine.balance_after_cents,
                StoredLine.payer_index,
            ).order_by(StoredLine.receipt, StoredLine.row_key)
        ).all()
        counts = [session.scalar(select(func.count()).select_from(one)) for one in (Receipt, LedgerTransfer)]
    return [*(tuple(line) for line in lines), tuple(counts)]


def test_a_stream_keeps_what_the_whole_file_says(world: World) -> None:
    content = statement([*ROWS, CHARGE])
    done = take(world, content)
    read = read_statement(content, SHORTCODE)
    assert (done.lines, done.new, done.applied) == (4, 4, 4)
    assert [line[:5] for line in everything(world)[:-1]] == sorted(
        (line.receipt, line.row_key, line.kind, line.amount.amount_cents, line.at) for line in read.lines
    )
    assert world.proof().suspense_cents == 345_000


def test_a_line_that_confirms_what_we_know_needs_no_second_copy_of_the_payer(world: World) -> None:
    member = world.member()
    contribution_id, checkout_id = world.prompted(member)
    world.call_back(world.wallet.end(checkout_id, "0"), contribution_id)
    world.work("evidence")
    [known] = world.receipts()
    party = f"{member.phone[1:]} - JANE"
    at = (known.paid_at + timedelta(hours=3)).strftime(DAY_FIRST)
    listed = row(known.receipt, paid_in="50.00", at=at, account=member.number, party=party)
    done = take(world, statement([listed, ROWS[0]]))
    assert (done.new, done.applied) == (2, 1)
    with world.sessions() as session:
        kept = {line.receipt: line.particulars for line in session.scalars(select(StoredLine))}
    assert kept[known.receipt] is None
    assert kept["SKL000000"] is not None
    world.settle(minutes=1)
    assert world.proof().acknowledged == 1


@pytest.mark.parametrize("piece_bytes", [1, 61, 100_000])
def test_how_the_bytes_come_changes_nothing(world: World, piece_bytes: int) -> None:
    content = statement([*ROWS, CHARGE])
    take(world, content)
    before = everything(world)
    done = take(world, content, piece_bytes)
    assert (done.new, done.applied, everything(world)) == (0, 0, before)


@st.composite
def rewritings(draw: st.DrawFn) -> bytes:
    """The same rows with other white space, case, date order and row order, repeated, or some of them."""
    chance = draw(st.randoms(use_true_random=False))
    rows = [list(cells) for cells in [*ROWS, CHARGE]]
    rows = [rows[place] for place in draw(st.lists(st.integers(0, 3), min_size=1, max_size=7))]
    return statement([_rewritten(cells, chance) for cells in rows])


def _rewritten(cells: list[str], chance: random.Random) -> list[str]:
    cells = list(cells)
    if chance.random() < 0.5:
        cells[0] = cells[0].lower()
    if chance.random() < 0.5:
        cells[1] = cells[2] = _swapped(cells[1])
    if chance.random() < 0.5:
        cells = [f" {cell}  " if cell and place != 3 else cell for place, cell in enumerate(cells)]
    return cells


def _swapped(when: str) -> str:
    day, month, year = when[:10].split("-")
    return f"{year}-{month}-{day}{when[10:]}"


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=rewritings())
def test_importing_again_in_any_spelling_or_part_changes_nothing(world: World, content: bytes) -> None:
    take(world, statement([*ROWS, CHARGE]))
    before = everything(world)
    done = take(world, content)
    assert (done.new, done.applied, done.oddities[:-1]) == (0, 0, ())
    assert everything(world) == before


def test_two_truths_about_one_payment_are_both_set_aside_with_their_lines(world: World) -> None:
    other = row("SKL000001", paid_in="9.00", at=AT.strftime(DAY_FIRST))
    done = take(world, statement([*ROWS, other, CHARGE]))
    differing = [oddity for oddity in done.oddities if "differs" in oddity.reason]
    assert [oddity.line_number for oddity in differing] == [6, 8]
    assert (done.lines, done.new) == (3, 3)
    assert "SKL000001" not in {receipt.receipt for receipt in world.receipts()}


def test_rows_that_say_the_same_again_are_counted_and_kept_once(world: World) -> None:
    done = take(world, statement([ROWS[0], ROWS[0], [*ROWS[0][:3], " spaced ", *ROWS[0][4:]]]))
    assert (done.lines, done.new, done.repeated) == (1, 1, 2)


def test_of_a_refused_file_nothing_is_kept(world: World) -> None:
    odd = row("SKL1", paid_in="x", at=AT.strftime(DAY_FIRST))
    with pytest.raises(StatementRefused, match=r"line 5: Receipt No\."):
        take(world, statement([odd]))
    broken = statement(ROWS) + b'"a row without end'
    with pytest.raises(StatementRefused, match="line 8: not CSV"):
        take(world, broken)
    assert everything(world) == [(0, 0)]


def test_ends_of_lines_may_differ_within_a_file(world: World) -> None:
    content = statement([ROWS[0], ["SKL000009", *ROWS[0][1:]]])
    head, _, last = content.removesuffix(b"\r\n").rpartition(b"\r\n")
    done = take(world, head + b"\n" + last + b"\r\n")
    assert (done.lines, done.new) == (2, 2)


def test_the_totals_are_compared_with_what_was_read(world: World) -> None:
    totals = ["Totals", "", "", "", "", "1,050.00", "-23.00", *[""] * 6]
    content = export([ROWS[0], CHARGE], preamble=PREAMBLE, totals=totals)
    assert take(world, content).oddities == ()
    world.clock.forward(hours=1)
    cut_short = export([CHARGE], preamble=PREAMBLE, totals=totals)
    [fault] = take(world, cut_short).oddities
    assert (fault.line_number, "Totals of paid in" in fault.reason) == (6, True)


AMOUNTS = st.integers(1, 10**11).map(lambda cents: f"{cents // 100:,}.{cents % 100:02d}")
TIMES = st.datetimes(min_value=START.replace(tzinfo=None, year=2007), max_value=START.replace(tzinfo=None))
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F), max_size=30)


@given(
    receipt=st.from_regex(r"[A-Za-z0-9]{4,12}", fullmatch=True),
    paid_in=AMOUNTS | st.sampled_from(["0.00", "5", "-5.00", "1,2.00", ""]),
    at=st.tuples(TIMES, st.sampled_from([DAY_FIRST, YEAR_FIRST])).map(lambda pair: pair[0].strftime(pair[1]))
    | st.sampled_from(["31-02-2026 10:00:00", "01-13-2026 10:00:00", "29-02-2026 00:00:00", ""]),
    reason=st.sampled_from(["Pay Bill Online", "Pay Bill", "Pay Bill Charge", "Reversal", ""]),
    texts=st.tuples(TEXTS, TEXTS, TEXTS),
)
def test_a_plain_line_means_to_the_database_what_it_means_here(
    receipt: str, paid_in: str, at: str, reason: str, texts: tuple[str, str, str]
) -> None:
    details, party, account = texts
    cells = row(receipt, paid_in=paid_in, at=at, reason=reason, details=details, party=party, account=account)
    content = statement([cells])
    parts = list(StreamedStatement([content], SHORTCODE).parts())
    if not any(isinstance(part, PlainRows) for part in parts):
        return
    [line] = read_statement(content, SHORTCODE).lines
    assert (line.kind, line.receipt, line.row_key) == (LineKind.CREDIT, receipt, f"{receipt}:credit")
    assert line.amount.amount_cents == int(paid_in.replace(",", "").replace(".", ""))
    assert line.balance_after is not None


def test_the_usual_line_is_plain_and_the_unusual_is_not() -> None:
    plain = plain_form(COLUMNS)
    assert plain is not None
    usual = statement([ROWS[0]]).splitlines(keepends=True)[-1]
    told = f"SKL000000\t{AT.strftime(DAY_FIRST)}\t105000\t".encode()
    assert plain.run_end(usual, 0) == len(usual)
    assert plain.read(usual)[0] == 1
    assert plain.read(usual)[1].startswith(told)
    for odd in (ROWS[1], ROWS[2], CHARGE):
        unusual = statement([odd]).splitlines(keepends=True)[-1]
        assert plain.run_end(unusual, 0) == 0
        assert plain.read(b"x" + unusual + unusual) == (0, b"")
    assert plain_form(tuple(name for name in COLUMNS if name != "reason")) is None
