"""Pull Transactions: the last 48 hours of money in, page by page, for whoever lost callbacks."""

import sqlite3
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import money
from sandbox.clock import EAST_AFRICA, eat
from sandbox.daraja import disturbances, fields, tokens, wallet
from sandbox.daraja.errors import DarajaError, invalid, request_id
from sandbox.faults import Fault
from sandbox.world import World, here

blueprint = Blueprint("daraja_pull", __name__)

WINDOW_SECONDS = 48 * 3600


@blueprint.post("/pulltransactions/v1/register")
def register() -> ResponseReturnValue:
    tokens.require()
    world = here()
    body = fields.json_body()
    disturbances.before(world.faults.draw("pull"), slow=True)
    shortcode = _own_shortcode(world, body)
    fields.one_of(body, "RequestType", ("Pull",))
    nominated = fields.phone(body, "NominatedNumber")
    url = fields.callback_url(body, "CallBackURL")
    with world.store.transaction():
        known = world.store.row("SELECT 1 FROM pull_registrations WHERE shortcode = ?", shortcode)
        if not known:
            world.store.insert("pull_registrations", shortcode=shortcode, nominated=nominated, url=url)
    status = "1001" if known else "1000"
    text = "ShortCode already Registered" if known else f"ShortCode {shortcode} Registered Successfully"
    gap = " " if world.switches.pull_spaced_keys else ""
    return jsonify(
        {
            "ResponseRefID": request_id(),
            f"Response{gap}Status": status,
            "ShortCode": shortcode,
            f"Response{gap}Description": text,
        }
    )


@blueprint.route("/pulltransactions/v1/query", methods=["GET", "POST"])
def query() -> ResponseReturnValue:
    tokens.require()
    world = here()
    body = request.args.to_dict() if request.method == "GET" and not request.data else fields.json_body()
    fault = world.faults.draw("pull", many_phones=True)
    disturbances.before(fault, slow=True)
    shortcode = _own_shortcode(world, body)
    start, end = _instant(body, "StartDate"), _instant(body, "EndDate")
    offset = int(fields.digits(body, "OffSetValue", r"\d{1,7}")) if "OffSetValue" in body else 0
    if start > end:
        raise invalid("StartDate")
    disturbances.after(fault)
    if not world.store.row("SELECT 1 FROM pull_registrations WHERE shortcode = ?", shortcode):
        return _nothing("ShortCode is not registered for Pull Transactions")
    found = _rows(world, shortcode, start, end, fault)
    page = found[offset : offset + world.switches.pull_page_size]
    if not page:
        return _nothing("No transactions found")
    size = world.switches.pull_page_size
    return jsonify(
        ResponseRefID=request_id(),
        ResponseCode="1000",
        ResponseMessage="Success",
        CurrentPage=offset // size + 1,
        PageSize=size,
        TotalPages=-(-len(found) // size),
        TotalRecords=len(found),
        Response=[[_line(world, row) for row in page]],
    )


def _rows(world: World, shortcode: str, start: float, end: float, fault: Fault) -> list[sqlite3.Row]:
    """Payments of the window, oldest first. `drop` hides them, of one phone only when the fault names one."""
    start = max(start, world.clock.now() - WINDOW_SECONDS)
    rows = world.store.rows(
        "SELECT * FROM payments WHERE kind = ? AND shortcode = ?"
        " AND completed_at >= ? AND completed_at < ? ORDER BY id",
        wallet.PAYMENT,
        shortcode,
        start,
        # The end is written in whole seconds and means that whole second.
        end + 1,
    )
    shown: list[sqlite3.Row] = []
    for row in rows:
        touched = not fault.phone or row["msisdn"] == fault.phone
        copies = 1 if not touched else 0 if fault.drop else fault.duplicate + 1
        shown.extend([row] * copies)
    return shown


def _line(world: World, row: sqlite3.Row) -> dict[str, Any]:
    when = eat(row["completed_at"]).replace(microsecond=0)
    utc = when.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {
        "transactionId": row["receipt"],
        "trxDate": utc if world.switches.pull_utc_dates else when.isoformat(),
        "msisdn": int(row["msisdn"]),
        "sender": row["name"],
        "transactiontype": "c2b-pay-bill-debit",
        "billreference": row["account"],
        "amount": money.plain(row["amount_cents"]),
        "organizationname": world.settings.organisation,
    }


def _nothing(message: str) -> ResponseReturnValue:
    """1001 says "no rows" and "it failed" alike, with HTTP 200: the provider does not tell them apart."""
    return jsonify(ResponseRefID=request_id(), ResponseCode="1001", ResponseMessage=message, Response=[])


def _own_shortcode(world: World, body: fields.Body) -> str:
    shortcode = fields.digits(body, "ShortCode")
    if shortcode != world.settings.shortcode:
        raise DarajaError("500.001.1001", "Merchant does not exist")
    return shortcode


def _instant(body: fields.Body, field: str) -> float:
    value = fields.text(body, field, most=19)
    try:
        return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=EAST_AFRICA).timestamp()
    except ValueError:
        raise invalid(field) from None
