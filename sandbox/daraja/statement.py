"""The organisation statement as the M-Pesa portal exports it, and the same rows as JSON."""

import csv
import io
from collections.abc import Mapping
from datetime import date

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import money
from sandbox.clock import day_bounds, eat
from sandbox.daraja.wallet import CHARGE, PAYMENT, PAYOUT, REVERSAL, SETTLEMENT, Payment
from sandbox.world import World, here

blueprint = Blueprint("statement", __name__)

HEADER = (
    "Receipt No.",
    "Completion Time",
    "Initiation Time",
    "Details",
    "Transaction Status",
    "Paid In",
    "Withdrawn",
    "Balance",
    "Balance Confirmed",
    "Reason Type",
    "Other Party Info",
    "Linked Transaction ID",
    "A/C No.",
)
FORMATS: Mapping[str, str] = {"dmy": "%d-%m-%Y %H:%M:%S", "ymd": "%Y-%m-%d %H:%M:%S"}
REASONS: Mapping[str, str] = {
    PAYMENT: "Pay Bill",
    CHARGE: "Pay Bill Charge",
    PAYOUT: "Business Payment to Customer",
    REVERSAL: "Reversal",
    SETTLEMENT: "Organization Settlement of Funds to Bank",
}


def lines(world: World, day: date) -> list[Payment]:
    """The day's lines of the organisation's account in Nairobi time, newest first."""
    start, end = day_bounds(day)
    rows = world.store.rows(
        "SELECT * FROM payments WHERE completed_at >= ? AND completed_at < ? ORDER BY id DESC", start, end
    )
    return [Payment.of(row) for row in rows]


@blueprint.get("/statement")
def export() -> ResponseReturnValue:
    day, problem = _day()
    order = request.args.get("date_order", "dmy")
    if order not in FORMATS:
        problem = "date_order is dmy or ymd"
    if day is None or problem:
        return jsonify(error=problem), 400
    name = f"ORG_{here().settings.shortcode}_{day:%Y%m%d}.csv"
    return Response(
        as_csv(here(), day, FORMATS[order]),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@blueprint.get("/statement.json")
def as_json() -> ResponseReturnValue:
    day, problem = _day()
    if day is None:
        return jsonify(error=problem), 400
    rows = lines(here(), day)
    return jsonify(
        date=day.isoformat(),
        shortcode=here().settings.shortcode,
        paid_in_cents=sum(row.amount_cents for row in rows if row.amount_cents > 0),
        withdrawn_cents=sum(row.amount_cents for row in rows if row.amount_cents < 0),
        rows=[
            {
                "receipt": row.receipt,
                "kind": row.kind,
                "completed_at": eat(row.completed_at).isoformat(timespec="seconds"),
                "amount_cents": row.amount_cents,
                "balance_cents": row.balance_cents,
                "phone": f"+{row.msisdn}",
                "name": row.name,
                "account": row.account,
            }
            for row in rows
        ],
    )


def _day() -> tuple[date | None, str]:
    text = request.args.get("date", "")
    if not text:
        return eat(here().clock.now()).date(), ""
    try:
        return date.fromisoformat(text), ""
    except ValueError:
        return None, "date is written YYYY-MM-DD"


def as_csv(world: World, day: date, time_format: str) -> str:
    """Preamble, header, lines newest first, totals; amounts with thousands commas, money out negative."""
    rows = lines(world, day)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    midnight = day.strftime(time_format.split(" ", maxsplit=1)[0])

    writer.writerows(
        [
            ["Organization Name", world.settings.organisation],
            ["Short Code", world.settings.shortcode],
            ["Account Holder", world.settings.organisation],
            ["Account", "Utility Account"],
            ["Time Period", f"From {midnight} 00:00:00 To {midnight} 23:59:59"],
            [],
        ]
    )
    writer.writerow(HEADER)
    writer.writerows(_cells(world, row, time_format) for row in rows)
    paid_in = sum(row.amount_cents for row in rows if row.amount_cents > 0)
    withdrawn = sum(row.amount_cents for row in rows if row.amount_cents < 0)
    totals = [""] * len(HEADER)
    totals[0], totals[5], totals[6] = "Totals", money.grouped(paid_in), money.grouped(withdrawn)
    writer.writerow(totals)
    return out.getvalue()


def _cells(world: World, row: Payment, time_format: str) -> list[str]:
    party = f"{row.msisdn} - {row.name}"
    details = REASONS[row.kind]
    if row.kind == PAYMENT:
        details = f"Pay Bill from {party} Acc. {row.account}"
    elif row.kind == PAYOUT:
        details = f"Business Payment to {party}"
    paid_in = money.grouped(row.amount_cents) if row.amount_cents > 0 else ""
    withdrawn = money.grouped(row.amount_cents) if row.amount_cents < 0 else ""
    return [
        row.receipt.lower() if world.switches.statement_lower_case else row.receipt,
        eat(row.completed_at).strftime(time_format),
        eat(row.started_at).strftime(time_format),
        details,
        "Completed",
        paid_in,
        withdrawn,
        money.grouped(row.balance_cents),
        "true",
        REASONS[row.kind],
        party,
        row.account if row.kind == REVERSAL else "",
        row.account if row.kind == PAYMENT else "",
    ]
