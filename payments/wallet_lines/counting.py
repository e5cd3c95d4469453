"""How often money moved, when several lists tell of it each in its own words."""

# SQL, over lines of one receipt, kind and amount. A pull and a statement that both list a movement have two
# rows of it, since each has its own words for what it is; two rows of one list are two movements, as that
# list's balances show. So the list that has more of them counts. A pull lists payments and reversals alone:
# charges and settlements, half of a day's lines, need no putting together, and the ledger books each line.
TIMES_MOVED = "greatest(count(*) FILTER (WHERE source = 'pull'), count(*) FILTER (WHERE source <> 'pull'))"
