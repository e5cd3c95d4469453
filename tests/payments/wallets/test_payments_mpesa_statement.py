"""A statement is read whole or refused whole; an odd line is set aside; spelling changes nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import Money
from core.phone import PhoneNumber
from payments.wallets.mpesa import statement as statement_module
from payments.wallets.mpesa.statement import Oddity, Statement, StatementRefused, read_statement
from payments.wallets.mpesa.statement_stream import StreamedStatement
from payments.wallets.protocol import LineKind, WalletLine
from payments.wallets.statements import PlainRows
from tests.payments.wallets.mpesa_statements import (
    AT,
    DAY_FIRST,
    HEADER,
    PAYMENT,
    PREAMBLE,
    ROWS,
    SETTLEMENT,
    YEAR_FIRST,
    export,
    row,
)

FIRST_ROW = len(PREAMBLE) + 2


def read(content: bytes) -> Statement:
    return read_statement(content, "174379")


def one_line(cells: list[str]) -> WalletLine:
    [line] = read(export([cells], totals=None)).lines
    return line


def refusal(content: bytes) -> StatementRefused:
    with pytest.raises(StatementRefused) as caught:
        read(content)
    return caught.value


def test_a_payment_is_read_in_full() -> None:
    assert one_line(PAYMENT) == WalletLine(
        shortcode="174379",
        receipt="RKL51ZDR4F",
        row_key="RKL51ZDR4F:credit",
        kind=LineKind.CREDIT,
        amount=Money(116_800),
        at=datetime(2026, 11, 22, 7, 13, 57, tzinfo=UTC),
        account="400000012",
        payer=PhoneNumber("+254708374149"),
        payer_text="254708374149 - JANE DOE",
        balance_after=Money(116_800),
        details="Pay Bill from 254708374149 - JANE DOE Acc. 400000012",
    )


def test_a_good_statement_has_no_oddities() -> None:
    statement = read(export())
    assert [(line.kind, line.amount.amount_cents) for line in statement.lines] == [
        (LineKind.CHARGE, -2300),
        (LineKind.CREDIT, 116_800),
        (LineKind.SETTLEMENT, -100_000),
    ]
    assert (statement.oddities, statement.not_completed, statement.repeated) == ((), 1, 0)


def test_a_payment_and_its_charge_share_a_receipt_and_no_key() -> None:
    lines = [line for line in read(export()).lines if line.receipt == "RKL51ZDR4F"]
    assert len({line.row_key for line in lines}) == 2


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (row(paid_in="5", reason="Pay Bill"), LineKind.CREDIT),
        (row(paid_in="5", reason="Customer Merchant Payment"), LineKind.CREDIT),
        (row(paid_in="5", reason="", details="Buy Goods"), LineKind.CREDIT),
        (row(paid_in="5", reason="Something new"), LineKind.CREDIT),
        (row(paid_in="5", reason="Something new", account=""), LineKind.OTHER),
        (row(paid_in="5", reason="Reversal of Business Payment"), LineKind.REVERSAL),
        (row(withdrawn="-5", reason="Pay Bill Charge"), LineKind.CHARGE),
        (row(withdrawn="-5", reason="Transaction Fee"), LineKind.CHARGE),
        (row(withdrawn="-5", reason="Transaction Reversal", linked="rkl51zdr4f"), LineKind.REVERSAL),
        (row(withdrawn="-5", reason="", details="Organisation Settlement"), LineKind.SETTLEMENT),
        (row(withdrawn="-5", reason="Business Payment to Customer"), LineKind.OTHER),
    ],
)
def test_the_reason_names_the_kind(cells: list[str], kind: LineKind) -> None:
    assert one_line(cells).kind is kind


@pytest.mark.parametrize("account", ["reversal", "charge", "to bank"])
@pytest.mark.parametrize("reason", ["Pay Bill Online", ""])
def test_what_a_payer_typed_does_not_name_the_kind(account: str, reason: str) -> None:
    details = f"Pay Bill from 254708374149 - REVERSAL FEE Acc. {account}"
    assert one_line(row(paid_in="5", reason=reason, details=details, account=account)).kind is LineKind.CREDIT


def test_money_out_is_negative_whatever_sign_the_export_gives() -> None:
    assert one_line(row(withdrawn="-1,000.00")).amount == Money(-100_000)
    assert one_line(row(withdrawn="1,000.00")).amount == Money(-100_000)


def test_a_linked_receipt_is_in_capitals() -> None:
    line = one_line(row(withdrawn="-5", reason="Transaction Reversal", linked="rkl51zdr9z"))
    assert line.linked_receipt == "RKL51ZDR9Z"


def test_a_masked_payer_is_kept_as_text() -> None:
    line = one_line(row(paid_in="5", party="2547****149 - JANE"))
    assert (line.payer, line.payer_text) == (None, "2547****149 - JANE")


@pytest.mark.parametrize(
    ("content", "line_number", "reason"),
    [
        (b"", 1, "no header"),
        (b"a,b\n1,2\n", 1, "no header"),
        (b"PK\x03\x04rest", 1, "Excel"),
        (b"Receipt No.\x00", 1, "not text"),
        (b"Receipt No.\n\x81\x8d", 1, "not text"),
        (export(preamble=[["Short Code", "600000"]]), 1, "statement of 600000, not of 174379"),
        (export(preamble=[["Organization Name", "HABA FUND"]]), 2, "do not say"),
        (export(header=[name for name in HEADER if name != "Paid In"]), 5, "lacks paid in"),
        (export(header=[*HEADER, "Details"]), 5, "details twice"),
        (export().replace(b"true", b'"true"x', 1), FIRST_ROW, "not CSV"),
        (export() + b'RKL51ZDR8K,"never closed', FIRST_ROW + 5, "not CSV"),
        (export([row(paid_in="9" * 140_000)]), FIRST_ROW, "not CSV"),
    ],
)
def test_a_file_that_is_no_statement_of_ours_is_refused_with_line_and_reason(
    content: bytes, line_number: int, reason: str
) -> None:
    [fault] = refusal(content).faults
    assert reason in fault.reason
    assert fault.line_number == line_number


def test_a_file_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_module, "BYTES_MAX", 100)
    assert "MiB" in str(refusal(export()))


def test_a_file_without_one_readable_line_is_refused_with_every_line() -> None:
    error = refusal(export([row(paid_in="x"), row("?", paid_in="5")]))
    assert error.faults == (
        Oddity(FIRST_ROW, "Paid In: not an amount"),
        Oddity(FIRST_ROW + 1, "Receipt No.: not a receipt"),
    )
    assert f"line {FIRST_ROW}: Paid In: not an amount" in str(error)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (row("RKL", paid_in="5"), "Receipt No.: not a receipt"),
        (row(paid_in="5", at="11/22/2026 10:13"), "Completion Time"),
        (row(paid_in="5", at="32-11-2026 10:13:57"), "Completion Time"),
        (row(paid_in="5.005"), "Paid In"),
        (row(paid_in="-5"), "Paid In: below zero"),
        (row(), "exactly one"),
        (row(paid_in="5", withdrawn="-5"), "exactly one"),
        (row(paid_in="5", balance="lots"), "Balance: not an amount"),
        (row(paid_in="5", linked="?"), "Linked Transaction ID"),
        (row(paid_in="5", status="Pending"), "Transaction Status"),
        (row(paid_in="5", details="x" * 401), "more than 400"),
        ([*row(paid_in="5"), "extra"], "more cells"),
    ],
)
def test_an_odd_line_is_set_aside_and_the_rest_goes_on(cells: list[str], reason: str) -> None:
    statement = read(export([PAYMENT, cells, SETTLEMENT], totals=None))
    assert [line.receipt for line in statement.lines] == ["RKL51ZDR4F", "RKL51ZDR5G"]
    odd = statement.oddities[0]
    assert odd.line_number == FIRST_ROW + 1
    assert reason in odd.reason


def test_oddities_do_not_show_what_stands_in_the_cells() -> None:
    statement = read(export([PAYMENT, row("254708374149-JANE", paid_in="5")], totals=None))
    assert "254708374149" not in repr(statement.oddities)


def test_a_cell_over_two_lines_does_not_shift_the_numbers() -> None:
    torn = row(paid_in="x", details="Pay Bill\r\nOnline")
    statement = read(export([PAYMENT, torn, row("RKL51ZDR7J", paid_in="y")], totals=None))
    assert [odd.line_number for odd in statement.oddities][:2] == [FIRST_ROW + 1, FIRST_ROW + 3]


def test_a_day_without_payments_is_a_statement() -> None:
    statement = read(export([], totals=["Totals", "", "", "", "", "0.00", "0.00"]))
    assert (statement.lines, statement.oddities) == ((), ())


def test_a_file_cut_short_is_noticed_by_its_totals() -> None:
    assert "no Totals" in read(export(totals=None)).oddities[0].reason
    short = read(export([PAYMENT]))
    assert short.oddities == (
        Oddity(FIRST_ROW + 1, "the Totals of withdrawn are not the sum of the lines that were read"),
    )


def _streamed(content: bytes) -> list[WalletLine]:
    stream = StreamedStatement([content], "174379")
    found: list[WalletLine] = []
    for part in stream.parts():
        if isinstance(part, PlainRows):
            numbered = enumerate(part.data.splitlines(keepends=True), start=part.line_number)
            read_with_care = [stream.read_line(number, data) for number, data in numbered]
            found += [one.line for one in read_with_care if one is not None]
        else:
            found.append(part.line)
    return found


@pytest.mark.parametrize("reader", [lambda content: list(read(content).lines), _streamed])
@pytest.mark.parametrize(
    "header",
    [HEADER, [*HEADER[:7], *HEADER[8:], "Balance"]],
    ids=["as the portal writes it", "with the balance at the end"],
)
def test_of_a_file_cut_short_no_line_says_less_than_it_said(
    reader: Callable[[bytes], list[WalletLine]], header: list[str]
) -> None:
    rows = [row(f"RKL51ZDR{n}F", paid_in="250.00", balance="868.00") for n in "45"]
    named = [dict(zip(HEADER, cells, strict=True)) for cells in rows]
    content = export([[cells[name] for name in header] for cells in named], header=header, totals=None)
    whole = reader(content)
    assert len(whole) == 2
    end = len(content) - 1 if header[-1] == "Balance" else content.rindex(b",") + 1
    for size in range(content.rindex(b"RKL51ZDR5F"), end):
        assert reader(content[:size]) == whole[:1]
    # A program that leaves out the last end of line leaves out no cells.
    assert reader(content.removesuffix(b"\r\n" if header == HEADER else b"\n")) == whole


def test_a_totals_row_needs_no_end() -> None:
    assert read(export().rstrip()).oddities == ()


def test_a_remark_under_the_table_is_no_line() -> None:
    statement = read(export() + b"Disclaimer: not a receipt\r\n")
    assert statement.oddities == (Oddity(FIRST_ROW + 5, "not a line of a statement"),)
    assert len(statement.lines) == 3


def test_totals_may_stand_in_any_column() -> None:
    assert read(export(totals=["", "", "", "Totals", "", "1,168.00", "1,023.00"])).oddities == ()


def test_two_amounts_for_one_payment_are_both_set_aside() -> None:
    statement = read(export([PAYMENT, row(paid_in="5"), SETTLEMENT], totals=None))
    assert [line.receipt for line in statement.lines] == ["RKL51ZDR5G"]
    assert [odd.line_number for odd in statement.oddities[:2]] == [FIRST_ROW, FIRST_ROW + 1]


def test_the_older_layout_is_read_too() -> None:
    header = ["Receipt", "Date", "Details", "Status", "Withdrawn", "Paid In", "Balance", "Transaction Type"]
    cells = ["RKL51ZDR4F", "2026-11-22 10:13:57", "Payment", "Completed", "", "5.00", "5.00", "Pay Utility"]
    [line] = read(export([cells], header=header, totals=None)).lines
    assert (line.kind, line.amount) == (LineKind.CREDIT, Money(500))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_of_spreadsheets_are_read(encoding: str) -> None:
    text = export([row(paid_in="5", party="254708374149 - RENÉ")], totals=None).decode()
    [line] = read(text.encode(encoding)).lines
    assert line.payer_text == "254708374149 - RENÉ"


@pytest.mark.parametrize("label", ["Short Code:", "ShortCode", "Organization Short Code", "Paybill", "Till"])
def test_the_shortcode_is_found_by_its_label(label: str) -> None:
    assert read(export(preamble=[[f"{label} 174379"]])).lines


WITH_COMMAS: Callable[[str], str] = str
CASES: list[Callable[[str], str]] = [str.lower, str.upper, str.title]


def without_commas(text: str) -> str:
    return text.replace(",", "")


SPACE = st.sampled_from(["", " ", "  ", "\t", "\u00a0", " \n"])


@st.composite
def drifted(draw: st.DrawFn) -> bytes:
    """The same statement as another export would write it."""
    day_form = draw(st.sampled_from([DAY_FIRST, YEAR_FIRST]))
    rows = [list(cells) for cells in draw(st.permutations(ROWS + draw(st.lists(st.sampled_from(ROWS)))))]
    for cells in rows:
        cells[0] = draw(st.sampled_from(CASES))(cells[0])
        cells[1] = AT.strftime(day_form)
        cells[4] = draw(st.sampled_from(CASES))(cells[4])
        cells[5] = draw(st.sampled_from([WITH_COMMAS, without_commas]))(cells[5])
        for index in (0, 1, 3, 4, 5, 6, 9, 12):
            inner = draw(st.sampled_from([" ", "  ", "\u00a0"])) if index in {3, 9} else " "
            cells[index] = draw(SPACE) + cells[index].replace(" ", inner) + draw(SPACE)
    header = [draw(st.sampled_from(CASES))(name) + draw(SPACE) for name in HEADER]
    return export(rows, header=header)


@given(drifted())
def test_white_space_case_date_order_row_order_and_repeats_change_nothing(content: bytes) -> None:
    plain, other = read(export()), read(content)
    assert other.lines == plain.lines
    assert other.oddities == ()


@given(st.lists(st.integers(1, 10_000_000), max_size=8))
def test_sums_are_exact_to_the_cent(amounts: list[int]) -> None:
    rows = [row(f"R{n:09}", paid_in=f"{cents // 100:,}.{cents % 100:02}") for n, cents in enumerate(amounts)]
    total = sum(amounts)
    totals = ["Totals", "", "", "", "", f"{total // 100:,}.{total % 100:02}", "0.00"]
    statement = read(export(rows, totals=totals))
    assert statement.oddities == ()
    assert sum(line.amount.amount_cents for line in statement.lines) == total


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with pytest.raises(StatementRefused):
        read(content)


@given(st.lists(st.lists(st.text(max_size=12), max_size=15), max_size=6))
def test_any_cells_are_read_set_aside_or_refused(rows: list[list[str]]) -> None:
    printable = [[cell.encode("utf-8", "replace").decode() for cell in cells] for cells in rows]
    try:
        statement = read(export([PAYMENT, *printable], totals=None))
    except StatementRefused:
        return
    assert PAYMENT[0] in {line.receipt for line in statement.lines}


def test_lines_come_oldest_first() -> None:
    later = row("AAAAAAAAAA", paid_in="5", at=(AT + timedelta(seconds=1)).strftime(YEAR_FIRST))
    assert [line.receipt for line in read(export([later, PAYMENT])).lines] == ["RKL51ZDR4F", "AAAAAAAAAA"]


def test_every_kind_of_line_keeps_its_key() -> None:
    keys = {line.kind: line.row_key for line in read(export()).lines}
    assert keys == {
        LineKind.CREDIT: "RKL51ZDR4F:credit",
        LineKind.CHARGE: "RKL51ZDR4F:charge:out:6a69d5955d713f17",
        LineKind.SETTLEMENT: "RKL51ZDR5G:settlement:out:0dfeb32ea1bd6766",
    }
