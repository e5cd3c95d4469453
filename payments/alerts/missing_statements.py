"""Days of which money came and no list with balances: the wallets' statements that nobody has handed in."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from core.clock import FundCalendar
from payments.alerts.service import AlertKind, clear_alert, raise_alert
from payments.alerts.tables import Alert

# Wallet and shortcode.
_Shortcode = tuple[str, str]
_NAMED_MAX = 3

# Each shortcode is found by one step in the index, each of its days by one more. Only then is the list of a
# day looked for: a file that spans it, or one of its first payments on a list. Lines are not looked for by
# their time: that index would have a whole day read. OFFSET and LIMIT keep it that way, since as one large
# join it could be planned to read every receipt; and the three columns are compared as one, since a shortcode
# that is used no more would otherwise be looked for among all payments of each day, by their time alone.
MISSING = text("""
WITH RECURSIVE shortcodes AS (
  (SELECT wallet, shortcode FROM receipts ORDER BY wallet, shortcode LIMIT 1)
  UNION ALL
  SELECT following.wallet, following.shortcode
  FROM shortcodes s CROSS JOIN LATERAL (
    SELECT wallet, shortcode FROM receipts WHERE (wallet, shortcode) > (s.wallet, s.shortcode)
    ORDER BY wallet, shortcode LIMIT 1) following
),
days AS (
  SELECT day, day::timestamp AT TIME ZONE :zone AS start_at, (day + 1)::timestamp AT TIME ZONE :zone AS end_at
  FROM (SELECT CAST(:last AS date) - back AS day FROM generate_series(0, CAST(:days_max AS int) - 1) back) d
)
SELECT s.wallet, s.shortcode, d.day
FROM shortcodes s CROSS JOIN days d CROSS JOIN LATERAL (
  -- What staff wrote off never came, whatever day a message named.
  SELECT FROM receipts r
  WHERE (r.wallet, r.shortcode, r.paid_at) >= (s.wallet, s.shortcode, d.start_at)
    AND (r.wallet, r.shortcode, r.paid_at) < (s.wallet, s.shortcode, d.end_at)
    AND r.staff_place IS DISTINCT FROM 'written_off'
  ORDER BY r.wallet, r.shortcode, r.paid_at LIMIT 1) paid
WHERE NOT EXISTS (
    SELECT FROM statement_imports i
    WHERE i.wallet = s.wallet AND i.shortcode = s.shortcode AND i.state = 'done'
      AND i.last_at >= d.start_at AND i.first_at < d.end_at OFFSET 0)
  AND NOT EXISTS (
    SELECT FROM (
      SELECT r.receipt FROM receipts r
      WHERE (r.wallet, r.shortcode, r.paid_at) >= (s.wallet, s.shortcode, d.start_at)
        AND (r.wallet, r.shortcode, r.paid_at) < (s.wallet, s.shortcode, d.end_at) AND r.part_of IS NULL
      ORDER BY r.wallet, r.shortcode, r.paid_at LIMIT 50) first_ones
    CROSS JOIN LATERAL (
      SELECT FROM wallet_lines w
      WHERE w.receipt = first_ones.receipt AND w.wallet = s.wallet AND w.shortcode = s.shortcode
        AND (w.source = 'statement' OR w.balance_after_cents IS NOT NULL)
      LIMIT 1) listed
    OFFSET 0)
ORDER BY s.wallet, s.shortcode, d.day DESC
""")


def missing_days(
    session: Session, calendar: FundCalendar, *, last: date, days_max: int
) -> Mapping[_Shortcode, Sequence[date]]:
    """By wallet and shortcode, newest first: the days up to `last` with money, and no list of it."""
    found: dict[_Shortcode, list[date]] = {}
    values = {"last": last, "days_max": days_max, "zone": calendar.zone.key}
    for wallet, shortcode, day in session.execute(MISSING, values):
        found.setdefault((wallet, shortcode), []).append(day)
    return found


def raise_missing(session: Session, missing: Mapping[_Shortcode, Sequence[date]], *, now: datetime) -> None:
    """Keep one alert for all that is missing, whose subject is the newest day that was.

    A newer day is another alert, and so is told. A file that comes shortens it, and tells nobody anything. So
    a house that hands in nothing, or has two wallets, is called once a day at most.
    """
    kind = AlertKind.STATEMENT_MISSING
    before = session.scalar(
        select(func.max(Alert.subject)).where(Alert.kind == kind, Alert.cleared_at.is_(None))
    )
    newest = max((days[0].isoformat() for days in missing.values()), default="")
    subject = max(newest, before or "") if missing else ""
    if before is not None and before != subject:
        clear_alert(session, kind, before, now=now)
    if missing:
        raise_alert(session, kind, subject, in_words(missing), now=now)


def in_words(missing: Mapping[_Shortcode, Sequence[date]]) -> str:
    """`mpesa 600100: 2026-11-21, 2026-11-20, 2026-11-19 and 3 before`: the newest days of each."""
    return "; ".join(f"{wallet} {shortcode}: {_days(days)}" for (wallet, shortcode), days in missing.items())


def _days(days: Sequence[date]) -> str:
    named = ", ".join(day.isoformat() for day in days[:_NAMED_MAX])
    return f"{named} and {len(days) - _NAMED_MAX} before" if len(days) > _NAMED_MAX else named
