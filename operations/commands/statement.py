"""`bin/kibaba statement …`."""

import click


@click.group()
def statement() -> None:
    """The wallets' own statements."""
