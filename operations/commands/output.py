"""How results are printed: for people, or as one JSON document for programs."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def show(result: Mapping[str, Any], *, as_json: bool, currency: str = "") -> None:
    """Print flat facts; lists are left to their own commands. `currency`: of the amounts among them."""
    if as_json:
        click.echo(json.dumps(result, indent=2, default=str, ensure_ascii=False))
        return
    named = {_name_for_people(name): _readable(name, value, currency) for name, value in result.items()}
    width = max(len(name) for name in named)
    for name, value in named.items():
        click.echo(f"{name:<{width}}  {value}")


def tell_rows(*, quiet: bool) -> Callable[[str, int], None]:
    """Tells how far long work over tables is, beside the result."""

    def tell(table: str, rows: int) -> None:
        if not quiet:
            click.echo(f"{table}: {rows} rows", err=True)

    return tell


def money(amount_cents: int, currency: str) -> str:
    """`KES 1,250.00`."""
    sign, cents = ("-", -amount_cents) if amount_cents < 0 else ("", amount_cents)
    return f"{sign}{currency} {cents // 100:,}.{cents % 100:02d}"


def _name_for_people(name: str) -> str:
    # People are shown whole units, so no cents.
    return name.removesuffix("_cents").replace("_", " ")


def _readable(name: str, value: Any, currency: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if name.endswith("_cents") and isinstance(value, int):
        return money(value, currency)
    return str(value)
