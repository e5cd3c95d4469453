"""Statements as the organisation portal exports them, written cell by cell."""

import csv
import io
from datetime import datetime

HEADER = [
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
]
PREAMBLE = [
    ["Organization Name", "HABA FUND"],
    ["Short Code", "174379"],
    ["Time Period", "From 22-11-2026"],
    [],
]
DAY_FIRST, YEAR_FIRST = "%d-%m-%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S"
AT = datetime(2026, 11, 22, 10, 13, 57)  # noqa: DTZ001 -- as the portal writes it, without a zone


def row(
    receipt: str = "RKL51ZDR4F",
    *,
    paid_in: str = "",
    withdrawn: str = "",
    reason: str = "Pay Bill Online",
    details: str = "Pay Bill from 254708374149 - JANE DOE Acc. 400000012",
    status: str = "Completed",
    at: str = AT.strftime(DAY_FIRST),
    party: str = "254708374149 - JANE DOE",
    linked: str = "",
    account: str = "400000012",
    balance: str = "1,168.00",
) -> list[str]:
    return [
        receipt, at, at, details, status, paid_in, withdrawn, balance, "true", reason, party, linked, account
    ]  # fmt: skip


PAYMENT = row(paid_in="1,168.00")
CHARGE = row(
    withdrawn="-23.00",
    reason="Business Pay Bill Charge",
    details="Pay Bill Charge",
    party="",
    account="",
    balance="1,145.00",
)
SETTLEMENT = row(
    "RKL51ZDR5G",
    withdrawn="-1,000.00",
    reason="Withdraw Funds to Bank",
    details="Organization Settle to Bank",
    party="KCB BANK",
    account="",
    balance="145.00",
)
FAILED = row("RKL51ZDR6H", paid_in="500.00", status="Failed")
TOTALS = ["Totals", "", "", "", "", "1,168.00", "-1,023.00", *[""] * 6]
ROWS = [PAYMENT, CHARGE, SETTLEMENT, FAILED]


def export(
    rows: list[list[str]] = ROWS,
    *,
    preamble: list[list[str]] = PREAMBLE,
    header: list[str] = HEADER,
    totals: list[str] | None = TOTALS,
) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([*preamble, header, *rows])
    if totals is not None:
        writer.writerow(totals)
    return out.getvalue().encode()
