-- A year of payments for bench/payments.py. Each step fills the table it is named after.
-- Settings: bench.members, bench.payments, bench.shortcode, bench.since, bench.until, bench.kept.

-- Step: members beyond those who can be searched for: what is sealed is borrowed from them
INSERT INTO members (id, number, status, language, phone, phone_index, wallet_hash_index, identifier_type, identifier,
                     identifier_index, masked_name, birth_date, name_birth_index, name_source, name_at, name_confirmed,
                     join_key, joined_at)
  SELECT ('019c0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, '5' || lpad(n::text, 8, '0'), 'active',
         real.language, real.phone, 'f' || lpad(to_hex(n), 63, '0'), 'f' || lpad(to_hex(n), 63, '0'), 'national_id',
         real.identifier, 'f' || lpad(to_hex(n), 63, '0'), real.masked_name, real.birth_date,
         'f' || lpad(to_hex(n), 63, '0'), real.name_source, real.name_at, true, 'fill:' || lpad(n::text, 8, '0'),
         real.joined_at + n * interval '1 second'
  FROM generate_series(1001, current_setting('bench.members')::int) AS n
  JOIN (SELECT row_number() OVER () - 1 AS place, * FROM members) real ON real.place = n % 1000;

-- Step: receipts are paid evenly through the year; numbers and ids ascend with time
TRUNCATE receipts CASCADE;
CREATE TEMP TABLE who AS
  SELECT row_number() OVER (ORDER BY joined_at, id) - 1 AS place, id, phone_index FROM members;
CREATE UNIQUE INDEX ON who (place);
ANALYZE who;
CREATE TEMP TABLE paid AS
  SELECT numbered.*, who.id AS member_id, who.phone_index,
         (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0')
          || 'a' || lpad(to_hex(n), 15, '0'))::uuid AS id
  FROM (SELECT n, at,
         'SK' || lpad(upper(to_hex(n)), 8, '0') AS receipt,
         (ARRAY[5000, 5000, 10000, 10000, 20000, 20000, 25000, 50000, 100000, 125000])[n % 10 + 1] AS cents,
         (n::bigint * 7919) % current_setting('bench.members')::bigint AS place,
         at >= current_setting('bench.kept')::timestamptz AND n % 200 = 17 AS in_suspense,
         n % 3 > 0 AND n % 200 <> 17 AS by_prompt
  FROM (SELECT n, current_setting('bench.since')::timestamptz + (n::float / current_setting('bench.payments')::float)
          * (current_setting('bench.until')::timestamptz - current_setting('bench.since')::timestamptz) AS at
        FROM generate_series(1, current_setting('bench.payments')::int) n) spread) numbered
  JOIN who USING (place);
ANALYZE paid;
INSERT INTO receipts (id, wallet, shortcode, receipt, amount_cents, currency, member_id, source, match_step,
                      match_why, payer_index, particulars, paid_at, recorded_at)
  SELECT paid.id, 'mpesa', current_setting('bench.shortcode'), receipt, cents, 'KES',
         CASE WHEN in_suspense THEN NULL ELSE member_id END,
         CASE WHEN by_prompt THEN 'stk_callback' ELSE 'c2b_confirmation' END,
         CASE WHEN in_suspense THEN 'suspense' WHEN by_prompt THEN 'prompt' ELSE 'member_number' END,
         CASE WHEN in_suspense THEN 'no member has this number' ELSE '' END,
         phone_index, pool.sealed, at, at + interval '4 seconds'
  FROM paid JOIN pool ON pool.place = 'receipt' AND pool.number = n % 500;

-- Step: wallet_lines say the same with the balance after each; one of five thousand is missing
INSERT INTO wallet_lines (wallet, shortcode, row_key, receipt, kind, amount_cents, currency, balance_after_cents,
                          payer_index, particulars, source, at, seen_at)
  SELECT 'mpesa', current_setting('bench.shortcode'), receipt, receipt, 'credit', cents, 'KES',
         sum(cents) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING), phone_index, pool.sealed, 'statement', at,
         at + interval '3 minutes'
  FROM paid JOIN pool ON pool.place = 'line' AND pool.number = n % 500
  WHERE n % 5000 <> 4;

-- Step: registry_postings are acknowledged but for the last half hour
INSERT INTO registry_postings (receipt_id, member_id, reference_id, transaction_id, state, attempts, paid_at, created_at,
                               posted_at, told_at, acknowledged_at, read_back_amount_cents)
  SELECT paid.id, member_id, paid.id, paid.id,
         CASE WHEN at > current_setting('bench.until')::timestamptz - interval '30 minutes' THEN 'posted'
              ELSE 'acknowledged' END,
         1, at, at, at + interval '4 minutes', at + interval '4 minutes', at + interval '4 minutes', cents
  FROM paid WHERE NOT in_suspense;

-- Step: ledger_accounts for every member, the float and suspense
INSERT INTO ledger_accounts (kind, key, currency) VALUES
  ('wallet_float', 'mpesa:' || current_setting('bench.shortcode'), 'KES'),
  ('suspense', 'mpesa:' || current_setting('bench.shortcode'), 'KES');
INSERT INTO ledger_accounts (kind, key, currency) SELECT 'member', id::text, 'KES' FROM who ORDER BY place;

-- Step: ledger_transfers credit each payment once
INSERT INTO ledger_transfers (id, business_key, reason, occurred_at, recorded_at, float_id, float_cents)
  SELECT paid.id, 'credit:mpesa:' || current_setting('bench.shortcode') || ':' || receipt,
         CASE WHEN in_suspense THEN 'suspense' ELSE 'credit' END, at, at + interval '4 seconds', float.id, cents
  FROM paid, (SELECT id FROM ledger_accounts WHERE kind = 'wallet_float') AS float;

-- Step: ledger_postings are two for each
INSERT INTO ledger_postings (transfer_id, account_id, amount_cents)
  SELECT paid.id, leg.account_id, leg.cents
  FROM paid
  JOIN ledger_accounts saver ON saver.kind = 'member' AND saver.key = member_id::text,
  (SELECT id FROM ledger_accounts WHERE kind = 'wallet_float') AS float,
  (SELECT id FROM ledger_accounts WHERE kind = 'suspense') AS waiting,
  LATERAL (VALUES (1, float.id, cents), (2, CASE WHEN in_suspense THEN waiting.id ELSE saver.id END, -cents))
    AS leg (side, account_id, cents)
  -- As they are recorded: beside each other, and in the order of time.
  ORDER BY n, side;

-- Step: ledger_balances are the sums
INSERT INTO ledger_balances (account_id, stripe, balance_cents)
  SELECT account_id, 0, sum(amount_cents) FROM ledger_postings GROUP BY account_id;

-- Step: contributions of those who were prompted
INSERT INTO contributions (id, key, member_id, phone, payer_index, wallet, shortcode, amount_cents, currency,
                           channel, state, prompt_attempts, checkout_id, said_paid, receipt_id, requested_at,
                           prompted_at, finished_at)
  SELECT overlay(paid.id::text PLACING 'b' FROM 20 FOR 1)::uuid, 'hop-' || lpad(n::text, 8, '0'), member_id, pool.sealed, phone_index,
         'mpesa', current_setting('bench.shortcode'), cents, 'KES', 'ussd', 'paid', 1, 'ws_CO_' || lpad(n::text, 8, '0'), true, paid.id,
         at - interval '31 seconds', at - interval '27 seconds', at + interval '4 seconds'
  FROM paid JOIN pool ON pool.place = 'phone' AND pool.number = n % 500
  WHERE by_prompt;

-- Step: contribution_events of the last thirty days
INSERT INTO contribution_events (contribution_id, state, at, why)
  SELECT overlay(id::text PLACING 'b' FROM 20 FOR 1)::uuid, step.state, at + step.after, ''
  FROM paid, (VALUES ('requested', interval '-31 seconds'), ('prompting', interval '-28 seconds'),
                     ('prompted', interval '-27 seconds'), ('paid', interval '4 seconds')) AS step (state, after)
  WHERE by_prompt AND at >= current_setting('bench.kept')::timestamptz;

-- Step: evidence of the last thirty days
INSERT INTO evidence (id, channel, wallet, shortcode, body, received_at)
  SELECT overlay(id::text PLACING 'c' FROM 20 FOR 1)::uuid,
         CASE WHEN by_prompt THEN 'stk_callback' ELSE 'c2b_confirmation' END, 'mpesa',
         current_setting('bench.shortcode'), pool.sealed, at + interval '4 seconds'
  FROM paid JOIN pool ON pool.place = 'body' AND pool.number = n % 500
  WHERE at >= current_setting('bench.kept')::timestamptz;

-- Step: evidence_verdicts say what they meant
INSERT INTO evidence_verdicts (evidence_id, verdict, receipt_id, receipt, amount_cents, payer_masked, at)
  SELECT overlay(id::text PLACING 'c' FROM 20 FOR 1)::uuid, CASE WHEN in_suspense THEN 'suspense' ELSE 'credited' END,
         id, receipt, cents, '+2547*****678', at + interval '5 seconds'
  FROM paid WHERE at >= current_setting('bench.kept')::timestamptz;

-- Step: breaks were one of a hundred; of the last week one of five hundred payments is open
INSERT INTO breaks (id, wallet, shortcode, day, break_class, subject, state, amount_cents, receipt_id, run_id,
                    first_seen, last_seen, resolved_at, resolution)
  SELECT overlay(id::text PLACING 'd' FROM 20 FOR 1)::uuid, 'mpesa', current_setting('bench.shortcode'),
         (at AT TIME ZONE 'Africa/Nairobi')::date,
         (ARRAY['not_posted', 'not_acknowledged', 'suspense', 'not_on_statement', 'amount_differs'])[n % 5 + 1],
         receipt, CASE WHEN is_open THEN 'open' ELSE 'resolved' END, cents, id, id, at + interval '5 minutes',
         at + interval '1 hour', CASE WHEN is_open THEN NULL ELSE at + interval '1 hour' END,
         CASE WHEN is_open THEN '' ELSE 'posted and read back' END
  FROM paid,
  LATERAL (SELECT at >= current_setting('bench.until')::timestamptz - interval '7 days' AND n % 500 < 2) AS now (is_open)
  WHERE n % 100 < 2 AND (n % 100 = 0 OR is_open);

-- Step: reconciliation_runs once an hour
INSERT INTO reconciliation_runs (id, wallet, shortcode, day, at, received, received_cents, confirmed, confirmed_cents,
                                 posted, posted_cents, acknowledged, acknowledged_cents, wallet_lines, wallet_in_cents,
                                 wallet_out_cents, breaks_open, breaks_found, breaks_resolved)
  SELECT gen_random_uuid(), 'mpesa', current_setting('bench.shortcode'), ((at - interval '1 hour') AT TIME ZONE
         'Africa/Nairobi')::date, at, 10, 1000, 10, 1000, 10, 1000, 10, 1000, 10, 1000, 0, 1, 1, 1
  FROM generate_series(current_setting('bench.since')::timestamptz, current_setting('bench.until')::timestamptz,
                       interval '1 hour') AS at;

-- Step: pull_runs every quarter of an hour
INSERT INTO pull_runs (id, wallet, shortcode, window_start, window_end, complete, pages, lines, finished_at)
  SELECT gen_random_uuid(), 'mpesa', current_setting('bench.shortcode'), at - interval '1 hour', at, true, 1, 100, at
  FROM generate_series(current_setting('bench.since')::timestamptz, current_setting('bench.until')::timestamptz,
                       interval '15 minutes') AS at;

-- Step: statement_imports one a day
INSERT INTO statement_imports (id, wallet, shortcode, name, digest, size_bytes, state, by, at, lines_total, lines_kept,
                               lines_new, finished_at)
  SELECT gen_random_uuid(), 'mpesa', current_setting('bench.shortcode'), 'statement.csv', md5(at::text), 1000, 'done',
         'operator', at, 100, 100, 100, at
  FROM generate_series(current_setting('bench.since')::timestamptz, current_setting('bench.until')::timestamptz,
                       interval '1 day') AS at;

-- Step: outbox rows that were done stay a while, a few were given up
INSERT INTO outbox (id, topic, key, payload, state, created_at, due_at, attempts, finished_at, last_error)
  SELECT gen_random_uuid(), 'post', 'bench-' || lpad(n::text, 8, '0'), '{}', CASE WHEN n % 20000 = 1 THEN 'dead' ELSE 'done' END, at, at, 1,
         at, NULL
  FROM paid WHERE at >= current_setting('bench.until')::timestamptz - interval '7 days';
UPDATE members SET status = 'needs_review' WHERE id IN (SELECT id FROM who WHERE place % 20000 = 3);
