"""`bin/kibaba restore`."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from operations.backups.restoring import Restored, restore_backup
from operations.commands.output import json_option, show, tell_rows
from operations.house import settings
from operations.outside_servers import check_database


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def restore(file: Path, as_json: bool) -> None:
    """Put a backup into an empty house, all of it or nothing, and add the books up.

    The settings must have the keys that the data were written with. Start the house afterwards, with a Redis
    that holds nothing of another one. The exit code is 1 when the books do not hold.
    """
    with settings() as current:
        check_database(current.database_url.get_secret_value())
        restored = restore_backup(current, file, tell_rows(quiet=as_json))
    _show(restored, as_json=as_json, currency=current.fund_currency)
    if not restored.proof.holds:
        sys.exit(1)


def _show(restored: Restored, *, as_json: bool, currency: str) -> None:
    facts = asdict(restored)
    proof = {"holds": restored.proof.holds, **facts.pop("proof")}
    if as_json:
        show({**facts, "proof": proof}, as_json=True)
        return
    left_out = facts.pop("left_out")
    show({name: value for name, value in facts.items() if name != "keys_proven"}, as_json=False)
    if left_out:
        click.echo(f"Left out, as none of the house's: {', '.join(left_out)}.")
    if not restored.keys_proven:
        click.echo("The file holds no proof of its keys: see that a member is found before callers come.")
    click.echo("The books hold." if restored.proof.holds else "THE BOOKS DO NOT HOLD.")
    show(proof, as_json=False, currency=currency)
