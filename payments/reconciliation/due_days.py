"""Which fund days a round compares: the last two, older ones that were missed or of which money was told
late, and those about which something is not over.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from core import outbox
from core.clock import FundCalendar
from payments.receipts.tables import Receipt

# So long after its end the statement of a day is missed, and what no list had till then is not on it.
STATEMENT_HOURS: Final = 12
# So many older days in one round, those first that were not compared for longest: every one has its turn,
# and however many there are, a round ends.
OLDER_DAYS_MAX = 7
# So far back a day is compared that was missed, as in an outage of several days.
MISSED_DAYS_MAX: Final = 60

# So long a day is looked for of which money was told after it was compared for the last time: every one has
# its turn meanwhile. What was told just before may not have been committed yet.
_LATE_FOR = timedelta(days=3)
_LATE_MARGIN = timedelta(minutes=10)

# The last two days are compared again without being asked.
_YOUNG = timedelta(days=1)

# A difference that is open may have ended, and a posting that is not over may become one. What the registry
# refused is over once that is a difference: an open one keeps its day here, a settled one needs no other look
# until what was read back changes. What was given back before it was taken is none (as FIND_BREAKS has it).
# A day was missed when nothing compared it once its statement was due: nobody would see what no list has.
# Days without money are among them, so that they can be closed: to compare one costs next to nothing. And a
# message may name any time of payment: who forges one would choose a day that is not looked at any more.
_OLDER_DAYS = text("""
WITH broken AS (
  SELECT DISTINCT day FROM breaks
  WHERE state = 'open' AND wallet = :wallet AND shortcode = :shortcode AND day < :before
),
unfinished AS (
  SELECT DISTINCT p.day
  FROM (
    SELECT receipt_id, state, read_back_amount_cents, (paid_at AT TIME ZONE :zone)::date AS day
    FROM registry_postings WHERE state <> 'acknowledged' AND paid_at < :before_at
    OFFSET 0) p
  -- Few are not of a day above, also when the registry was away for days: their receipts are looked up one by
  -- one, and never all receipts read.
  CROSS JOIN LATERAL (
    SELECT wallet, shortcode, reversed_at, member_id FROM receipts WHERE id = p.receipt_id OFFSET 0) r
  WHERE p.day NOT IN (SELECT day FROM broken) AND r.wallet = :wallet AND r.shortcode = :shortcode
    AND (p.state <> 'rejected' OR (
      (p.read_back_amount_cents IS NOT NULL OR (r.reversed_at IS NULL AND r.member_id IS NOT NULL))
      AND NOT EXISTS (
        SELECT FROM breaks b
        WHERE b.receipt_id = p.receipt_id AND b.state = 'settled'
          AND b.break_class IN ('rejected_by_registry', 'registry_amount_differs')
          AND b.other_amount_cents IS NOT DISTINCT FROM p.read_back_amount_cents)))
),
missed AS (
  SELECT day
  FROM (
    SELECT CAST(:before AS date) - back AS day
    FROM generate_series(1, CAST(:missed_days_max AS int)) back) past
  WHERE day >= CAST(:first AS date) AND coalesce((
    SELECT max(u.at) FROM reconciliation_runs u
    WHERE u.wallet = :wallet AND u.shortcode = :shortcode AND u.day = past.day), '-infinity')
    < ((day + 1)::timestamp AT TIME ZONE :zone) + CAST(:statement_lag AS interval)
),
late AS (
  SELECT day
  FROM (
    SELECT day, max(told_at) AS told_at FROM (
      SELECT (paid_at AT TIME ZONE :zone)::date AS day, recorded_at AS told_at FROM receipts
      WHERE wallet = :wallet AND shortcode = :shortcode AND part_of IS NULL AND paid_at < :before_at
      -- A pull after an outage may tell what no receipt is made of. Each kind has an index of its own.
      UNION ALL
      SELECT (at AT TIME ZONE :zone)::date, seen_at FROM wallet_lines
      WHERE kind = 'other' AND wallet = :wallet AND shortcode = :shortcode
        AND at >= :missed_at AND at < :before_at
      UNION ALL
      SELECT (at AT TIME ZONE :zone)::date, seen_at FROM wallet_lines
      WHERE kind = 'reversal' AND wallet = :wallet AND shortcode = :shortcode
        AND at >= :missed_at AND at < :before_at) news
    WHERE told_at > CAST(:now AS timestamptz) - CAST(:late_for AS interval)
    GROUP BY day) told
  WHERE coalesce((
    SELECT max(u.at) FROM reconciliation_runs u
    WHERE u.wallet = :wallet AND u.shortcode = :shortcode AND u.day = told.day), '-infinity')
    < told_at + CAST(:late_margin AS interval)
)
SELECT day FROM (
  SELECT day FROM broken UNION SELECT day FROM unfinished UNION SELECT day FROM missed
  UNION SELECT day FROM late) older
ORDER BY (
  SELECT max(u.at) FROM reconciliation_runs u
  WHERE u.wallet = :wallet AND u.shortcode = :shortcode AND u.day = older.day) NULLS FIRST, day
LIMIT :days_max
""")

# Each is looked up at the beginning of its index, however many came later. A listed payment has a receipt.
_FIRST_MONEY = text("""
SELECT least(
  (SELECT min(paid_at) FROM receipts WHERE wallet = :wallet AND shortcode = :shortcode),
  (SELECT min(at) FROM wallet_lines WHERE wallet = :wallet AND shortcode = :shortcode AND kind <> 'credit'))
""")


def due_days(
    session: Session, calendar: FundCalendar, wallet: str, shortcode: str, *, now: datetime
) -> Sequence[date]:
    """Yesterday and today, then at most OLDER_DAYS_MAX days before.

    A day that is closed may be among them: what is compared changes nothing of what was closed.
    """
    today = calendar.day_of(now)
    yesterday = today - timedelta(days=1)
    older = session.scalars(
        _OLDER_DAYS,
        {
            "wallet": wallet,
            "shortcode": shortcode,
            "before": yesterday,
            "before_at": calendar.bounds(yesterday)[0],
            "missed_at": calendar.bounds(yesterday - timedelta(days=MISSED_DAYS_MAX))[0],
            # Before any money there is no day to compare.
            "first": first_day(session, calendar, wallet, shortcode) or yesterday,
            "missed_days_max": MISSED_DAYS_MAX,
            "statement_lag": timedelta(hours=STATEMENT_HOURS),
            "now": now,
            "late_for": _LATE_FOR,
            "late_margin": _LATE_MARGIN,
            "zone": calendar.zone.key,
            "days_max": OLDER_DAYS_MAX,
        },
    )
    return [yesterday, today, *older]


def first_day(session: Session, calendar: FundCalendar, wallet: str, shortcode: str) -> date | None:
    """The fund day of the first money that came or went; None before there was any."""
    first = session.scalar(_FIRST_MONEY, {"wallet": wallet, "shortcode": shortcode})
    return None if first is None else calendar.day_of(first)


def have_compared(session: Session, receipt: Receipt, occasion: str, *, now: datetime) -> None:
    """Queue, once for each occasion, that the day of an older payment is compared: nothing of it was open."""
    if now - receipt.paid_at < _YOUNG:
        return
    payload = {"wallet": receipt.wallet, "shortcode": receipt.shortcode, "at": receipt.paid_at.isoformat()}
    outbox.add(session, "reconcile", occasion, payload, now=now)
