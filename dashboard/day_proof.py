"""The proof of a day on paper: one page, the same bytes for the same closed day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from dashboard.accounts import named
from dashboard.catalogue import counted, text, word
from dashboard.exporting import decimal
from dashboard.services import services
from dashboard.showing import amount, day, moment, money, short_day
from payments.closing.control import ControlTotals, CutOff
from payments.closing.tables import Closing
from payments.model import BreakClass

if TYPE_CHECKING:
    from fpdf import FPDF

# What the wallet says and what the ledger says, line by line; a dash where a side has no such figure.
_LINES = (
    ("follows", "follows_cents", None),
    ("opening", "opening_cents", None),
    ("credits", "credits_cents", "ledger_in_cents"),
    ("charges", "charges_cents", "ledger_charges_cents"),
    ("settlements", "settlements_cents", "ledger_settlements_cents"),
    ("reversals", "reversals_cents", "ledger_reversals_cents"),
    ("other", "other_cents", "ledger_corrections_cents"),
    ("moved", "moved_cents", "ledger_moved_cents"),
    ("late", None, "late_cents"),
    ("computed", "computed_cents", None),
    ("statement", "statement_cents", None),
    ("gap", "gap_cents", "ledger_gap_cents"),
)
_LEFT, _NAME_MM, _NUMBER_MM = 20, 80, 45


@dataclass(frozen=True, slots=True)
class ProofLine:
    """One line: a key for its words, the wallet's figure and the ledger's, in cents."""

    key: str
    wallet_cents: int | None
    ledger_cents: int | None


@dataclass(frozen=True, slots=True)
class DayProof:
    """What is printed. `made_at` is when the day was closed, or now while it is open."""

    of: CutOff
    lines: Sequence[ProofLine]
    verdict: str
    between: str
    still_open: str
    made_at: datetime
    closed_by: str
    digest: str

    def table(self) -> tuple[list[str], list[list[str | Decimal | None]]]:
        """Head and rows for a spreadsheet."""
        head = _head()
        rows: list[list[str | Decimal | None]] = [
            [word("proof_line", line.key), decimal(line.wallet_cents), decimal(line.ledger_cents)]
            for line in self.lines
        ]
        said = filter(None, (self.verdict, self.between, self.still_open))
        rows += [[text("closings.proof"), each, None] for each in said]
        rows.append([text("accounts.title"), self.account, None])
        return head, rows

    @property
    def account(self) -> str:
        """`M-Pesa 174379`."""
        return named(self.of.wallet, self.of.shortcode)


def verdict_on(totals: ControlTotals) -> str:
    """In words, as the pages say it: proven, not, or nothing to prove it by while no statement is there."""
    if totals.holds:
        return text("closings.holds")
    return text("closings.no_statement" if totals.gap_cents is None else "closings.fails")


def between_days(totals: ControlTotals) -> str:
    """In words, what is missing between the day before and this one, or came in; empty when it follows."""
    gap_cents = totals.opening_gap_cents
    if not gap_cents or totals.follows_day is None:
        return ""
    return text(
        "closings.missing_between" if gap_cents < 0 else "closings.came_between",
        day=short_day(totals.follows_day),
        before=money(totals.follows_cents or 0),
        opening=money(totals.opening_cents or 0),
        gap=money(abs(gap_cents)),
    )


def still_open(counts: Mapping[BreakClass, int], closing: Closing | None) -> str:
    """In words, which differences of the day are open, or were when it was closed; empty for none."""
    if not counts:
        return ""
    kinds = ", ".join(f"{word('break_class', kind)} {count:,}" for kind, count in counts.items())
    return counted(f"closings.{'open_then' if closing else 'open_now'}", sum(counts.values()), kinds=kinds)


def lines_of(totals: ControlTotals) -> list[ProofLine]:
    """Line by line; what a day follows only where it follows one: days closed long ago keep their lines."""
    return [
        ProofLine(
            key, getattr(totals, wallet) if wallet else None, getattr(totals, ledger) if ledger else None
        )
        for key, wallet, ledger in _LINES
        if key != "follows" or totals.follows_day is not None
    ]


def proof_of(
    of: CutOff,
    totals: ControlTotals,
    closing: Closing | None,
    names: Mapping[str, str],
    still_open: str,
    *,
    made_at: datetime,
) -> DayProof:
    return DayProof(
        of=of,
        lines=lines_of(totals),
        verdict=verdict_on(totals),
        between=between_days(totals),
        still_open=still_open,
        made_at=closing.closed_at if closing else made_at,
        closed_by=names.get(closing.closed_by, closing.closed_by) if closing else "",
        digest=closing.digest if closing else "",
    )


def pdf(proof: DayProof) -> bytes:
    """One A4 page. Its date is the proof's own, so that it can be made again to the byte."""
    # Only now: it brings a font library of 20 MB, and most web processes never print a day.
    from fpdf import FPDF  # noqa: PLC0415

    page = FPDF(format="A4")
    page.set_creation_date(proof.made_at)
    page.set_title(f"{text('closings.proof_of', day=proof.of.day.isoformat())} · {proof.account}")
    page.set_margins(_LEFT, _LEFT)
    page.add_page()
    page.set_font("Helvetica", "B", 16)
    _row(page, services().fund_name, height=9)
    _row(page, text("closings.proof_of", day=day(proof.of.day)), height=9)
    page.set_font("Helvetica", size=10)
    _row(page, f"{proof.account} · {services().currency}")
    page.ln(6)
    page.set_font("Helvetica", "B", 10)
    _cells(page, *_head())
    page.set_font("Helvetica", size=10)
    for line in proof.lines:
        _cells(page, word("proof_line", line.key), _figure(line.wallet_cents), _figure(line.ledger_cents))
    page.ln(6)
    page.set_font("Helvetica", "B", 11)
    _row(page, proof.verdict)
    page.set_font("Helvetica", size=10)
    for said in filter(None, (proof.between, proof.still_open)):
        _row(page, said)
    if proof.closed_by:
        _row(page, text("closings.closed_line", who=proof.closed_by, at=moment(proof.made_at)))
        _row(page, text("closings.digest", digest=proof.digest), height=5)
    else:
        _row(page, text("closings.open_line", at=moment(proof.made_at)))
    return bytes(page.output())


def _head() -> list[str]:
    currency = services().currency
    sides = [text(f"closings.{side}_says", currency=currency) for side in ("wallet", "ledger")]
    return [text("closings.line"), *sides]


def _figure(cents: int | None) -> str:
    return "-" if cents is None else amount(cents)


def _row(page: "FPDF", words: str, height: float = 6) -> None:
    page.multi_cell(0, height, _latin(words), new_x="LMARGIN", new_y="NEXT")


def _cells(page: "FPDF", name: str, wallet: str, ledger: str) -> None:
    page.cell(_NAME_MM, 7, _latin(name), border="B")
    page.cell(_NUMBER_MM, 7, _latin(wallet), border="B", align="R")
    page.cell(_NUMBER_MM, 7, _latin(ledger), border="B", align="R", new_x="LMARGIN", new_y="NEXT")


def _latin(words: str) -> str:
    """The letters that the fonts of every PDF reader have; others are shown as a question mark."""
    plain = words.replace("\N{MINUS SIGN}", "-").replace("\N{EN DASH}", "-")
    return plain.encode("latin-1", "replace").decode("latin-1")
