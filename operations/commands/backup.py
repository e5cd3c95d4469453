"""`bin/kibaba backup`."""

from dataclasses import asdict
from pathlib import Path

import click

from core import priority
from operations.backups.file import check_place
from operations.backups.taking import take_backup
from operations.commands.output import json_option, show, tell_rows
from operations.house import environment
from operations.outside_servers import check_database


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
def backup(file: Path, as_json: bool) -> None:
    """Write the whole database, as it is at one instant, into a new FILE. The house may run meanwhile.

    Personal data are in it as they are in the database, sealed. The keys are not.
    """
    check_place(file)
    with environment() as env:
        check_database(env["DATABASE_URL"])
        # Callers come first.
        priority.give_way()
        taken = take_backup(env["DATABASE_URL"], file, tell_rows(quiet=as_json))
    show({"file": str(file), **asdict(taken)}, as_json=as_json)
    click.echo("The keys are not in it: keep PII_KEYS, INDEX_KEY and PIN_PEPPER elsewhere.", err=True)
