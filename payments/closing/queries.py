"""Which cut-off a fact counts for, in SQL: its own day, unless that was closed before the fact was known."""

from sqlalchemy import text

from payments.wallet_lines.counting import TIMES_MOVED

# Parameters of all: wallet, shortcode, day, day_start, day_end; for facts also account_key, zone, since and
# until. A fact is one posting on the float of a shortcode. A day that is closed for a fact passes it on to
# the day on which it was told; should that be closed for it too (around midnight), to the day after.
_LATE = """EXISTS (
    SELECT FROM closings c
    WHERE c.wallet = :wallet AND c.shortcode = :shortcode AND c.scope = 'day' AND c.period = {day}::text
      AND {number} > c.postings_through
      AND (c.reopened_postings_through IS NULL OR {number} <= c.reopened_postings_through))"""
_LATE_LINE = _LATE.replace("postings_through", "lines_through")

# Nearly every fact is of the day asked for, which is not closed yet: no time of it is turned into a date, its
# number is not looked up, and it is compared with no closing. OFFSET keeps the subquery apart, so that a fact
# is placed once.
_TOLD_DAY = "(f.recorded_at AT TIME ZONE :zone)::date"
_NUMBER = "(SELECT p.number FROM ledger_postings p WHERE p.transfer_id = f.id AND p.account_id = f.float_id)"
_PLACED = f"""
WITH floats AS MATERIALIZED (
  SELECT a.id FROM ledger_accounts a WHERE a.kind = 'wallet_float' AND a.key = :account_key
),
facts AS (
  SELECT t.id, t.business_key, t.reason, t.occurred_at, t.recorded_at,
         coalesce(t.float_id, old.float_id) AS float_id,
         coalesce(t.float_cents, old.float_cents) AS amount_cents,
         CASE WHEN t.occurred_at >= :day_start AND t.occurred_at < :day_end THEN CAST(:day AS date)
              ELSE (t.occurred_at AT TIME ZONE :zone)::date END AS own_day
  FROM ledger_transfers t
  -- Of transfers that do not say themselves what they moved. Every payment ever is on the float: its postings
  -- are found by their transfers, never by the account.
  LEFT JOIN LATERAL (
    SELECT p.account_id AS float_id, p.amount_cents AS float_cents FROM ledger_postings p
    WHERE t.float_id IS NULL AND p.transfer_id = t.id AND p.account_id = ANY (ARRAY(SELECT id FROM floats))
    OFFSET 0
  ) old ON true
  WHERE t.recorded_at >= :since AND t.recorded_at < :until
    AND coalesce(t.float_id, old.float_id) = ANY (ARRAY(SELECT id FROM floats))
),
placed AS NOT MATERIALIZED (
  SELECT f.*, CASE
    -- Of a day that was never closed nothing is late: looked up once for all facts.
    WHEN f.own_day NOT IN (
      SELECT c.period::date FROM closings c
      WHERE c.wallet = :wallet AND c.shortcode = :shortcode AND c.scope = 'day') THEN f.own_day
    WHEN NOT {_LATE.format(day="f.own_day", number=_NUMBER)} THEN f.own_day
    WHEN NOT {_LATE.format(day=_TOLD_DAY, number=_NUMBER)} THEN {_TOLD_DAY}
    ELSE {_TOLD_DAY} + 1 END AS day
  FROM facts f
  OFFSET 0
)
"""  # noqa: S608 -- of constants above

LEDGER_FIGURES = text(
    _PLACED
    + """
SELECT coalesce(sum(amount_cents) FILTER (WHERE reason IN ('credit', 'suspense')), 0)::bigint AS in_cents,
       coalesce(sum(amount_cents) FILTER (WHERE reason = 'charge'), 0)::bigint AS charges_cents,
       coalesce(sum(amount_cents) FILTER (WHERE reason = 'settlement'), 0)::bigint AS settlements_cents,
       coalesce(sum(amount_cents) FILTER (WHERE reason = 'reversal'), 0)::bigint AS reversals_cents,
       coalesce(sum(amount_cents) FILTER (
         WHERE reason NOT IN ('credit', 'suspense', 'charge', 'settlement', 'reversal')
       ), 0)::bigint AS corrections_cents,
       count(*) FILTER (WHERE reason IN ('credit', 'suspense')) AS credits,
       count(*) FILTER (WHERE day <> own_day) AS late,
       coalesce(sum(amount_cents) FILTER (WHERE day <> own_day), 0)::bigint AS late_cents
FROM placed WHERE day = CAST(:day AS date)
"""
)

FACTS = text(
    _PLACED
    + f"""
SELECT {_NUMBER} AS number, business_key, reason, amount_cents, occurred_at, recorded_at, own_day
FROM placed f WHERE day = CAST(:day AS date) ORDER BY number
"""  # noqa: S608 -- of constants above
)

# What the wallet's own list says of a day. Lines that came after the day was closed do not change what was
# closed.
_LINES = f"""
WITH seen AS NOT MATERIALIZED (
  SELECT f.id AS number, f.receipt, f.kind, f.amount_cents, f.balance_after_cents, f.at, f.source
  FROM wallet_lines f
  WHERE f.wallet = :wallet AND f.shortcode = :shortcode AND f.at >= :day_start AND f.at < :day_end
), of_day AS NOT MATERIALIZED (
  SELECT f.* FROM seen f
  WHERE NOT EXISTS (
      SELECT FROM closings c
      WHERE c.wallet = :wallet AND c.shortcode = :shortcode AND c.scope = 'day'
        AND c.period = CAST(:day AS date)::text)
    OR NOT {_LATE_LINE.format(day="CAST(:day AS date)", number="f.number")}
)
"""  # noqa: S608 -- of constants above

# Each kind by itself: a few lines among half a million, which an index of their kind has.
_OF_FEW = " UNION ALL ".join(
    f"""SELECT '{kind}', sum(times)::bigint, sum(times * amount_cents)::bigint, min(first_at), max(last_at)
FROM (
  SELECT amount_cents, {TIMES_MOVED} AS times,
         min(at) FILTER (WHERE balance_after_cents IS NOT NULL) AS first_at,
         max(at) FILTER (WHERE balance_after_cents IS NOT NULL) AS last_at
  FROM of_day WHERE kind = '{kind}' GROUP BY receipt, amount_cents) once
HAVING count(*) > 0
"""  # noqa: S608 -- of constants above
    for kind in ("reversal", "other")
)

# A payment that both a pull and a statement list is one line, and a reversal too. `first_at` and `last_at`
# are the first and the last instant of which the wallet tells a balance.
LINE_FIGURES = text(
    f"""{_LINES}
SELECT 'credit' AS kind, count(*) AS rows, sum(amount_cents)::bigint AS cents,
       min(first_at) AS first_at, max(last_at) AS last_at
FROM (
  SELECT max(amount_cents) AS amount_cents,
         min(at) FILTER (WHERE balance_after_cents IS NOT NULL) AS first_at,
         max(at) FILTER (WHERE balance_after_cents IS NOT NULL) AS last_at
  FROM of_day WHERE kind = 'credit' GROUP BY receipt) once
HAVING count(*) > 0
UNION ALL
{_OF_FEW}UNION ALL
SELECT kind, count(*), sum(amount_cents)::bigint,
       min(at) FILTER (WHERE balance_after_cents IS NOT NULL),
       max(at) FILTER (WHERE balance_after_cents IS NOT NULL)
FROM of_day WHERE kind IN ('charge', 'settlement') GROUP BY kind
"""  # noqa: S608 -- of constants above
)

# The balances beside those two instants; several lines may share one.
EDGES = text(
    _LINES
    + """
SELECT 'first' AS edge, amount_cents, balance_after_cents FROM of_day
WHERE balance_after_cents IS NOT NULL AND at = CAST(:first_at AS timestamptz)
UNION ALL
SELECT 'last', amount_cents, balance_after_cents FROM of_day
WHERE balance_after_cents IS NOT NULL AND at = CAST(:last_at AS timestamptz)
"""
)

# Lines of before a day, as far as they were known when it was closed. A line that came after its own day was
# closed is `late` there: the balance that the day was closed with does not count it.
_BEFORE = """
WITH known AS NOT MATERIALIZED (
  SELECT f.id AS number, f.receipt, f.kind, f.amount_cents, f.balance_after_cents, f.at, f.source
  FROM wallet_lines f
  WHERE f.wallet = :wallet AND f.shortcode = :shortcode AND f.at < :day_start AND f.id <= :lines_through
)
"""
_IS_LATE = _LATE_LINE.format(day="(k.at AT TIME ZONE :zone)::date", number="k.number")

# The last instant of a stretch of time of which a balance counts. Stretches are looked at from the nearest
# on: the index of ranges gives a stretch, and never the last line before an instant. OFFSET and IS FALSE keep
# closings from being joined with a whole stretch: lines are asked one by one from the last, and few are late.
LAST_BALANCE = text(
    f"""{_BEFORE}
SELECT k.at
FROM (
  SELECT k.at, k.number FROM known k
  WHERE k.at >= :stretch_start AND k.at < :stretch_end AND k.balance_after_cents IS NOT NULL
  ORDER BY k.at DESC OFFSET 0) k
WHERE {_IS_LATE} IS FALSE ORDER BY k.at DESC LIMIT 1
"""  # noqa: S608 -- of constants above
)

BALANCES_AT = text(
    f"""{_BEFORE}
SELECT k.amount_cents, k.balance_after_cents FROM known k
WHERE k.at = :at AND k.balance_after_cents IS NOT NULL AND NOT {_IS_LATE}
"""  # noqa: S608 -- of constants above
)

# What moved after that instant, late lines too, each payment and each reversal once: a pull may list within
# the margin what the balance counts already.
MOVED_SINCE = text(
    f"""{_BEFORE}, since AS NOT MATERIALIZED (
  SELECT k.receipt, k.kind, k.amount_cents, k.at, k.source,
         k.balance_after_cents IS NOT NULL AND (k.at < :at OR (k.at = :at AND NOT {_IS_LATE})) AS is_counted
  FROM known k WHERE k.at >= :margin_start
)
SELECT coalesce(sum(cents), 0)::bigint AS cents, max(at) AS last_at
FROM (
  SELECT max(amount_cents) AS cents, max(at) AS at FROM since WHERE kind = 'credit' GROUP BY receipt
  HAVING NOT bool_or(is_counted) AND max(at) >= :at
  UNION ALL
  SELECT amount_cents * {TIMES_MOVED}, max(at) FROM since
  WHERE kind IN ('reversal', 'other') GROUP BY receipt, kind, amount_cents
  HAVING NOT bool_or(is_counted) AND max(at) >= :at
  UNION ALL
  SELECT amount_cents, at FROM since
  WHERE kind IN ('charge', 'settlement') AND NOT is_counted AND at >= :at) moved
"""  # noqa: S608 -- of constants above
)
