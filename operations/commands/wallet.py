"""`bin/kibaba wallet …`."""

import click

from operations.commands.output import json_option, show
from operations.house import settings
from operations.registration import register_wallet
from operations.trouble import TroubleError
from ussd_app.foundation import lay_foundation
from ussd_app.wallets import build_wallets


@click.group()
def wallet() -> None:
    """The mobile-money wallet."""


@wallet.command()
@json_option
def register(as_json: bool) -> None:
    """Tell the wallet where hand payments are announced, and that its list will be pulled. Needed once."""
    with settings() as current:
        registered = register_wallet(current, build_wallets(lay_foundation(current)).mpesa)
    if not registered:
        raise TroubleError("this house has no M-Pesa; other wallets learn our addresses in their portals")
    show({name: outcome.value for name, outcome in registered.items()}, as_json=as_json)
