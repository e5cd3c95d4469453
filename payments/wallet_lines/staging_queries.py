"""A statement in temporary tables: what it says twice, what needs no more reading, and the keeping of it."""

from sqlalchemy import text

# Parameters of all that have some: wallet, shortcode, currency, behind_utc, now. A temporary table lives and
# dies with the import's transaction; personal data that is not kept never reaches the write-ahead log.
READ_TABLE = text("""
CREATE TEMPORARY TABLE statement_read (
  line_number bigint, receipt text, row_key text, kind text, amount_cents bigint, at timestamptz,
  balance_after_cents bigint, linked_receipt text, payer_index text, particulars text
) ON COMMIT DROP
""")
READ_COLUMNS = (
    "line_number", "receipt", "row_key", "kind", "amount_cents", "at", "balance_after_cents",
    "linked_receipt", "payer_index", "particulars",
)  # fmt: skip


def raw_table(columns: int) -> str:
    """A table of rows as the file has them, numbered in its order."""
    cells = ", ".join(f"c{place} text" for place in range(columns))
    number = "n bigint GENERATED ALWAYS AS IDENTITY (CACHE 1000)"
    return f"CREATE TEMPORARY TABLE statement_raw ({number}, {cells}) ON COMMIT DROP"


def plain_table(columns: tuple[str, ...]) -> str:
    """What plain rows say, as values.

    A row needs no more reading when our receipt says the same, its owner is known, and the payer was told to
    us in full: then nothing in the row is news, and no second copy of personal data is kept.
    """
    at = {name: f"s.c{place}" for place, name in enumerate(columns) if name}
    balance = "NULL::bigint"
    if "balance" in at:
        balance = f"translate({at['balance']}, ',.', '')::bigint"
    cells = ", ".join(f"s.c{place}" for place in range(len(columns)))
    return f"""
CREATE TEMPORARY TABLE statement_plain ON COMMIT DROP AS
SELECT s.n, {at["receipt"]} AS receipt, translate({at["paid in"]}, ',.', '')::bigint AS amount_cents,
       ({at["completed"]}::timestamp - CAST(:behind_utc AS interval)) AT TIME ZONE 'UTC' AS at,
       {balance} AS balance_after_cents,
       CASE WHEN r.id IS NULL THEN ARRAY[{cells}] END AS cells
FROM statement_raw s
LEFT JOIN receipts r ON r.wallet = :wallet AND r.shortcode = :shortcode AND r.receipt = {at["receipt"]}
  AND r.amount_cents = translate({at["paid in"]}, ',.', '')::bigint AND r.currency = :currency
  AND r.member_id IS NOT NULL AND r.payer_index IS NOT NULL
  AND r.source IN ('stk_callback', 'pull', 'statement')
"""  # noqa: S608 -- of column numbers


NO_PLAIN = text("""
CREATE TEMPORARY TABLE statement_plain (
  n bigint, receipt text, amount_cents bigint, at timestamptz, balance_after_cents bigint, cells text[]
) ON COMMIT DROP
""")

# A payment to us is known by its receipt alone; other rows by their keys, which no receipt looks like.
_EVERY_ROW = """
SELECT receipt AS name, amount_cents, at FROM statement_plain
UNION ALL
SELECT CASE WHEN kind = 'credit' THEN receipt ELSE row_key END, amount_cents, at FROM statement_read
"""
TWICE = text(f"""
SELECT name, count(*) - 1 AS repeated, min(amount_cents) AS cents,
       min(amount_cents) <> max(amount_cents) OR min(at) <> max(at) AS differs
FROM ({_EVERY_ROW}) every GROUP BY name HAVING count(*) > 1
""")  # noqa: S608 -- of constants above

SET_ASIDE_PLAIN = text("DELETE FROM statement_plain WHERE receipt = ANY(:names) RETURNING n")
SET_ASIDE_READ = text("""
DELETE FROM statement_read
WHERE CASE WHEN kind = 'credit' THEN receipt ELSE row_key END = ANY(:names) RETURNING line_number
""")

# Nobody else adds lines until the import is committed: what is not there yet can be found at once for all.
ALONE = text("LOCK TABLE wallet_lines IN SHARE ROW EXCLUSIVE MODE")
_IS_NEWS = """NOT EXISTS (
  SELECT FROM wallet_lines w
  WHERE w.receipt = p.receipt AND w.row_key = {row_key} AND w.shortcode = {shortcode} AND w.wallet = {wallet})
"""
TO_READ = "SELECT p.n, p.cells FROM statement_plain p WHERE p.cells IS NOT NULL AND " + _IS_NEWS.format(  # noqa: S608 -- of constants above
    row_key="p.receipt || ':credit'", shortcode="%(shortcode)s", wallet="%(wallet)s"
)
_KEPT = """
INSERT INTO wallet_lines (
  wallet, shortcode, currency, source, seen_at, row_key, receipt, kind, amount_cents, at, balance_after_cents,
  linked_receipt, payer_index, particulars)
"""
# In the order of the index, whose pages are then touched one after another.
KEEP_PLAIN = text(
    _KEPT
    + """
SELECT DISTINCT ON (p.receipt) CAST(:wallet AS text), CAST(:shortcode AS text), CAST(:currency AS text),
       'statement', CAST(:now AS timestamptz),
       p.receipt || '\\:credit', p.receipt, 'credit', p.amount_cents, p.at, p.balance_after_cents, '',
       CAST(NULL AS text), CAST(NULL AS text)
FROM statement_plain p WHERE p.cells IS NULL AND """
    + _IS_NEWS.format(
        row_key="p.receipt || '\\:credit'",
        shortcode="CAST(:shortcode AS text)",
        wallet="CAST(:wallet AS text)",
    )
    + " ORDER BY p.receipt"
)
KEEP_READ = text(
    _KEPT
    + """
SELECT DISTINCT ON (p.receipt, p.row_key) CAST(:wallet AS text), CAST(:shortcode AS text),
       CAST(:currency AS text), 'statement', CAST(:now AS timestamptz), p.row_key, p.receipt, p.kind,
       p.amount_cents, p.at, p.balance_after_cents, p.linked_receipt, p.payer_index, p.particulars
FROM statement_read p ORDER BY p.receipt, p.row_key, p.line_number
ON CONFLICT (receipt, row_key, shortcode, wallet) DO NOTHING"""
)
LAST_LINE = text("SELECT coalesce(max(id), 0) FROM wallet_lines")

SUMS = text("""
SELECT count(*) AS rows, coalesce(sum(amount_cents) FILTER (WHERE amount_cents > 0), 0)::bigint AS in_cents,
       coalesce(-sum(amount_cents) FILTER (WHERE amount_cents < 0), 0)::bigint AS out_cents,
       min(at) AS first_at, max(at) AS last_at
FROM (SELECT amount_cents, at FROM statement_plain
      UNION ALL SELECT amount_cents, at FROM statement_read) every
""")
