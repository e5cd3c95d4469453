"""Which cut-off a fact counts for, in SQL: its own day, unless that was closed before the fact was known."""

from sqlalchemy import text

# Parameters of all: wallet, shortcode, account_key, zone, since, until, first_day, last_day. A fact is one
# posting on the float of a shortcode. A day that is closed for a fact passes it on to the day on which it was
# told, and should that be closed for it too (around midnight), to the day after.
_LATE = """EXISTS (
    SELECT FROM closings c
    WHERE c.wallet = :wallet AND c.shortcode = :shortcode AND c.scope = 'day' AND c.period = {day}::text
      AND f.number > c.postings_through
      AND (c.reopened_postings_through IS NULL OR f.number <= c.reopened_postings_through))"""
_LATE_LINE = _LATE.replace("postings_through", "lines_through")

_PLACED = f"""
WITH facts AS (
  SELECT p.number, p.amount_cents, t.business_key, t.reason, t.occurred_at, t.recorded_at,
         (t.occurred_at AT TIME ZONE :zone)::date AS own_day,
         (t.recorded_at AT TIME ZONE :zone)::date AS told_day
  FROM ledger_transfers t
  -- Every payment ever is on the float: its postings are found by their transfers, never by the account.
  JOIN LATERAL (
    SELECT p.number, p.amount_cents, p.account_id FROM ledger_postings p WHERE p.transfer_id = t.id OFFSET 0
  ) p ON p.account_id = ANY (ARRAY(
    SELECT a.id FROM ledger_accounts a WHERE a.kind = 'wallet_float' AND a.key = :account_key))
  WHERE t.recorded_at >= :since AND t.recorded_at < :until
),
placed AS MATERIALIZED (
  SELECT f.*, CASE
    -- Of a day that was never closed nothing is late: looked up once for all facts.
    WHEN f.own_day NOT IN (
      SELECT c.period::date FROM closings c
      WHERE c.wallet = :wallet AND c.shortcode = :shortcode AND c.scope = 'day') THEN f.own_day
    WHEN NOT {_LATE.format(day="f.own_day")} THEN f.own_day
    WHEN NOT {_LATE.format(day="f.told_day")} THEN f.told_day
    ELSE f.told_day + 1 END AS day
  FROM facts f
)
"""  # noqa: S608 -- of constants above

LEDGER_FIGURES = text(
    _PLACED
    + """
SELECT day, reason, count(*) AS rows, sum(amount_cents)::bigint AS cents,
       count(*) FILTER (WHERE day <> own_day) AS late,
       coalesce(sum(amount_cents) FILTER (WHERE day <> own_day), 0)::bigint AS late_cents
FROM placed WHERE day BETWEEN :first_day AND :last_day
GROUP BY day, reason ORDER BY day, reason
"""
)

FACTS = text(
    _PLACED
    + """
SELECT number, business_key, reason, amount_cents, occurred_at, recorded_at, own_day
FROM placed WHERE day BETWEEN :first_day AND :last_day ORDER BY number
"""
)

# What the wallet's own list says of a day; a payment that both a pull and a statement list is one line.
# Lines that came after the day was closed do not change what was closed.
_LINES = f"""
WITH seen AS NOT MATERIALIZED (
  SELECT f.id AS number, f.receipt, f.kind, f.amount_cents, f.balance_after_cents, f.at, f.row_key
  FROM wallet_lines f
  WHERE f.wallet = :wallet AND f.shortcode = :shortcode AND f.at >= :day_start AND f.at < :day_end
), of_day AS NOT MATERIALIZED (
  SELECT f.* FROM seen f
  WHERE NOT EXISTS (
      SELECT FROM closings c
      WHERE c.wallet = :wallet AND c.shortcode = :shortcode AND c.scope = 'day'
        AND c.period = CAST(:day AS date)::text)
    OR NOT {_LATE_LINE.format(day="CAST(:day AS date)")}
)
"""  # noqa: S608 -- of constants above

LINE_FIGURES = text(
    _LINES  # noqa: S608 -- of constants above
    + """
SELECT kind, count(*) AS rows, sum(amount_cents)::bigint AS cents FROM (
  SELECT kind, receipt, max(amount_cents) AS amount_cents FROM of_day
  GROUP BY kind, receipt, CASE WHEN kind = 'credit' THEN '' ELSE row_key END) once
GROUP BY kind ORDER BY kind
"""
)

# The balances beside the first and the last instant of the day; several lines may share an instant.
EDGES = text(
    _LINES  # noqa: S608 -- of constants above
    + """
SELECT 'first' AS edge, amount_cents, balance_after_cents FROM of_day
WHERE balance_after_cents IS NOT NULL
  AND at = (SELECT min(at) FROM of_day WHERE balance_after_cents IS NOT NULL)
UNION ALL
SELECT 'last', amount_cents, balance_after_cents FROM of_day
WHERE balance_after_cents IS NOT NULL
  AND at = (SELECT max(at) FROM of_day WHERE balance_after_cents IS NOT NULL)
"""
)

LINES_WITHOUT_BALANCE = text(
    _LINES  # noqa: S608 -- of constants above
    + "SELECT count(*) FROM of_day WHERE balance_after_cents IS NULL"
)
