"""`bin/kibaba migrate`."""

import click

from operations import migrate as migrations
from operations.house import environment
from operations.outside_servers import check_database


@click.command()
def migrate() -> None:
    """Bring the database to the newest migration."""
    with environment() as env:
        check_database(env["DATABASE_URL"])
        before, after = migrations.migrate(env["DATABASE_URL"])
    click.echo(f"at {after}" if before == after else f"migrated from {before or 'nothing'} to {after}")
