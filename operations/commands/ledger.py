"""`bin/kibaba ledger …`."""

import sys

import click
from sqlalchemy import text

from operations.commands.output import json_option, show
from operations.house import settings
from payments.ledger.proof import proof as prove
from ussd_app.foundation import lay_foundation


@click.group()
def ledger() -> None:
    """The books."""


@ledger.command()
@json_option
def proof(as_json: bool) -> None:
    """Add the books up. The exit code is 1 when they do not hold."""
    with settings() as current, lay_foundation(current).sessions.begin() as session:
        # All figures are of one instant, however busy the house is.
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        found = prove(session)
    show(found.as_dict(), as_json=as_json, currency=current.fund_currency)
    if not found.holds:
        sys.exit(1)
