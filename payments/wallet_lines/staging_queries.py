"""A statement in temporary tables: what it says twice, what needs no more reading, and the keeping of it."""

from sqlalchemy import text

# Parameters of all that have some: wallet, shortcode, currency, behind_utc, now. A temporary table lives and
# dies with the import's transaction.
#
# statement_plain: what plain rows tell. statement_other: those of them that need another look.
# statement_read: rows that were read with care. Two have one account_mark when they name one account.
TABLES = (
    text("""
CREATE TEMPORARY TABLE statement_plain (
  n integer GENERATED ALWAYS AS IDENTITY (CACHE 1000), receipt text, amount_cents bigint, at timestamp,
  balance_after_cents bigint
) ON COMMIT DROP
"""),
    text("""
CREATE TEMPORARY TABLE statement_other (
  n integer, receipt text, amount_cents bigint, at timestamp, balance_after_cents bigint, is_known boolean
) ON COMMIT DROP
"""),
    text("""
CREATE TEMPORARY TABLE statement_read (
  line_number bigint, receipt text, row_key text, kind text, amount_cents bigint, at timestamptz,
  balance_after_cents bigint, linked_receipt text, payer_index text, particulars text, account_mark text
) ON COMMIT DROP
"""),
)
READ_COLUMNS = (
    "line_number", "receipt", "row_key", "kind", "amount_cents", "at", "balance_after_cents",
    "linked_receipt", "payer_index", "particulars", "account_mark",
)  # fmt: skip
COUNT_PLAIN = text("ANALYZE statement_plain (receipt)")

# Nobody else adds lines until the import is committed: what is not there yet can be found at once for all.
ALONE = text("LOCK TABLE wallet_lines IN SHARE ROW EXCLUSIVE MODE")

_KEPT = """
INSERT INTO wallet_lines (
  wallet, shortcode, currency, source, seen_at, row_key, receipt, kind, amount_cents, at, balance_after_cents,
  linked_receipt, payer_index, particulars)
"""
_ALL_ALIKE = """CAST(:wallet AS text), CAST(:shortcode AS text), CAST(:currency AS text), 'statement',
  CAST(:now AS timestamptz)"""
_OF_PLAIN = f"""
SELECT {_ALL_ALIKE}, receipt || '\\:credit', receipt, 'credit', amount_cents,
       (at - CAST(:behind_utc AS interval)) AT TIME ZONE 'UTC', balance_after_cents, '', NULL, NULL
"""

# A plain row needs no more reading when our receipt says the same, its owner is known, and the payer was told
# to us in full: then nothing in the row is news, and no second copy of personal data is kept. Sorted as the
# index is, whose pages are then touched one after another; what is said twice stands side by side.
KEEP_PLAIN = text(f"""
WITH every AS MATERIALIZED (
  SELECT s.n, s.receipt, s.amount_cents, s.at, s.balance_after_cents, r.receipt IS NOT NULL AS is_known,
         s.receipt IN (SELECT receipt FROM statement_read WHERE kind = 'credit')
           OR coalesce(s.receipt = lag(s.receipt) OVER sorted, false)
           OR coalesce(s.receipt = lead(s.receipt) OVER sorted, false) AS is_twice
  FROM statement_plain s
  LEFT JOIN receipts r ON r.wallet = :wallet AND r.shortcode = :shortcode AND r.receipt = s.receipt
    AND r.amount_cents = s.amount_cents AND r.currency = :currency
    AND r.member_id IS NOT NULL AND r.payer_index IS NOT NULL
    AND r.source IN ('stk_callback', 'pull', 'statement')
  WINDOW sorted AS (ORDER BY s.receipt)
),
other AS (
  INSERT INTO statement_other
  SELECT n, receipt, amount_cents, at, balance_after_cents, is_known FROM every WHERE is_twice OR NOT is_known
)
{_KEPT}
{_OF_PLAIN}
FROM every
WHERE is_known AND NOT is_twice AND NOT EXISTS (
  SELECT FROM wallet_lines w WHERE w.receipt = every.receipt AND w.row_key = every.receipt || '\\:credit'
    AND w.shortcode = CAST(:shortcode AS text) AND w.wallet = CAST(:wallet AS text))
""")  # noqa: S608 -- of constants

# A payment to us is known by its receipt alone; other rows by their keys, which no receipt looks like.
TWICE = text("""
SELECT name, count(*) - 1 AS repeated, min(amount_cents) AS cents,
       min(amount_cents) <> max(amount_cents) OR min(at) <> max(at) AS differs
FROM (
  SELECT receipt AS name, amount_cents, (at - CAST(:behind_utc AS interval)) AT TIME ZONE 'UTC' AS at
  FROM statement_other
  UNION ALL
  SELECT CASE WHEN kind = 'credit' THEN receipt ELSE row_key END, amount_cents, at FROM statement_read) every
GROUP BY name HAVING count(*) > 1
""")
# The same for what only reading with care shows: who paid, for what account, which payment is taken back.
# A link of a payment itself is no part of what it tells.
READ_TWICE = text("""
SELECT name
FROM (
  SELECT CASE WHEN kind = 'credit' THEN receipt ELSE row_key END AS name, amount_cents, at, account_mark,
         coalesce(payer_index, '') AS payer,
         CASE WHEN kind = 'credit' THEN '' ELSE linked_receipt END AS linked
  FROM statement_read) every
GROUP BY name
HAVING min(amount_cents) <> max(amount_cents) OR min(at) <> max(at) OR min(payer) <> max(payer)
    OR min(account_mark) <> max(account_mark) OR min(linked) <> max(linked)
""")
SET_ASIDE_OTHER = text("DELETE FROM statement_other WHERE receipt = ANY(:names) RETURNING n")
SET_ASIDE_PLAIN = text("DELETE FROM statement_plain WHERE receipt = ANY(:names)")
SET_ASIDE_READ = text("""
DELETE FROM statement_read
WHERE CASE WHEN kind = 'credit' THEN receipt ELSE row_key END = ANY(:names) RETURNING line_number
""")

SUMS = text("""
SELECT count(*) AS rows, coalesce(sum(amount_cents) FILTER (WHERE amount_cents > 0), 0)::bigint AS in_cents,
       coalesce(-sum(amount_cents) FILTER (WHERE amount_cents < 0), 0)::bigint AS out_cents,
       min(at) AS first_at, max(at) AS last_at
FROM (
  SELECT amount_cents, (at - CAST(:behind_utc AS interval)) AT TIME ZONE 'UTC' AS at FROM statement_plain
  UNION ALL SELECT amount_cents, at FROM statement_read) every
""")

# One line is looked up for each: what this import has kept a moment ago, no statistics tell of.
TO_READ = """
SELECT p.n FROM statement_other p
WHERE NOT p.is_known AND (
  SELECT 1 FROM wallet_lines w WHERE w.receipt = p.receipt AND w.row_key = p.receipt || ':credit'
    AND w.shortcode = %(shortcode)s AND w.wallet = %(wallet)s LIMIT 1) IS NULL
ORDER BY p.n
"""
KEEP_OTHER = text(f"""
{_KEPT}
{_OF_PLAIN}
FROM (SELECT DISTINCT ON (receipt) * FROM statement_other WHERE is_known ORDER BY receipt, n) once
ON CONFLICT (receipt, row_key, shortcode, wallet) DO NOTHING
""")  # noqa: S608 -- of constants
LAST_LINE = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM wallet_lines_id_seq")
KEEP_READ = text(f"""
{_KEPT}
SELECT {_ALL_ALIKE}, row_key, receipt, kind, amount_cents, at, balance_after_cents, linked_receipt,
       payer_index, particulars
FROM statement_read ORDER BY receipt, row_key, line_number
ON CONFLICT (receipt, row_key, shortcode, wallet) DO NOTHING
""")  # noqa: S608 -- of constants
