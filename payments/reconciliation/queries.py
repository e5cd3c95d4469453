"""The comparison itself: one statement over wallet lines, receipts and registry postings of a fund day."""

from sqlalchemy import text

# Parameters: wallet, shortcode, day, day_start, day_end, now, run_id; list_lag, apply_lag, registry_lag and
# outcome_lag are intervals: what is younger than these is on its way and no break. intent_gap: two payments
# of one amount closer than this may be one wish. two_members: the reason matching gives for such suspense.
FIND_BREAKS = text("""
WITH money AS (
  SELECT r.*, l.line_cents, l.line_seen_at,
         p.state AS posting, p.posted_at, p.read_back_amount_cents
  FROM receipts r
  LEFT JOIN LATERAL (
    SELECT min(w.seen_at) AS line_seen_at,
           CASE WHEN bool_or(w.amount_cents = r.amount_cents) THEN r.amount_cents
                ELSE max(w.amount_cents) END AS line_cents
    FROM wallet_lines w
    WHERE w.wallet = r.wallet AND w.shortcode = r.shortcode AND w.receipt = r.receipt AND w.kind = 'credit'
  ) l ON true
  LEFT JOIN registry_postings p ON p.receipt_id = r.id
  WHERE r.wallet = :wallet AND r.shortcode = :shortcode
    AND r.paid_at >= :day_start AND r.paid_at < :day_end
),
found AS (
  SELECT 'not_on_statement' AS break_class, receipt AS subject, amount_cents,
         NULL::bigint AS other_amount_cents, id AS receipt_id,
         NULL::uuid AS contribution_id, NULL::uuid AS evidence_id
  FROM money m
  WHERE line_cents IS NULL AND reversed_at IS NULL AND staff_place IS DISTINCT FROM 'written_off' AND (
    recorded_at < :now - :outcome_lag
    OR EXISTS (
      SELECT FROM pull_runs u
      WHERE u.wallet = m.wallet AND u.shortcode = m.shortcode AND u.complete
        AND u.window_start <= m.paid_at AND u.window_end >= m.recorded_at + :list_lag))
  UNION ALL
  SELECT 'amount_differs', receipt, amount_cents, line_cents, id, NULL, NULL
  FROM money WHERE line_cents <> amount_cents
  UNION ALL
  SELECT 'not_posted', receipt, amount_cents, NULL, id, NULL, NULL
  FROM money
  WHERE line_cents = amount_cents AND member_id IS NOT NULL AND reversed_at IS NULL
    AND coalesce(posting, 'pending') = 'pending' AND line_seen_at < :now - :registry_lag
  UNION ALL
  SELECT 'rejected_by_registry', receipt, amount_cents, NULL, id, NULL, NULL
  FROM money
  WHERE posting = 'rejected' AND read_back_amount_cents IS NULL AND reversed_at IS NULL
  UNION ALL
  SELECT 'not_acknowledged', receipt, amount_cents, NULL, id, NULL, NULL
  FROM money WHERE posting = 'posted' AND posted_at < :now - :registry_lag
  UNION ALL
  SELECT 'registry_amount_differs', receipt, amount_cents, read_back_amount_cents, id, NULL, NULL
  FROM money WHERE posting = 'rejected' AND read_back_amount_cents IS NOT NULL
  UNION ALL
  SELECT CASE WHEN match_why = :two_members THEN 'conflicting_evidence' ELSE 'suspense' END,
         receipt, amount_cents, NULL, id, NULL, NULL
  FROM money
  WHERE member_id IS NULL AND reversed_at IS NULL AND coalesce(staff_place, 'suspense') = 'suspense'
  UNION ALL
  SELECT 'duplicate_intent', receipt, amount_cents, NULL, id, NULL, NULL
  FROM (
    SELECT id, receipt, amount_cents, paid_at, lag(paid_at) OVER (
      PARTITION BY member_id, amount_cents ORDER BY paid_at, receipt) AS before
    FROM money WHERE member_id IS NOT NULL AND reversed_at IS NULL) twice
  WHERE paid_at - before < :intent_gap
  UNION ALL
  -- The wallet's list brought it first, and no message ever came: repaired, and worth knowing.
  SELECT 'missing_callback', receipt, amount_cents, NULL, id, NULL, NULL
  FROM money m
  WHERE source IN ('pull', 'statement') AND recorded_at < :now - :outcome_lag
    AND NOT EXISTS (SELECT FROM evidence_verdicts v WHERE v.receipt_id = m.id)
  UNION ALL
  SELECT 'duplicate_receipt', m.receipt, m.amount_cents, max(v.amount_cents), m.id, NULL, NULL
  FROM money m JOIN evidence_verdicts v ON v.receipt_id = m.id AND v.verdict = 'duplicate'
  GROUP BY m.receipt, m.amount_cents, m.id
  UNION ALL
  SELECT 'late_across_cutoff', m.receipt, m.amount_cents, NULL, m.id, NULL, NULL
  FROM money m
  JOIN closings c ON c.wallet = m.wallet AND c.shortcode = m.shortcode AND c.scope = 'day'
    AND c.period = CAST(:day AS text) AND c.reopened_at IS NULL
  WHERE m.recorded_at > c.closed_at
  UNION ALL
  -- A charge belongs to a payment above what is free, or to money moved to the bank.
  SELECT 'unexpected_charge', w.receipt, NULL, -sum(w.amount_cents), NULL, NULL, NULL
  FROM wallet_lines w
  WHERE w.wallet = :wallet AND w.shortcode = :shortcode AND w.at >= :day_start AND w.at < :day_end
    AND w.kind = 'charge'
    AND NOT EXISTS (
      SELECT FROM wallet_lines o
      WHERE o.wallet = w.wallet AND o.shortcode = w.shortcode AND o.kind <> 'charge'
        AND o.receipt = ANY (ARRAY[w.receipt, nullif(w.linked_receipt, '')])
        AND (o.kind <> 'credit' OR o.amount_cents > :free_up_to_cents))
  GROUP BY w.receipt
  UNION ALL
  SELECT 'reversed_after_credit', m.receipt, m.amount_cents, max(w.amount_cents), m.id, NULL, NULL
  FROM money m
  JOIN wallet_lines w ON w.wallet = m.wallet AND w.shortcode = m.shortcode
    AND w.linked_receipt = m.receipt AND w.kind = 'reversal'
  WHERE m.reversed_at IS NULL OR m.posted_at IS NOT NULL
  GROUP BY m.receipt, m.amount_cents, m.id
  UNION ALL
  SELECT 'not_in_ledger', w.receipt, NULL, max(w.amount_cents), NULL, NULL, NULL
  FROM wallet_lines w
  WHERE w.wallet = :wallet AND w.shortcode = :shortcode AND w.at >= :day_start AND w.at < :day_end
    AND w.kind = 'credit' AND w.seen_at < :now - :apply_lag
    AND NOT EXISTS (
      SELECT FROM receipts r
      WHERE r.wallet = w.wallet AND r.shortcode = w.shortcode AND r.receipt = w.receipt
        AND r.staff_place IS DISTINCT FROM 'written_off')
  GROUP BY w.receipt
  UNION ALL
  SELECT 'unknown_outcome', c.id::text, c.amount_cents, NULL, NULL, c.id, NULL
  FROM contributions c
  WHERE c.wallet = :wallet AND c.shortcode = :shortcode
    AND c.requested_at >= :day_start AND c.requested_at < :day_end
    AND c.requested_at < :now - :outcome_lag
    AND c.state IN ('requested', 'prompting', 'prompted', 'unknown')
  UNION ALL
  (SELECT DISTINCT ON (subject) 'mismatch', coalesce(nullif(v.receipt, ''), e.id::text) AS subject,
          coalesce(r.amount_cents, c.amount_cents), v.amount_cents, r.id, v.contribution_id, e.id
   FROM evidence_verdicts v
   JOIN evidence e ON e.id = v.evidence_id
   LEFT JOIN contributions c ON c.id = v.contribution_id
   LEFT JOIN receipts r ON r.wallet = e.wallet AND r.shortcode = :shortcode AND r.receipt = upper(v.receipt)
     AND v.receipt <> ''
   WHERE v.verdict IN ('mismatch', 'unknown_prompt') AND e.wallet = :wallet
     AND e.received_at >= :day_start AND e.received_at < :day_end
     AND coalesce(c.shortcode, :shortcode) = :shortcode
     -- Money that the wallet lists with the amount the message named explains the message.
     AND NOT (r.id IS NOT NULL AND r.amount_cents = v.amount_cents AND EXISTS (
       SELECT FROM wallet_lines w
       WHERE w.wallet = r.wallet AND w.shortcode = r.shortcode AND w.receipt = r.receipt
         AND w.kind = 'credit' AND w.amount_cents = r.amount_cents))
   ORDER BY subject, e.received_at)
)
INSERT INTO breaks AS b (
  id, wallet, shortcode, day, break_class, subject, state, amount_cents, other_amount_cents,
  receipt_id, contribution_id, evidence_id, run_id, first_seen, last_seen, resolved_at, resolution)
SELECT gen_random_uuid(), :wallet, :shortcode, :day, break_class, subject,
       CASE WHEN known.resolution IS NULL THEN 'open' ELSE 'resolved' END, amount_cents,
       other_amount_cents, receipt_id, contribution_id, evidence_id, :run_id, :now, :now,
       CASE WHEN known.resolution IS NULL THEN NULL ELSE :now END, coalesce(known.resolution, '')
FROM found
-- These repaired themselves before anybody could see them.
LEFT JOIN (VALUES
  ('missing_callback', 'credited from the wallet''s list'),
  ('duplicate_receipt', 'the second message was ignored'),
  ('late_across_cutoff', 'counted in the period that was open')
) known (name, resolution) ON known.name = break_class
ORDER BY break_class, subject
ON CONFLICT (wallet, shortcode, break_class, subject) DO UPDATE SET
  state = CASE WHEN b.state = 'settled'
    AND b.amount_cents IS NOT DISTINCT FROM excluded.amount_cents
    AND b.other_amount_cents IS NOT DISTINCT FROM excluded.other_amount_cents
    THEN 'settled' ELSE 'open' END,
  resolved_at = CASE WHEN b.state = 'settled'
    AND b.amount_cents IS NOT DISTINCT FROM excluded.amount_cents
    AND b.other_amount_cents IS NOT DISTINCT FROM excluded.other_amount_cents
    THEN b.resolved_at END,
  resolution = CASE WHEN b.state = 'settled'
    AND b.amount_cents IS NOT DISTINCT FROM excluded.amount_cents
    AND b.other_amount_cents IS NOT DISTINCT FROM excluded.other_amount_cents
    THEN b.resolution ELSE '' END,
  last_seen = excluded.last_seen,
  run_id = excluded.run_id, amount_cents = excluded.amount_cents,
  other_amount_cents = excluded.other_amount_cents, receipt_id = excluded.receipt_id
WHERE b.break_class NOT IN ('missing_callback', 'duplicate_receipt', 'late_across_cutoff')
RETURNING b.id
""")

RESOLVE_BREAKS = text("""
UPDATE breaks SET state = 'resolved', resolved_at = :now,
  resolution = CASE break_class
    WHEN 'not_on_statement' THEN 'the wallet lists it now'
    WHEN 'not_in_ledger' THEN 'credited from the wallet''s list'
    WHEN 'amount_differs' THEN 'the amounts agree now'
    WHEN 'not_posted' THEN 'posted to the registry'
    WHEN 'rejected_by_registry' THEN 'told to the registry again'
    WHEN 'conflicting_evidence' THEN 'a member was found'
    WHEN 'duplicate_intent' THEN 'one of the two was taken back or moved'
    WHEN 'unexpected_charge' THEN 'the charge has its payment now'
    WHEN 'not_acknowledged' THEN 'read back from the registry'
    WHEN 'registry_amount_differs' THEN 'the registry agrees now'
    WHEN 'suspense' THEN 'a member was found'
    WHEN 'mismatch' THEN 'the wallet''s list explains it'
    WHEN 'unknown_outcome' THEN 'the outcome is known'
    ELSE 'wallet, ledger and registry agree' END
WHERE wallet = :wallet AND shortcode = :shortcode AND day = :day AND state = 'open' AND run_id <> :run_id
""")

FIGURES = text("""
WITH money AS (
  SELECT r.amount_cents, p.state AS posting, EXISTS (
    SELECT FROM wallet_lines w
    WHERE w.wallet = r.wallet AND w.shortcode = r.shortcode AND w.receipt = r.receipt
      AND w.kind = 'credit' AND w.amount_cents = r.amount_cents) AS confirmed
  FROM receipts r LEFT JOIN registry_postings p ON p.receipt_id = r.id
  WHERE r.wallet = :wallet AND r.shortcode = :shortcode
    AND r.paid_at >= :day_start AND r.paid_at < :day_end AND r.reversed_at IS NULL
    AND r.staff_place IS DISTINCT FROM 'written_off'
),
listed AS (
  -- A payment that both a pull and a statement list is one.
  SELECT receipt, kind, max(amount_cents) AS amount_cents
  FROM wallet_lines
  WHERE wallet = :wallet AND shortcode = :shortcode AND at >= :day_start AND at < :day_end
  GROUP BY receipt, kind, CASE WHEN kind = 'credit' THEN '' ELSE row_key END
)
SELECT m.*, l.*, b.breaks_open FROM (
  SELECT count(*) AS received, coalesce(sum(amount_cents), 0) AS received_cents,
    count(*) FILTER (WHERE confirmed) AS confirmed,
    coalesce(sum(amount_cents) FILTER (WHERE confirmed), 0) AS confirmed_cents,
    count(*) FILTER (WHERE posting IN ('posted', 'acknowledged')) AS posted,
    coalesce(sum(amount_cents) FILTER (WHERE posting IN ('posted', 'acknowledged')), 0) AS posted_cents,
    count(*) FILTER (WHERE posting = 'acknowledged') AS acknowledged,
    coalesce(sum(amount_cents) FILTER (WHERE posting = 'acknowledged'), 0) AS acknowledged_cents
  FROM money) m,
 (SELECT count(*) AS wallet_lines,
    coalesce(sum(amount_cents) FILTER (WHERE kind = 'credit'), 0) AS wallet_in_cents,
    coalesce(-sum(amount_cents) FILTER (WHERE kind <> 'credit'), 0) AS wallet_out_cents
  FROM listed) l,
 (SELECT count(*) AS breaks_open FROM breaks
  WHERE wallet = :wallet AND shortcode = :shortcode AND day = :day AND state = 'open') b
""")
