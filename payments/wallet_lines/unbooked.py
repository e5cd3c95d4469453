"""Lines of a wallet's list that moved money and that are booked nowhere, and what staff booked of them.

Charges and settlements are booked by themselves, payments by their receipts. What is left is money that
somebody moved by hand, and reversals that nothing of ours answers to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.database import advisory_lock
from payments.ledger import service as ledger
from payments.ledger.model import Account, AccountKind, Leg, Reason
from payments.wallet_lines.tables import StoredLine
from payments.wallets.protocol import LineKind

# Everything is looked up by the keys of a line, one row each: an EXISTS may be answered by hashing every
# line, receipt or transfer there ever was. OFFSET keeps a look-up to the index of its key: while a table was
# never counted, an index of all lines of a kind seems as good, and two thousand lines took 46 s.


def _of_code(code: str) -> str:
    """SQL: the lines with this receipt code."""
    return f"(SELECT * FROM wallet_lines x WHERE x.receipt = {code} OFFSET 0)"  # noqa: S608 -- our own words


def _naming(code: str) -> str:
    """SQL: the lines that take back what has this receipt code."""
    return f"""(
        SELECT * FROM wallet_lines x WHERE x.linked_receipt = {code} AND x.linked_receipt <> '' OFFSET 0
      )"""  # noqa: S608 -- our own words


def _same(line: str, other: str) -> str:
    """SQL: two lines of one account at one wallet."""
    return f"{other}.wallet = {line}.wallet AND {other}.shortcode = {line}.shortcode"


def _booked_cents(key: str) -> str:
    """SQL: what the float has of a line by itself: the transfer with its business key, and what was put right
    about that since.
    """
    return f"""(
      SELECT t.float_cents + coalesce((
        SELECT sum(c.float_cents) FROM ledger_transfers c WHERE c.corrects_id = t.id), 0)
      FROM ledger_transfers t WHERE t.business_key = {key})"""  # noqa: S608 -- our own words


def _is_booked(line: str) -> str:
    """SQL: a line, or another list's line of the same movement, is booked by itself."""
    return f"""(
      SELECT 1 FROM {_of_code(f"{line}.receipt")} b
      WHERE {_same(line, "b")} AND b.kind = {line}.kind
        AND b.amount_cents = {line}.amount_cents AND {_booked_cents("'line:' || b.id::text")} <> 0
      LIMIT 1) IS NOT NULL"""  # noqa: S608 -- our own words


def _is_refund(line: str) -> str:
    """SQL: a refund of ours, paid or reversed under this code, or one of which no code is known that was on
    its way at that time. A pull names no payment that it lists the reversal of.
    """
    return f"""(
      (SELECT 1 FROM refunds f
       WHERE f.payout_receipt = {line}.receipt AND {_same(line, "f")}
         AND f.amount_cents = -{line}.amount_cents
       LIMIT 1) IS NOT NULL
      OR {line}.kind = 'other' AND (
        SELECT 1 FROM refunds f
        WHERE f.payout_receipt IS NULL AND f.way = 'payout' AND f.state <> 'failed'
          AND {_same(line, "f")} AND f.amount_cents = -{line}.amount_cents
          AND f.sent_at <= {line}.at + interval '10 minutes'
          AND (f.finished_at IS NULL OR f.finished_at >= {line}.at - interval '10 minutes')
        LIMIT 1) IS NOT NULL
      OR {line}.kind = 'reversal' AND {line}.linked_receipt = '' AND (
        SELECT 1 FROM refunds f
        WHERE f.way = 'reversal' AND f.state IN ('sending', 'sent', 'unknown')
          AND {_same(line, "f")} AND f.amount_cents = -{line}.amount_cents
          AND f.sent_at <= {line}.at + interval '10 minutes' AND f.sent_at >= {line}.at - interval '1 day'
        LIMIT 1) IS NOT NULL)"""  # noqa: S608 -- our own words


# SQL: line `w` takes a payment of ours back, and was the first to do so. One of two lists may name it.
_TAKES_BACK = f"""(
      SELECT 1 FROM {_of_code("w.receipt")} o
      JOIN receipts r ON r.receipt = o.linked_receipt AND {_same("o", "r")}
        AND r.amount_cents = -o.amount_cents AND r.part_of IS NULL AND r.reversed_at IS NOT NULL
      WHERE w.kind = 'reversal' AND {_same("w", "o")} AND o.kind = w.kind
        AND o.amount_cents = w.amount_cents AND o.linked_receipt <> '' AND (
          SELECT 1 FROM {_naming("o.linked_receipt")} e
          WHERE {_same("o", "e")} AND e.kind = o.kind AND e.amount_cents = o.amount_cents
            AND e.receipt <> o.receipt AND (e.at, e.receipt) < (o.at, o.receipt)
          LIMIT 1) IS NULL
      LIMIT 1) IS NOT NULL"""  # noqa: S608 -- our own words
# SQL: line `w` and one that takes it back, or that it takes back, are both unbooked: they are nothing.
_CANCELLED = f"""(
      SELECT 1 FROM {_naming("w.receipt")} p
      WHERE w.kind = 'other' AND {_same("w", "p")}
        AND p.kind = 'reversal' AND p.amount_cents = -w.amount_cents AND NOT {_is_booked("p")}
      LIMIT 1) IS NOT NULL
    OR (
      SELECT 1 FROM {_of_code("w.receipt")} l
      JOIN LATERAL {_of_code("l.linked_receipt")} p ON {_same("l", "p")}
        AND p.kind = 'other' AND p.amount_cents = -l.amount_cents
      WHERE w.kind = 'reversal' AND {_same("w", "l")} AND l.kind = w.kind
        AND l.amount_cents = w.amount_cents AND l.linked_receipt <> ''
        AND NOT {_is_booked("p")} AND NOT {_is_refund("p")}
      LIMIT 1) IS NOT NULL"""  # noqa: S608 -- our own words

# SQL about a line `w` of kind `other` or `reversal`.
IS_UNBOOKED = f"""w.amount_cents <> 0 AND NOT {_is_booked("w")} AND NOT {_is_refund("w")}
    AND NOT {_TAKES_BACK} AND NOT ({_CANCELLED})"""

# Of a day, each movement once, whichever lists tell of it. Each kind is found by an index of its own.
UNBOOKED_OF_DAY = " UNION ALL ".join(
    f"""SELECT DISTINCT w.receipt, w.kind, w.amount_cents FROM wallet_lines w
  WHERE w.kind = '{kind}' AND w.wallet = :wallet AND w.shortcode = :shortcode
    AND w.at >= :day_start AND w.at < :day_end AND w.seen_at < :now - :apply_lag
    AND {IS_UNBOOKED}"""  # noqa: S608 -- our own words
    for kind in ("other", "reversal")
)

_UNBOOKED = text(f"""
SELECT DISTINCT ON (w.kind, w.amount_cents) w.id, w.amount_cents, w.currency, w.at
FROM wallet_lines w
WHERE w.receipt = :receipt AND w.wallet = :wallet AND w.shortcode = :shortcode
  AND w.kind IN ('other', 'reversal') AND {IS_UNBOOKED}
ORDER BY w.kind, w.amount_cents, w.id
""")  # noqa: S608 -- our own words
_BOOKED = text(f"""
SELECT {_is_booked("w")} FROM wallet_lines w
WHERE w.receipt = :receipt AND w.row_key = :row_key AND w.shortcode = :shortcode AND w.wallet = :wallet
""")  # noqa: S608 -- our own words

_BOOKED_CENTS = text(f"SELECT {_booked_cents(':key')}")
_BOOKED_LEGS = text(f"""
SELECT w.id, w.at, a.kind, a.key, a.currency, sum(p.amount_cents) AS cents
FROM {_of_code(":receipt")} w
JOIN ledger_transfers t ON t.business_key = 'line:' || w.id::text
JOIN ledger_transfers c ON c.id = t.id OR c.corrects_id = t.id
JOIN ledger_postings p ON p.transfer_id = c.id
JOIN ledger_accounts a ON a.id = p.account_id
WHERE w.wallet = :wallet AND w.shortcode = :shortcode AND w.kind = :kind AND w.amount_cents = :amount_cents
GROUP BY w.id, w.at, a.kind, a.key, a.currency HAVING sum(p.amount_cents) <> 0
ORDER BY w.id
""")  # noqa: S608 -- our own words


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that the list says moved. `line_id`: of the lines that tell of it, the first."""

    line_id: int
    amount_cents: int
    currency: str
    at: datetime

    @property
    def key(self) -> str:
        """The business key of the transfer that books it."""
        return key_of_line(self.line_id)


def key_of_line(line_id: int) -> str:
    return f"line:{line_id}"


def hold_movements(session: Session, wallet: str, shortcode: str, receipt: str) -> None:
    """Keep everybody else from booking what the list tells under a code, until the transaction ends."""
    with advisory_lock(session, f"movement:{wallet}:{shortcode}:{receipt}"):
        pass


def unbooked_movements(session: Session, wallet: str, shortcode: str, receipt: str) -> Sequence[Movement]:
    """What the list tells under a code and the ledger does not know."""
    about = {"wallet": wallet, "shortcode": shortcode, "receipt": receipt}
    rows = session.execute(_UNBOOKED, about)
    return [Movement(row.id, row.amount_cents, row.currency, row.at) for row in rows]


def is_booked(session: Session, line: StoredLine) -> bool:
    """Whether a line's movement is in the ledger by a transfer of its own."""
    about = {
        "wallet": line.wallet,
        "shortcode": line.shortcode,
        "receipt": line.receipt,
        "row_key": line.row_key,
    }
    return bool(session.scalar(_BOOKED, about))


def booked_cents(session: Session, key: str) -> int:
    """What the float has of a line whose transfer has this business key, with what was put right since."""
    return int(session.scalar(_BOOKED_CENTS, {"key": key}) or 0)


def take_off_books(
    session: Session,
    wallet: str,
    shortcode: str,
    receipt: str,
    kind: LineKind,
    amount_cents: int,
    *,
    key: str,
    now: datetime,
) -> None:
    """Put right what staff booked of a line that turns out to be something of ours, which is booked as that.

    `key` begins the business keys. What is not booked is left alone.
    """
    hold_movements(session, wallet, shortcode, receipt)
    about = {"wallet": wallet, "shortcode": shortcode, "receipt": receipt}
    rows = session.execute(_BOOKED_LEGS, about | {"kind": kind, "amount_cents": amount_cents})
    for (line_id, at), legs in groupby(rows, key=lambda row: (row.id, row.at)):
        opposite = [
            Leg(Account(AccountKind(leg.kind), leg.key, leg.currency), -int(leg.cents)) for leg in legs
        ]
        ledger.post(
            session,
            f"{key}:{line_id}",
            opposite,
            reason=Reason.CORRECTION,
            occurred_at=at,
            now=now,
            corrects=key_of_line(line_id),
        )
