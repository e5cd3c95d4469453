"""How results are printed: for people, or as one JSON document for programs."""

import json
from collections.abc import Mapping
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def show(result: Mapping[str, Any], *, as_json: bool) -> None:
    """Print flat facts; lists are left to their own commands."""
    if as_json:
        click.echo(json.dumps(result, indent=2, default=str, ensure_ascii=False))
        return
    width = max(len(name) for name in result)
    for name, value in result.items():
        click.echo(f"{name.replace('_', ' '):<{width}}  {_readable(name, value)}")


def money(amount_cents: int, currency: str = "KES") -> str:
    """`KES 1,250.00`."""
    sign, cents = ("-", -amount_cents) if amount_cents < 0 else ("", amount_cents)
    return f"{sign}{currency} {cents // 100:,}.{cents % 100:02d}"


def _readable(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if name.endswith("_cents") and isinstance(value, int):
        return money(value)
    return str(value)
