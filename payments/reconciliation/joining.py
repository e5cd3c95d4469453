"""The three sides of a fund day side by side, in temporary tables that live as long as the transaction."""

from sqlalchemy import text

# Parameters: wallet, shortcode, day, day_start, day_end; intent_gap: two payments of one amount closer than
# this may be one wish.
FORGET_DAY = text("DROP TABLE IF EXISTS pg_temp.day_money, pg_temp.day_parts, pg_temp.day_often")

# The payments of this day in our books or on the wallet's list, but for those that agree on all three sides,
# as nearly all do: these are only counted, together with all others, in a row of its own (`booked`). So
# little is written, and nothing is grouped before it is joined: two cores can read, from PostgreSQL 16 on.
# A payment has a line on each list that tells of it; where one is odd, all are looked up (LISTED_ANEW).
JOIN_DAY = text("""
CREATE TEMPORARY TABLE day_money ON COMMIT DROP AS
WITH ours AS NOT MATERIALIZED (
  SELECT receipt, amount_cents, member_id, source, nullif(match_why, '') AS match_why, staff_place, paid_at,
         recorded_at, reversed_at, id
  FROM receipts
  WHERE wallet = :wallet AND shortcode = :shortcode AND paid_at >= :day_start AND paid_at < :day_end
    AND part_of IS NULL
)
SELECT r.id, coalesce(r.receipt, l.receipt) AS receipt, r.amount_cents, r.member_id, r.source, r.match_why,
       r.staff_place, r.paid_at, r.recorded_at, r.reversed_at, min(l.at) AS line_at,
       min(l.seen_at) AS line_seen_at, max(l.amount_cents) AS line_max_cents,
       CASE WHEN bool_or(l.amount_cents = r.amount_cents) THEN r.amount_cents
            ELSE max(l.amount_cents) END AS line_cents,
       p.state AS posting, p.posted_at, p.read_back_amount_cents, NULL::bigint AS booked
FROM ours r
FULL JOIN (
  SELECT receipt, at, seen_at, amount_cents
  FROM wallet_lines
  WHERE wallet = :wallet AND shortcode = :shortcode AND kind = 'credit'
    AND at >= CAST(:day_start AS timestamptz) - interval '1 hour'
    AND at < CAST(:day_end AS timestamptz) + interval '1 hour') l ON l.receipt = r.receipt
LEFT JOIN registry_postings p ON p.receipt_id = r.id
WHERE (
  l.amount_cents = r.amount_cents AND l.at >= :day_start AND l.at < :day_end
  AND r.member_id IS NOT NULL AND r.reversed_at IS NULL AND r.staff_place IS NULL
  AND p.state = 'acknowledged' AND r.source NOT IN ('pull', 'statement')
  AND r.recorded_at <= coalesce((
    SELECT max(closed_at) FROM closings
    WHERE wallet = :wallet AND shortcode = :shortcode AND scope = 'day' AND period = CAST(:day AS text)
      AND reopened_at IS NULL), 'infinity')) IS NOT TRUE
GROUP BY r.id, r.receipt, l.receipt, r.amount_cents, r.member_id, r.source, r.match_why, r.staff_place,
         r.paid_at, r.recorded_at, r.reversed_at, p.state, p.posted_at, p.read_back_amount_cents
UNION ALL
SELECT NULL, NULL, coalesce(sum(amount_cents), 0)::bigint, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, NULL, NULL, count(*)
FROM ours
""")

# A payment is listed at about the time at which it was made; few are found at any other. What any list tells
# with our amount is confirmed, as for `payments.view.is_confirmed`.
LISTED_ANEW = text("""
UPDATE day_money m SET (line_at, line_seen_at, line_max_cents, line_cents) = (
  SELECT min(w.at) FILTER (WHERE is_near), min(w.seen_at), max(w.amount_cents) FILTER (WHERE is_near),
         CASE WHEN bool_or(w.amount_cents = m.amount_cents) THEN m.amount_cents ELSE max(w.amount_cents) END
  FROM wallet_lines w
  CROSS JOIN LATERAL (
    SELECT w.at >= CAST(:day_start AS timestamptz) - interval '1 hour'
           AND w.at < CAST(:day_end AS timestamptz) + interval '1 hour' AS is_near) near
  WHERE w.receipt = m.receipt AND w.wallet = :wallet AND w.shortcode = :shortcode AND w.kind = 'credit')
WHERE m.id IS NOT NULL AND (
  m.line_cents IS DISTINCT FROM m.amount_cents OR m.line_at < :day_start OR m.line_at >= :day_end)
""")

# What staff divided among several members: the wallet knows the whole, suspense and the registry the parts.
# Only what the wallet lists is divided, and no message of it is missing or late.
JOIN_PARTS = text("""
CREATE TEMPORARY TABLE day_parts ON COMMIT DROP AS
SELECT r.id, r.receipt, r.amount_cents, r.member_id, NULL::text AS source,
       nullif(r.match_why, '') AS match_why, r.staff_place, r.paid_at,
       NULL::timestamptz AS recorded_at, r.reversed_at, NULL::timestamptz AS line_at,
       coalesce(p.created_at, r.recorded_at) AS line_seen_at, NULL::bigint AS line_max_cents,
       r.amount_cents AS line_cents, p.state AS posting, p.posted_at, p.read_back_amount_cents, r.part_of
FROM receipts r LEFT JOIN registry_postings p ON p.receipt_id = r.id
WHERE r.part_of IS NOT NULL AND r.staff_place NOT IN ('split', 'rejoined')
  AND r.wallet = :wallet AND r.shortcode = :shortcode AND r.paid_at >= :day_start AND r.paid_at < :day_end
""")

# Who saved one amount twice, in the order of a hash of both: grouping ten million payments of which nearly
# each is a group of its own takes twice as long as sorting numbers. Two others may share a hash; of
# these, too, each that stands twice is met at least once. In a table of its own, because what inserts breaks
# is worked by one process alone.
JOIN_OFTEN = text("""
CREATE TEMPORARY TABLE day_often ON COMMIT DROP AS
SELECT DISTINCT member_id, amount_cents FROM (
  SELECT member_id, amount_cents, hash, lag(hash) OVER (ORDER BY hash) AS hash_before FROM (
    -- The first of the two may be of the day before.
    SELECT member_id, amount_cents, uuid_hash_extended(member_id, amount_cents) AS hash FROM receipts
    WHERE wallet = :wallet AND shortcode = :shortcode
      AND paid_at >= CAST(:day_start AS timestamptz) - :intent_gap AND paid_at < :day_end
      AND member_id IS NOT NULL AND reversed_at IS NULL AND part_of IS NULL) paid) by_hash
WHERE hash = hash_before
""")

# A table of this moment has no statistics unless it is asked for them.
COUNT_DAY = text("ANALYZE day_money (id, receipt, member_id, amount_cents, line_cents, posting)")
