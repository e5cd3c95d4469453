"""Four ways to compare two tables of four columns, each in a process of its own: prints seconds and findings.

Imports are not counted. What each finds: missing on the right, missing on the left, changed, listed twice.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

_SQL = """
SELECT count(*) FILTER (WHERE r.n IS NULL), count(*) FILTER (WHERE l.n IS NULL),
       count(*) FILTER (WHERE l.n = 1 AND r.n = 1
         AND (l.amount <> r.amount OR l.ts <> r.ts OR l.acct <> r.acct)),
       count(*) FILTER (WHERE greatest(l.n, r.n) > 1)
FROM (SELECT ref, count(*) n, min(amount) amount, min(ts) ts, min(acct) acct
      FROM '{left}' GROUP BY ref) l
FULL JOIN (SELECT ref, count(*) n, min(amount) amount, min(ts) ts, min(acct) acct
           FROM '{right}' GROUP BY ref) r USING (ref)
"""


def by_fastrecon(left: str, right: str) -> Callable[[], Any]:
    fastrecon = import_module("fastrecon")
    duckdb: Any = import_module("duckdb")
    connect = duckdb.connect

    # It asks DuckDB's server for two extensions that this comparison does not need. Where there is no network
    # that takes longer than all the rest: an empty repository refuses at once.
    def without_network(database: str) -> Any:
        return connect(database, config={"custom_extension_repository": "/nowhere"})

    duckdb.connect = without_network

    def run() -> tuple[int, ...]:
        found = fastrecon.compare(
            fastrecon.CsvFile(left), fastrecon.CsvFile(right), keys=["ref"], columns=["amount", "ts", "acct"]
        )
        return found.missing_in_right, found.missing_in_left, found.changed_rows, found.duplicate_keys_right

    return run


def by_duckdb(left: str, right: str) -> Callable[[], Any]:
    duckdb = import_module("duckdb")

    return lambda: duckdb.connect().execute(_SQL.format(left=left, right=right)).fetchone()


def by_polars(left: str, right: str) -> Callable[[], Any]:
    pl = import_module("polars")

    def side(path: str) -> Any:
        columns = [pl.len().alias("n"), pl.col("amount").min(), pl.col("ts").min(), pl.col("acct").min()]
        return pl.scan_csv(path).group_by("ref").agg(columns)

    def run() -> tuple[int, ...]:
        joined = side(left).join(side(right), on="ref", how="full", suffix="_r", coalesce=True)
        once = (pl.col("n") == 1) & (pl.col("n_r") == 1)
        differs = pl.any_horizontal(pl.col(name) != pl.col(f"{name}_r") for name in ("amount", "ts", "acct"))
        counts = joined.select(
            pl.col("n_r").is_null().sum().alias("a"),
            pl.col("n").is_null().sum().alias("b"),
            (once & differs).sum().alias("c"),
            (pl.max_horizontal("n", "n_r") > 1).sum().alias("d"),
        )
        return tuple(counts.collect().row(0))

    return run


def by_pandas(left: str, right: str) -> Callable[[], Any]:
    pd = import_module("pandas")

    def run() -> tuple[int, ...]:
        ours, theirs = pd.read_csv(left), pd.read_csv(right)
        twice = theirs["ref"][theirs["ref"].duplicated()].unique()
        joined = ours.merge(
            theirs.drop_duplicates("ref"), on="ref", how="outer", suffixes=("", "_r"), indicator=True
        )
        both = joined[(joined["_merge"] == "both") & ~joined["ref"].isin(twice)]
        differs = sum((both[name] != both[f"{name}_r"]) for name in ("amount", "ts", "acct")) > 0
        missing = joined["_merge"].value_counts()
        return int(missing["left_only"]), int(missing["right_only"]), int(differs.sum()), len(twice)

    return run


_WAYS = {"fastrecon": by_fastrecon, "duckdb": by_duckdb, "polars": by_polars, "pandas": by_pandas}


def _peak_mb() -> float:
    # Not `getrusage`: a process begins with the peak of the one that started it.
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def main() -> None:
    way, left, right = sys.argv[1:]
    run = _WAYS[way](left, right)
    started, used = time.monotonic(), time.process_time()
    found = run()
    figures = {
        "seconds": time.monotonic() - started,
        "cpu_seconds": time.process_time() - used,
        "peak_mb": _peak_mb(),
        "found": [int(count) for count in found],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
