"""`bin/kibaba member …`."""

import json
from collections.abc import Mapping
from datetime import datetime

import click

from core import audit
from core.clock import FundCalendar
from core.phone import PhoneNumber
from operations.commands.output import json_option, money, show
from operations.house import settings
from operations.trouble import TroubleError
from payments.ledger.service import savings
from payments.view import Payment, statement_of
from ussd_app.bootstrap import build

PAYMENTS_MAX = 1000


@click.group()
def member() -> None:
    """People."""


@member.command("show")
@click.argument("number", metavar="PHONE")
@json_option
def show_member(number: str, as_json: bool) -> None:
    """What is known of the member with this phone: no name, no ID. The look is put in the audit trail.

    Times are those of the fund's own clock.
    """
    with settings() as current:
        services = build(current)
        phone = PhoneNumber.parse(number, current.fund_region)
        with services.sessions.begin() as session:
            found = services.members.by_phone(session, phone)
            if found is None:
                raise TroubleError(f"no member has the phone {phone.masked}")
            audit.record(
                session, at=services.clock.now(), actor="operator", action="member.shown", subject=found.id
            )
            facts = {
                "number": found.number.digits,
                "status": str(found.status),
                "language": found.language,
                "balance_cents": savings(session, found.id, current.fund_currency).amount_cents,
            }
            payments = [
                facts_of(payment, services.calendar)
                for payment in statement_of(session, found.id, PAYMENTS_MAX)
            ]
    if as_json:
        click.echo(json.dumps(facts | {"contributions": payments}, indent=2))
        return
    show(facts, as_json=False, currency=current.fund_currency)
    for payment in payments:
        click.echo(line_of(payment, current.fund_currency))


def facts_of(payment: Payment, calendar: FundCalendar) -> dict[str, str | int | None]:
    """For programs: `at` is ISO 8601 to the second, with the offset of the fund's own clock."""
    return {
        "receipt": payment.receipt,
        "amount_cents": payment.amount.amount_cents,
        "state": str(payment.state),
        "at": calendar.local(payment.at).isoformat(timespec="seconds"),
    }


def line_of(payment: Mapping[str, str | int | None], currency: str) -> str:
    """The same for people: `2026-11-22 13:11`, how much, its receipt, how far it has come."""
    at = datetime.fromisoformat(str(payment["at"]))
    amount = money(int(str(payment["amount_cents"])), currency)
    return f"  {at:%Y-%m-%d %H:%M}  {amount:>16}  {payment['receipt'] or '-':<12}  {payment['state']}"
