"""`bin/kibaba reconcile`."""

from datetime import date, datetime

import click

from core import audit, outbox
from core.clock import FundCalendar
from operations.house import settings
from operations.trouble import TroubleError
from ussd_app.foundation import lay_foundation
from ussd_app.wallet_accounts import shortcodes_of


@click.command()
@click.option("--wallet", default="mpesa", help="Whose list is compared (mpesa, airtel, mtn).")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="The fund's day (yesterday).")
def reconcile(wallet: str, day: datetime | None) -> None:
    """Have a day compared: wallet, ledger and registry. A worker does it; the dashboard shows it."""
    with settings() as current:
        base, shortcodes = lay_foundation(current), shortcodes_of(current)
        if wallet not in shortcodes:
            raise TroubleError(f"{wallet} is not on; there are {', '.join(shortcodes)}")
        shortcode, now = shortcodes[wallet], base.clock.now()
        chosen = day.date() if day else _yesterday(FundCalendar(current.zone).day_of(now))
        place = f"{wallet}:{shortcode}:{chosen}"
        with base.sessions.begin() as session:
            payload = {"wallet": wallet, "shortcode": shortcode, "day": chosen.isoformat()}
            # One a second at most, as from the dashboard.
            outbox.add(session, "reconcile", f"staff:{place}:{now:%Y%m%d%H%M%S}", payload, now=now)
            audit.record(session, at=now, actor="operator", action="reconcile.asked", subject=place)
    click.echo(f"{wallet} {shortcode} will be compared for {chosen}")


def _yesterday(today: date) -> date:
    return date.fromordinal(today.toordinal() - 1)
