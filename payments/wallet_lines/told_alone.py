"""The money of a statement file of which nobody else has told: what one person could have written into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.database import vault_of
from core.errors import KibabaError
from payments.particulars import Particulars
from payments.wallets.statements import Oddity

_NAMED_MAX = 20


class AloneKind(StrEnum):
    """What a line would do by itself: bring money, say who paid money in suspense, take money back, or
    confirm our amount against that of the wallet's own list.
    """

    CREDIT = "credit"
    PAYER = "payer"
    REVERSAL = "reversal"
    AMOUNT = "amount"


@dataclass(frozen=True, slots=True)
class AloneLine:
    """One such line. Cents are never negative; `kind` says the way. `account`: masked, if it was read."""

    receipt: str
    kind: AloneKind
    amount_cents: int
    at: datetime
    account: str


@dataclass(frozen=True, slots=True)
class AloneAccount:
    """What all such lines together tell for one account, which is masked."""

    account: str
    lines: int
    cents: int


@dataclass(frozen=True, slots=True)
class ToldAlone:
    """How many lines, and how many cents they move; `largest` are the first of them by amount.

    `accounts`: to which most goes; many small lines may name one.
    """

    lines: int
    cents: int
    largest: tuple[AloneLine, ...]
    accounts: tuple[AloneAccount, ...]


NOTHING = ToldAlone(0, 0, (), ())


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
# A payment told in several rows counts when any of them would: which of them is kept must not matter. A row
# of which a file has told before is not kept again, and does nothing.
#
# A payment: no receipt of that code, and no line of that code, amount and payer from elsewhere. A file that
# hides the payer says less than a line that names one, which is judged first (`with_what_was_told`).
# A payer: free money of another payer or of none (`lines_to_apply`), and no line that names this one. A file
# that names nobody changes nothing there (`payments.matching`).
# A reversal: its payment is not taken back. It may be one that we do not know yet: it would be taken back as
# soon as it comes. A list that has the reversal, but does not say of which payment, tells only half.
# A payout of ours that is taken back stands to be paid again, and counts as well.
# An amount: a pull lists the payment with another than our receipt, and the file with ours. Of the two lists
# one that agrees is enough for the comparison of the day. Here plain rows count too, which are kept by now.
_TOLD_ALONE = text("""
CREATE TEMPORARY TABLE statement_alone ON COMMIT DROP AS
WITH news AS (
  SELECT s.receipt, s.kind, s.amount_cents, s.at, s.linked_receipt, s.payer_index, s.particulars,
         s.account_mark,
         CASE WHEN s.kind = 'credit' THEN s.receipt ELSE s.row_key END AS name
  FROM statement_read s
  WHERE (s.kind = 'credit' AND s.amount_cents > 0
         OR s.kind = 'reversal' AND s.linked_receipt <> '' AND (
           s.amount_cents < 0 OR s.amount_cents > 0 AND (
             SELECT 1 FROM refunds f WHERE f.payout_receipt = s.linked_receipt LIMIT 1) IS NOT NULL))
    AND (
      SELECT 1 FROM wallet_lines w
      WHERE w.receipt = s.receipt AND w.row_key = s.row_key AND w.shortcode = CAST(:shortcode AS text)
        AND w.wallet = CAST(:wallet AS text)
      LIMIT 1) IS NULL
),
alone AS (
  SELECT s.name, s.receipt, s.at, abs(s.amount_cents) AS cents, s.particulars, s.account_mark,
         CASE WHEN s.kind = 'credit' AND r.id IS NOT NULL THEN 'payer' ELSE s.kind END AS kind
  FROM news s
  LEFT JOIN LATERAL (
    SELECT * FROM receipts r
    WHERE r.wallet = :wallet AND r.shortcode = :shortcode
      AND r.receipt = CASE WHEN s.kind = 'reversal' THEN s.linked_receipt ELSE s.receipt END
    LIMIT 1) r ON true
  WHERE CASE
    WHEN s.kind = 'reversal' THEN r.reversed_at IS NULL
    WHEN r.id IS NULL THEN true
    ELSE s.payer_index IS NOT NULL AND r.payer_index IS DISTINCT FROM s.payer_index
      AND r.member_id IS NULL AND r.reversed_at IS NULL AND r.staff_place IS NULL
      AND r.amount_cents = s.amount_cents
    END
    AND (
      SELECT 1 FROM wallet_lines w
      WHERE w.receipt = s.receipt AND w.shortcode = CAST(:shortcode AS text)
        AND w.wallet = CAST(:wallet AS text)
        AND w.kind = s.kind AND w.amount_cents = s.amount_cents
        AND CASE WHEN s.kind = 'reversal' THEN w.linked_receipt = s.linked_receipt
            ELSE s.payer_index IS NULL OR w.payer_index = s.payer_index END
      LIMIT 1) IS NULL
),
denied AS (
  SELECT s.receipt AS name, s.receipt, s.at, s.amount_cents AS cents, NULL::text AS particulars,
         NULL::text AS account_mark, 'amount' AS kind
  FROM (
    SELECT receipt, amount_cents, (at - CAST(:behind_utc AS interval)) AT TIME ZONE 'UTC' AS at
    FROM statement_plain
    UNION ALL
    SELECT receipt, amount_cents, at FROM statement_read WHERE kind = 'credit' AND amount_cents > 0) s
  WHERE CASE WHEN (
    SELECT bool_or(w.source = 'pull' AND w.amount_cents <> s.amount_cents)
           AND NOT bool_or(w.amount_cents = s.amount_cents AND (w.source = 'pull' OR w.seen_at <> :now))
    FROM wallet_lines w
    WHERE w.receipt = s.receipt AND w.shortcode = CAST(:shortcode AS text)
      AND w.wallet = CAST(:wallet AS text) AND w.kind = 'credit')
    -- Few come so far: of the others no receipt is looked up.
    THEN (
      SELECT r.amount_cents FROM receipts r
      WHERE r.wallet = :wallet AND r.shortcode = :shortcode AND r.receipt = s.receipt
      LIMIT 1) = s.amount_cents
    END
),
every AS (SELECT * FROM alone UNION ALL SELECT * FROM denied)
SELECT DISTINCT ON (name) * FROM every ORDER BY name, kind
""")
_LARGEST = text("""
SELECT receipt, kind, cents, at, particulars, count(*) OVER () AS lines,
       (sum(cents) OVER ())::bigint AS all_cents
FROM statement_alone ORDER BY cents DESC, at, receipt LIMIT :named_max
""")
_ACCOUNTS = text("""
SELECT min(particulars) AS particulars, count(*) AS lines, sum(cents)::bigint AS cents
FROM statement_alone WHERE kind IN ('credit', 'payer')
GROUP BY account_mark ORDER BY cents DESC, lines DESC LIMIT :named_max
""")


def told_alone(session: Session, facts: Mapping[str, object]) -> ToldAlone:
    """What the staged statement tells that nobody else did, before anything of `statement_read` is kept.

    `facts`: `wallet`, `shortcode`, `behind_utc` and `now`.
    """
    session.execute(_TOLD_ALONE, facts)
    rows = session.execute(_LARGEST, {"named_max": _NAMED_MAX}).all()
    if not rows:
        return NOTHING
    largest = tuple(
        AloneLine(row.receipt, AloneKind(row.kind), row.cents, row.at, _account(session, row.particulars))
        for row in rows
    )
    accounts = tuple(
        AloneAccount(_account(session, row.particulars), row.lines, row.cents)
        for row in session.execute(_ACCOUNTS, {"named_max": _NAMED_MAX})
    )
    return ToldAlone(rows[0].lines, rows[0].all_cents, largest, accounts)


def _account(session: Session, sealed: str | None) -> str:
    """As staff see it on a payment's page; empty where nothing was typed or read."""
    known = vault_of(session).open("wallet_lines.particulars", sealed) if sealed else None
    return Particulars.from_json(known).account_masked
