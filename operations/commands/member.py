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
from payments.wishes import OtherMember, Wish, wishes_among
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
            statement = statement_of(session, found.id, PAYMENTS_MAX)
            wishes = wishes_among(session, found.id, statement)
            payments = [facts_of(payment, services.calendar, wishes.get(payment.id)) for payment in statement]
    if as_json:
        click.echo(json.dumps(facts | {"contributions": payments}, indent=2))
        return
    show(facts, as_json=False, currency=current.fund_currency)
    for payment in payments:
        click.echo(line_of(payment, current.fund_currency))


_NOTHING_SPECIAL = Wish(None, None, None)


def facts_of(
    payment: Payment, calendar: FundCalendar, wish: Wish | None = None
) -> dict[str, str | int | None]:
    """For programs: `at` is ISO 8601 to the second, with the offset of the fund's own clock.

    `for_member` and `paid_by` are numbers of other members, `period` a month other than that of the payment.
    """
    wish = wish or _NOTHING_SPECIAL
    return {
        "receipt": payment.receipt,
        "amount_cents": payment.amount.amount_cents,
        "state": str(payment.state),
        "at": calendar.local(payment.at).isoformat(timespec="seconds"),
        "for_member": _number(wish.for_member),
        "paid_by": _number(wish.paid_by),
        "period": wish.period,
    }


def _number(other: OtherMember | None) -> str | None:
    return other.number if other else None


def line_of(payment: Mapping[str, str | int | None], currency: str) -> str:
    """The same for people: `2026-11-22 13:11`, how much, its receipt, how far it has come, and for or by whom
    else and for which other month it is.
    """
    at = datetime.fromisoformat(str(payment["at"]))
    amount = money(int(str(payment["amount_cents"])), currency)
    special = [
        f"  {words} {payment[name]}"
        for name, words in (("for_member", "for"), ("paid_by", "paid by"), ("period", "counts for"))
        if payment[name]
    ]
    line = f"  {at:%Y-%m-%d %H:%M}  {amount:>16}  {payment['receipt'] or '-':<12}  {payment['state']}"
    return line + "".join(special)
