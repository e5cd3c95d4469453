"""The organisation's account with Airtel or MTN as their portals export it, and the same rows as JSON.

MTN's columns are those that public readers of its export know; Airtel's are an assumption of ours.
"""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import date

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import money
from sandbox.clock import day_bounds, eat
from sandbox.collecting.purses import Collected
from sandbox.world import World, here

blueprint = Blueprint("collecting_statement", __name__)

_AIRTEL_HEADER = (
    *("Transaction ID", "Transaction Date", "Reference", "Payer MSISDN", "Payer Name", "Transaction Type"),
    *("Credit", "Debit", "Service Charge", "Balance", "Status", "Original Transaction ID"),
)
_MTN_HEADER = (
    *("Id", "External id", "Date", "Status", "Type", "From", "From name", "To", "To message"),
    *("Amount", "Fee", "Balance", "Currency"),
)
USUAL_CURRENCY = {"airtel": "KES", "mtn": "UGX"}


def lines(world: World, provider: str, day: date, currency: str) -> list[Collected]:
    """The day's lines in Nairobi time, newest first."""
    start, end = day_bounds(day)
    rows = world.store.rows(
        "SELECT * FROM collected WHERE provider = ? AND currency = ?"
        " AND completed_at >= ? AND completed_at < ? ORDER BY id DESC",
        provider,
        currency,
        start,
        end,
    )
    return [Collected(**{name: row[name] for name in Collected.__dataclass_fields__}) for row in rows]


@blueprint.get("/statement/<any(airtel, mtn):provider>")
def export(provider: str) -> ResponseReturnValue:
    """`?date=YYYY-MM-DD&currency=KES`: the portal's CSV."""
    day = _day()
    if day is None:
        return jsonify(error="date is written YYYY-MM-DD"), 400
    content = _EXPORTS[provider](here(), lines(here(), provider, day, _currency(provider)))
    name = f"{provider}_{day:%Y%m%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, mimetype="text/csv", headers=headers)


@blueprint.get("/statement/<any(airtel, mtn):provider>.json")
def as_json(provider: str) -> ResponseReturnValue:
    """The same rows, with amounts in cents."""
    day = _day()
    if day is None:
        return jsonify(error="date is written YYYY-MM-DD"), 400
    rows = lines(here(), provider, day, _currency(provider))
    return jsonify(
        date=day.isoformat(),
        wallet=provider,
        rows=[
            {
                "receipt": row.receipt,
                "phone": f"+{row.msisdn}",
                "reference": row.reference,
                "external_id": row.external_id,
                "amount_cents": row.amount_cents,
                "charge_cents": row.charge_cents,
                "currency": row.currency,
                "balance_cents": row.balance_cents,
            }
            for row in rows
        ],
    )


def _day() -> date | None:
    text = request.args.get("date", "")
    try:
        return date.fromisoformat(text) if text else eat(here().clock.now()).date()
    except ValueError:
        return None


def _currency(provider: str) -> str:
    return request.args.get("currency", USUAL_CURRENCY[provider])


def _airtel(world: World, rows: Sequence[Collected]) -> str:
    head = [
        ["Merchant Name", world.settings.organisation],
        ["Merchant Code", world.settings.airtel_merchant],
        [],
    ]
    cells = [
        [
            *(row.receipt, f"{eat(row.completed_at):%d-%m-%Y %H:%M:%S}", row.reference, row.msisdn, row.name),
            *("Merchant Payment", money.grouped(row.amount_cents), ""),
            *(_or_blank(row.charge_cents), money.grouped(row.balance_cents), "Success", ""),
        ]
        for row in rows
    ]
    return _csv([*head, _AIRTEL_HEADER, *cells])


def _mtn(world: World, rows: Sequence[Collected]) -> str:
    cells = [
        [
            *(
                row.receipt,
                row.external_id,
                f"{eat(row.completed_at):%Y-%m-%d %H:%M:%S}",
                "Successful",
                "Payment",
            ),
            *(f"FRI:{row.msisdn}/MSISDN", row.name, f"FRI:{world.settings.mtn_account}/MM", row.reference),
            *(money.plain(row.amount_cents), _or_blank(row.charge_cents), money.plain(row.balance_cents)),
            row.currency,
        ]
        for row in rows
    ]
    return _csv([_MTN_HEADER, *cells])


def _or_blank(cents: int) -> str:
    return money.plain(cents) if cents else ""


def _csv(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


_EXPORTS: dict[str, Callable[[World, Sequence[Collected]], str]] = {"airtel": _airtel, "mtn": _mtn}
