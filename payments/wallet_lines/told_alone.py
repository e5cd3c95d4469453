"""The money of a statement file of which nobody else has told: what one person could have written into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.errors import KibabaError
from payments.wallets.statements import Oddity

_NAMED_MAX = 20


class AloneKind(StrEnum):
    """What a line would do by itself: bring money, say who paid money in suspense, or take money back."""

    CREDIT = "credit"
    PAYER = "payer"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class AloneLine:
    """One such line. Cents are never negative; `kind` says the way."""

    receipt: str
    kind: AloneKind
    amount_cents: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ToldAlone:
    """How many lines, and how many cents they move; `largest` are the first of them by amount."""

    lines: int
    cents: int
    largest: tuple[AloneLine, ...]


NOTHING = ToldAlone(0, 0, ())


class NeedsSecondLook(KibabaError):  # noqa: N818 -- it says what was found
    """A file alone tells of more money than one person decides about; nothing of it was kept.

    `lines` are all that it has; `oddities` what is strange about it.
    """

    code = "needs_second_look"

    def __init__(
        self, alone: ToldAlone, *, currency: str, lines: int, oddities: Sequence[Oddity] = ()
    ) -> None:
        self.alone = alone
        self.currency = currency
        self.lines = lines
        self.oddities = tuple(oddities)
        super().__init__(f"{alone.lines} of {lines} lines are told by this file alone")


# Every line is looked up by the keys of what is there, one row each: what this import has kept a moment ago
# no statistics tell of, and a plan that reads all lines there ever were would cost more than the import.
#
# A payment: no receipt of that code, and no line of that code and amount from elsewhere or an earlier file.
# A payer: the money waits in suspense, no message named who paid, and the file does: a name may credit it.
# A reversal: its payment is not taken back. It may be one that we do not know yet: it would be taken back as
# soon as it comes. A list that has the reversal, but does not say of which payment, tells only half.
_TOLD_ALONE = text("""
WITH once AS (
  SELECT DISTINCT ON (CASE WHEN kind = 'credit' THEN receipt ELSE row_key END)
         receipt, kind, amount_cents, at, linked_receipt, payer_index
  FROM statement_read
  WHERE kind = 'credit' AND amount_cents > 0
     OR kind = 'reversal' AND amount_cents < 0 AND linked_receipt <> ''
),
alone AS (
  SELECT s.receipt, s.at, abs(s.amount_cents) AS cents,
         CASE WHEN s.kind = 'credit' AND r.id IS NOT NULL THEN 'payer' ELSE s.kind END AS kind
  FROM once s
  LEFT JOIN LATERAL (
    SELECT * FROM receipts r
    WHERE r.wallet = :wallet AND r.shortcode = :shortcode
      AND r.receipt = CASE WHEN s.kind = 'reversal' THEN s.linked_receipt ELSE s.receipt END
    LIMIT 1) r ON true
  WHERE CASE
    WHEN s.kind = 'reversal' THEN r.reversed_at IS NULL
    WHEN r.id IS NULL THEN true
    ELSE s.payer_index IS NOT NULL AND r.payer_index IS NULL AND r.member_id IS NULL
      AND r.reversed_at IS NULL AND r.staff_place IS NULL AND r.amount_cents = s.amount_cents
    END
    AND (
      SELECT 1 FROM wallet_lines w
      WHERE w.receipt = s.receipt AND w.shortcode = CAST(:shortcode AS text)
        AND w.wallet = CAST(:wallet AS text)
        AND w.kind = s.kind AND w.amount_cents = s.amount_cents
        AND CASE WHEN s.kind = 'reversal' THEN w.linked_receipt = s.linked_receipt
            ELSE r.id IS NULL OR w.payer_index = s.payer_index END
      LIMIT 1) IS NULL
)
SELECT receipt, kind, cents, at, count(*) OVER () AS lines, (sum(cents) OVER ())::bigint AS all_cents
FROM alone ORDER BY cents DESC, at, receipt LIMIT :named_max
""")


def told_alone(session: Session, facts: Mapping[str, object]) -> ToldAlone:
    """What the staged statement tells that nobody else did, before anything of `statement_read` is kept.

    `facts`: `wallet` and `shortcode`.
    """
    rows = session.execute(_TOLD_ALONE, {**facts, "named_max": _NAMED_MAX}).all()
    if not rows:
        return NOTHING
    largest = tuple(AloneLine(row.receipt, AloneKind(row.kind), row.cents, row.at) for row in rows)
    return ToldAlone(rows[0].lines, rows[0].all_cents, largest)
