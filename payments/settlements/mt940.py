"""A bank's statement as SWIFT MT940 (customer statement message), read by the library mt-940."""

import logging
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import mt940

from core.money import Money
from payments.settlements.model import BankEntry, BankStatement, first_day, of_one_account
from payments.wallets.statements import Oddity, StatementRefused

# It would log what it cannot read, and that may name people.
logging.getLogger("mt940").setLevel(logging.CRITICAL + 1)
_ENTRY = re.compile(r"^:61:", re.MULTILINE)
# With the blocks of the envelope that some banks leave around it.
_MESSAGE = re.compile(r"^(?:\{[^\n]*\n)*:20:", re.MULTILINE)
_OPENING = re.compile(r"^:60F:", re.MULTILINE)
_NEEDED = {
    "account_identification": ":25: (the account)",
    "final_opening_balance": ":60F: (the opening balance)",
    "final_closing_balance": ":62F: (the closing balance)",
}


def is_mt940(head: bytes) -> bool:
    """Whether a file begins like an MT940."""
    return re.match(rb"\s*(\{1:|:20:)", head) is not None


def read_mt940(content: bytes) -> tuple[BankStatement, ...]:
    """Read one file, of one statement or several. Raises StatementRefused: then none is to be believed."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise StatementRefused([Oddity(1, "the file is not text")]) from None
    return of_one_account(tuple(_statement(before, part) for before, part in _parts(text)))


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Statements with the number of lines before each; the pages of one, a message each, stay together."""
    starts = [match.start() for match in _MESSAGE.finditer(text)]
    messages = [text[start:end] for start, end in pairwise([*starts, len(text)])]
    firsts = [start for start, message in zip(starts, messages, strict=True) if _OPENING.search(message)]
    for start, end in pairwise([0, *firsts[1:], len(text)]):
        yield text.count("\n", 0, start), text[start:end]


def _statement(lines_before: int, text: str) -> BankStatement:
    try:
        return _read(text)
    except StatementRefused as refused:
        faults = [Oddity(lines_before + fault.line_number, fault.reason) for fault in refused.faults]
        raise StatementRefused(faults) from refused


def _read(text: str) -> BankStatement:
    written = [text.count("\n", 0, match.start()) + 1 for match in _ENTRY.finditer(text)]
    try:
        # Without it money that was booked back would count as money that came.
        found = mt940.parse(text, options=mt940.Options(reversal_sign=True))
    except Exception as error:  # the library raises what its parsers happen to raise
        fault = Oddity(_first_unread(written, text), "cannot be read as MT940")
        raise StatementRefused([fault]) from error
    faults = [Oddity(1, f"there is no {name}") for key, name in _NEEDED.items() if key not in found.data]
    entries = [one.data for one in found if "amount" in one.data]
    if len(entries) != len(written):
        faults.append(Oddity(_first_unread(written, text), f"{len(written)} entries, {len(entries)} read"))
    if faults:
        raise StatementRefused(faults)
    opening, closing = found.data["final_opening_balance"], found.data["final_closing_balance"]
    moved = sum((one["amount"].amount for one in entries), Decimal(0))
    if opening.amount.amount + moved != closing.amount.amount:
        line = text.count("\n", 0, text.index(":62F:")) + 1
        raise StatementRefused([Oddity(line, "the closing balance is not the opening one plus the entries")])
    return BankStatement(
        account=str(found.data["account_identification"]).strip(),
        first_on=first_day(_day(opening.date), _day(closing.date)),
        last_on=_day(closing.date),
        entries=tuple(_entry(one) for one in entries),
    )


def _first_unread(written: list[int], text: str) -> int:
    lines = text.splitlines()
    form = re.compile(r":61:[0-9]{6}([0-9]{4})?R?[CD][A-Z]?[0-9]+,[0-9]{0,2}[NFS]")
    return next((number for number in written if not form.match(lines[number - 1])), 1)


def _day(found: Any) -> date:
    return date(found.year, found.month, found.day)


def _entry(one: dict[str, Any]) -> BankEntry:
    amount = one["amount"]
    cents = int(amount.amount.scaleb(2))
    references = [str(one.get(name) or "") for name in ("customer_reference", "extra_details")]
    text = " ".join([*references, str(one.get("transaction_details") or "")])
    return BankEntry(
        booked_on=_day(one.get("entry_date") or one["date"]),
        amount=Money(cents, str(amount.currency)),
        reference=str(one.get("bank_reference") or one.get("customer_reference") or ""),
        text=" ".join(text.split()),
    )
