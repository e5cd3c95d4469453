"""What is asked of a day whose three sides lie side by side (`joining`): its differences and its sums."""

from sqlalchemy import text

from payments.wallet_lines.counting import TIMES_MOVED
from payments.wallet_lines.unbooked import UNBOOKED_OF_DAY

# Parameters of all: wallet, shortcode, day, day_start, day_end, now, run_id; list_lag, apply_lag,
# registry_lag and outcome_lag are intervals: what is younger than these is on its way and no break.
# list_due: from when on the day's statement is missed; clock_gap: so far two times of one payment may lie
# apart. intent_gap: two payments of one amount closer than this may be one wish. two_members: the reason
# matching gives for such suspense.
FIND_BREAKS = text(f"""
WITH closed AS (
  SELECT max(closed_at) AS at FROM closings
  WHERE wallet = :wallet AND shortcode = :shortcode AND scope = 'day' AND period = CAST(:day AS text)
    AND reopened_at IS NULL
),
money AS (
  SELECT id, receipt, amount_cents, member_id, source, match_why, staff_place, paid_at, recorded_at,
         reversed_at, line_at, line_seen_at, line_max_cents, line_cents, posting, posted_at,
         read_back_amount_cents
  FROM day_money
  WHERE id IS NOT NULL
  UNION ALL
  SELECT id, receipt, amount_cents, member_id, source, match_why, staff_place, paid_at, recorded_at,
         reversed_at, line_at, line_seen_at, line_max_cents, line_cents, posting, posted_at,
         read_back_amount_cents
  FROM day_parts
),
-- What of the day statement files span. Only a complete list shows that something is not on it: such a file,
-- a complete pull, or, where neither came, the moment from which the day's statement is missed.
spans AS (
  SELECT first_at, last_at FROM statement_imports
  WHERE wallet = :wallet AND shortcode = :shortcode AND state = 'done'
    AND last_at >= :day_start AND first_at < :day_end
),
-- Money that the wallet paid to the bank, and what the bank says arrived of it. An entry that names several
-- settlements pays each in full unless it is less than their sum; then each shows what is missing.
settled AS (
  SELECT receipt, -sum(amount_cents) AS cents FROM wallet_lines
  WHERE wallet = :wallet AND shortcode = :shortcode AND kind = 'settlement'
    AND at >= :day_start AND at < :day_end
  GROUP BY receipt
),
arrived AS (
  SELECT s.receipt, sum(least(s.cents, s.cents + b.amount_cents - all_named.cents)) AS cents
  FROM settled s
  JOIN bank_lines b ON b.wallet = :wallet AND b.shortcode = :shortcode AND s.receipt = ANY (b.named)
  JOIN LATERAL (
    SELECT -sum(w.amount_cents) AS cents FROM wallet_lines w
    WHERE w.receipt = ANY (b.named) AND w.wallet = :wallet AND w.shortcode = :shortcode
      AND w.kind = 'settlement') all_named ON true
  GROUP BY s.receipt
),
-- A file goes through hands, a pull comes from the wallet itself: what only a file told of, and a complete
-- pull of its time has not, is as doubtful as what no list has.
denied AS (
  SELECT id FROM money m
  WHERE source = 'statement' AND EXISTS (
    SELECT FROM pull_runs u
    WHERE u.wallet = :wallet AND u.shortcode = :shortcode AND u.complete
      AND u.window_start <= m.paid_at - :clock_gap AND u.window_end >= m.paid_at + :clock_gap)
    AND NOT EXISTS (
      SELECT FROM wallet_lines w
      WHERE w.receipt = m.receipt AND w.wallet = :wallet AND w.shortcode = :shortcode AND w.source = 'pull')
),
found AS (
  SELECT 'not_on_statement' AS break_class, receipt AS subject, amount_cents,
         NULL::bigint AS other_amount_cents, id AS receipt_id,
         NULL::uuid AS contribution_id, NULL::uuid AS evidence_id
  FROM money m
  WHERE reversed_at IS NULL AND staff_place IS DISTINCT FROM 'written_off' AND (
    id IN (SELECT id FROM denied)
    OR (line_cents IS NULL AND (
      CAST(:now AS timestamptz) >= :list_due
      OR EXISTS (
        SELECT FROM spans s
        WHERE s.first_at <= m.paid_at - :clock_gap AND s.last_at >= m.paid_at + :clock_gap)
      OR EXISTS (
        SELECT FROM pull_runs u
        WHERE u.wallet = :wallet AND u.shortcode = :shortcode AND u.complete
          AND u.window_start <= m.paid_at AND u.window_end >= m.recorded_at + :list_lag))))
  UNION ALL
  SELECT 'amount_differs', receipt, amount_cents, line_cents, id, NULL, NULL
  FROM money WHERE line_cents <> amount_cents
  UNION ALL
  SELECT 'not_posted', receipt, amount_cents, NULL, id, NULL, NULL
  FROM money
  -- A posting there is only for what was confirmed: also what the fund bears the difference of.
  WHERE (line_cents = amount_cents OR posting = 'pending') AND member_id IS NOT NULL AND reversed_at IS NULL
    AND coalesce(posting, 'pending') = 'pending' AND line_seen_at < :now - :registry_lag
  UNION ALL
  SELECT 'rejected_by_registry', receipt, amount_cents, NULL, id, NULL, NULL
  FROM money
  WHERE posting = 'rejected' AND read_back_amount_cents IS NULL AND reversed_at IS NULL
    AND member_id IS NOT NULL
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
  -- Few saved one amount twice: those are looked up, one by one.
  FROM day_often often
  CROSS JOIN LATERAL (
    SELECT id, receipt, paid_at, payer_index, wish, period, lag(paid_at) OVER in_order AS before,
           lag(payer_index) OVER in_order AS payer_before, lag(wish) OVER in_order AS wish_before,
           lag(period) OVER in_order AS period_before, lag(paid_at) OVER of_month AS before_of_month,
           lag(payer_index) OVER of_month AS payer_of_month
    FROM receipts r
    LEFT JOIN LATERAL (
      SELECT c.id AS wish, c.period FROM contributions c WHERE c.receipt_id = r.id) wished ON true
    WHERE r.member_id = often.member_id AND r.amount_cents = often.amount_cents AND r.reversed_at IS NULL
      AND r.wallet = :wallet AND r.shortcode = :shortcode
      AND r.paid_at >= CAST(:day_start AS timestamptz) - :intent_gap AND r.paid_at < :day_end
      AND r.part_of IS NULL
    WINDOW in_order AS (ORDER BY paid_at, receipt),
           of_month AS (PARTITION BY wish IS NULL, period ORDER BY paid_at, receipt)) twice
  -- Two people who pay for one member mean two payments. Who is hidden may be the same. Who asked us for two
  -- months meant two; one for another month may stand between two that are for the same.
  WHERE paid_at >= :day_start
    AND (paid_at - before < :intent_gap AND (payer_index = payer_before) IS NOT FALSE
         AND (wish IS NULL OR wish_before IS NULL OR period IS NOT DISTINCT FROM period_before)
      OR paid_at - before_of_month < :intent_gap AND (payer_index = payer_of_month) IS NOT FALSE)
  UNION ALL
  -- The wallet's list brought it first, and no message ever came: repaired, and worth knowing.
  SELECT 'missing_callback', receipt, amount_cents, NULL, id, NULL, NULL
  FROM money m
  WHERE source IN ('pull', 'statement') AND recorded_at < :now - :outcome_lag
    AND NOT EXISTS (SELECT FROM evidence_verdicts v WHERE v.receipt_id = m.id)
  UNION ALL
  SELECT 'duplicate_receipt', r.receipt, r.amount_cents, max(v.amount_cents), r.id, NULL, NULL
  FROM receipts r JOIN evidence_verdicts v ON v.receipt_id = r.id AND v.verdict = 'duplicate'
  WHERE r.wallet = :wallet AND r.shortcode = :shortcode AND r.paid_at >= :day_start AND r.paid_at < :day_end
    AND r.part_of IS NULL
  GROUP BY r.receipt, r.amount_cents, r.id
  UNION ALL
  SELECT 'late_across_cutoff', m.receipt, m.amount_cents, NULL, m.id, NULL, NULL
  FROM money m JOIN closed c ON m.recorded_at > c.at
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
  SELECT 'reversed_after_credit', r.receipt, r.amount_cents, max(w.amount_cents), r.id, NULL, NULL
  FROM (
    -- Nothing is taken back before it was paid, but a message may have named a day too late.
    SELECT linked_receipt, amount_cents FROM wallet_lines
    WHERE wallet = :wallet AND shortcode = :shortcode AND kind = 'reversal'
      AND at >= CAST(:day_start AS timestamptz) - interval '1 hour'
    UNION ALL
    SELECT o.linked_receipt, o.amount_cents
    FROM day_money m JOIN wallet_lines o ON o.linked_receipt = m.receipt AND o.linked_receipt <> ''
    WHERE m.id IS NOT NULL AND (m.line_at IS NULL OR m.line_at < :day_start)
      AND o.wallet = :wallet AND o.shortcode = :shortcode AND o.kind = 'reversal'
      AND o.at < CAST(:day_start AS timestamptz) - interval '1 hour') w
  JOIN receipts r ON r.wallet = :wallet AND r.shortcode = :shortcode AND r.receipt = w.linked_receipt
    AND r.paid_at >= :day_start AND r.paid_at < :day_end AND r.part_of IS NULL
  LEFT JOIN registry_postings p ON p.receipt_id = r.id
  -- What we paid out and the wallet took back as well was given back twice.
  WHERE (r.reversed_at IS NULL OR p.posted_at IS NOT NULL
    OR EXISTS (SELECT FROM day_parts d WHERE d.part_of = r.id AND d.posted_at IS NOT NULL)
    OR EXISTS (SELECT FROM refunds f WHERE f.receipt_id = r.id AND f.way = 'payout' AND f.state = 'paid'))
  GROUP BY r.receipt, r.amount_cents, r.id
  UNION ALL
  SELECT 'not_in_ledger', m.receipt, NULL, m.line_max_cents, NULL, NULL, NULL
  FROM day_money m
  WHERE m.booked IS NULL AND (m.id IS NULL OR m.staff_place = 'written_off')
    AND m.line_at >= :day_start AND m.line_at < :day_end AND m.line_seen_at < :now - :apply_lag
    AND NOT EXISTS (
      SELECT FROM receipts r
      WHERE r.wallet = :wallet AND r.shortcode = :shortcode AND r.receipt = m.receipt
        AND r.staff_place IS DISTINCT FROM 'written_off' AND r.part_of IS NULL)
  UNION ALL
  -- Only days that the bank's statements cover show that something did not arrive.
  SELECT 'settlement_short', s.receipt, s.cents, coalesce(a.cents, 0), NULL, NULL, NULL
  FROM settled s LEFT JOIN arrived a USING (receipt)
  WHERE coalesce(a.cents, 0) < s.cents AND NOT EXISTS (
    SELECT FROM generate_series(CAST(:day AS date), CAST(:day AS date) + 2, interval '1 day') d
    WHERE NOT EXISTS (
      SELECT FROM bank_periods p
      WHERE p.wallet = :wallet AND p.shortcode = :shortcode AND d BETWEEN p.first_on AND p.last_on))
  UNION ALL
  -- Without it money moved by hand is in no book, and shows only as a day that does not add up.
  SELECT 'unbooked_line', w.receipt, NULL, sum(abs(w.amount_cents)), NULL, NULL, NULL
  FROM ({UNBOOKED_OF_DAY}) w
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
     AND v.receipt <> '' AND r.part_of IS NULL
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
ORDER BY break_class, receipt_id, subject
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
""")  # noqa: S608 -- of constants

RESOLVE_BREAKS = text("""
UPDATE breaks SET state = 'resolved', resolved_at = :now,
  resolution = CASE break_class
    WHEN 'not_on_statement' THEN 'the wallet lists it now'
    WHEN 'not_in_ledger' THEN 'credited from the wallet''s list'
    WHEN 'amount_differs' THEN 'the amounts agree now'
    WHEN 'not_posted' THEN 'posted to the registry'
    WHEN 'rejected_by_registry' THEN 'told to the registry again, or given back'
    WHEN 'conflicting_evidence' THEN 'a member was found'
    WHEN 'duplicate_intent' THEN 'one of the two was taken back or moved'
    WHEN 'unexpected_charge' THEN 'the charge has its payment now'
    WHEN 'not_acknowledged' THEN 'read back from the registry'
    WHEN 'registry_amount_differs' THEN 'the registry agrees now'
    WHEN 'suspense' THEN 'a member was found'
    WHEN 'settlement_short' THEN 'the bank has all of it now'
    WHEN 'unbooked_line' THEN 'the line is explained now'
    WHEN 'mismatch' THEN 'the wallet''s list explains it'
    WHEN 'unknown_outcome' THEN 'the outcome is known'
    ELSE 'wallet, ledger and registry agree' END
WHERE wallet = :wallet AND shortcode = :shortcode AND day = :day AND state = 'open' AND run_id <> :run_id
""")

FIGURES = text(f"""
-- What was divided counts by its parts. What is given back, or is to be, was confirmed and goes no further,
-- also when the registry was told before: `payments.reconciliation.view` counts the same.
WITH money AS (
  SELECT amount_cents,
    staff_place IS DISTINCT FROM 'refund' AND posting IN ('posted', 'acknowledged') AS posted,
    staff_place IS DISTINCT FROM 'refund' AND posting = 'acknowledged' AS acknowledged,
    line_cents = amount_cents OR posting IN ('posted', 'acknowledged') AS confirmed
  FROM (
    SELECT amount_cents, staff_place, reversed_at, line_cents, posting FROM day_money
    WHERE id IS NOT NULL AND staff_place IS DISTINCT FROM 'split'
    UNION ALL
    SELECT amount_cents, staff_place, reversed_at, line_cents, posting FROM day_parts) m
  WHERE reversed_at IS NULL AND staff_place IS DISTINCT FROM 'written_off'
),
-- What agrees on all three sides: all that was counted, without what was laid out.
agreed AS (
  SELECT coalesce(sum(booked), 0) - count(id) AS payments,
    coalesce(sum(amount_cents) FILTER (WHERE booked IS NOT NULL), 0)
      - coalesce(sum(amount_cents) FILTER (WHERE id IS NOT NULL), 0) AS cents
  FROM day_money
),
listed AS (
  -- A payment that both a pull and a statement list is one, and a reversal too.
  SELECT true AS is_credit, 1 AS times, line_max_cents AS amount_cents FROM day_money
  WHERE line_at >= :day_start AND line_at < :day_end
  UNION ALL
  -- Each kind by an index of its own: charges may be half of the day.
  SELECT false, {TIMES_MOVED}, amount_cents FROM wallet_lines
  WHERE wallet = :wallet AND shortcode = :shortcode AND at >= :day_start AND at < :day_end
    AND kind = 'reversal'
  GROUP BY receipt, amount_cents
  UNION ALL
  SELECT false, {TIMES_MOVED}, amount_cents FROM wallet_lines
  WHERE wallet = :wallet AND shortcode = :shortcode AND at >= :day_start AND at < :day_end
    AND kind = 'other'
  GROUP BY receipt, amount_cents
  UNION ALL
  SELECT false, 1, amount_cents FROM wallet_lines
  WHERE wallet = :wallet AND shortcode = :shortcode AND at >= :day_start AND at < :day_end
    AND kind IN ('charge', 'settlement')
)
SELECT a.payments + m.received AS received, a.cents + m.received_cents AS received_cents,
  a.payments + m.confirmed AS confirmed, a.cents + m.confirmed_cents AS confirmed_cents,
  a.payments + m.posted AS posted, a.cents + m.posted_cents AS posted_cents,
  a.payments + m.acknowledged AS acknowledged, a.cents + m.acknowledged_cents AS acknowledged_cents,
  a.payments + l.wallet_lines AS wallet_lines, a.cents + l.wallet_in_cents AS wallet_in_cents,
  l.wallet_out_cents, b.breaks_open
FROM agreed a,
 (SELECT count(*) AS received, coalesce(sum(amount_cents), 0) AS received_cents,
    count(*) FILTER (WHERE confirmed) AS confirmed,
    coalesce(sum(amount_cents) FILTER (WHERE confirmed), 0) AS confirmed_cents,
    count(*) FILTER (WHERE posted) AS posted,
    coalesce(sum(amount_cents) FILTER (WHERE posted), 0) AS posted_cents,
    count(*) FILTER (WHERE acknowledged) AS acknowledged,
    coalesce(sum(amount_cents) FILTER (WHERE acknowledged), 0) AS acknowledged_cents
  FROM money) m,
 (SELECT coalesce(sum(times), 0) AS wallet_lines,
    coalesce(sum(amount_cents) FILTER (WHERE is_credit), 0) AS wallet_in_cents,
    coalesce(-sum(times * amount_cents) FILTER (WHERE NOT is_credit), 0) AS wallet_out_cents
  FROM listed) l,
 (SELECT count(*) AS breaks_open FROM breaks
  WHERE wallet = :wallet AND shortcode = :shortcode AND day = :day AND state = 'open') b
""")  # noqa: S608 -- of constants
