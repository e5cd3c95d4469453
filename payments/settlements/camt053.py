"""A bank's statement as ISO 20022 camt.053 (bank to customer statement), any version of it."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from core.errors import InvalidValue
from core.money import Money, cents_from_text
from payments.settlements.model import BankEntry, BankStatement, first_day, of_one_account
from payments.wallets.statements import Oddity, StatementRefused

_ENTRY = re.compile(rb"<(?:[A-Za-z0-9]+:)?Ntry[\s>]")
_BOOKED = "BOOK"


def is_camt053(head: bytes) -> bool:
    """Whether a file begins like a camt.053."""
    return head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") and b"camt.053" in head


def read_camt053(content: bytes) -> tuple[BankStatement, ...]:
    """Read one file, of one statement or several. Raises StatementRefused: then none is to be believed."""
    try:
        root = fromstring(content, forbid_dtd=True)
    except ParseError as error:
        raise StatementRefused([Oddity(error.position[0], "not XML")]) from error
    except DefusedXmlException as error:
        raise StatementRefused([Oddity(1, "XML with a document type, which no statement has")]) from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    lines = _lines_of_entries(content)
    statements = tuple(_Reading(element, lines).statement() for element in root.iter("Stmt"))
    if not statements:
        raise StatementRefused([Oddity(1, "there is no statement (Stmt)")])
    return of_one_account(statements)


def _lines_of_entries(content: bytes) -> Iterator[int]:
    line, counted_to = 1, 0
    for entry in _ENTRY.finditer(content):
        line += content.count(b"\n", counted_to, entry.start())
        counted_to = entry.start()
        yield line


class _Reading:
    """One statement; `lines` are those on which the entries of the file begin, from its first on."""

    def __init__(self, element: Element, lines: Iterator[int]) -> None:
        self._element = element
        self._lines = lines
        self._oddities: list[Oddity] = []

    def statement(self) -> BankStatement:
        account = _text(self._element, "Acct/Id/IBAN") or _text(self._element, "Acct/Id/Othr/Id")
        balances = {_text(one, "Tp/CdOrPrtry/Cd"): one for one in self._element.findall("Bal")}
        faults = [] if account else [Oddity(1, "no account (Acct/Id)")]
        faults += [Oddity(1, f"no balance {code}") for code in ("OPBD", "CLBD") if code not in balances]
        if faults:
            raise StatementRefused(faults)
        entries = self._entries()
        try:
            opening, closing = _signed(balances["OPBD"]), _signed(balances["CLBD"])
            opened_on, last_on = (_day(balances[code], "Dt") for code in ("OPBD", "CLBD"))
        except InvalidValue as error:
            raise StatementRefused([Oddity(1, f"a balance: {error}")]) from error
        moved = sum(entry.amount.amount_cents for entry in entries)
        if opening.amount_cents + moved != closing.amount_cents:
            fault = "the closing balance is not the opening one plus the entries"
            raise StatementRefused([*self._oddities, Oddity(1, fault)])
        first_on = first_day(opened_on, last_on)
        return BankStatement(account, first_on, last_on, tuple(entries), tuple(self._oddities))

    def _entries(self) -> list[BankEntry]:
        entries = []
        for element in self._element.findall("Ntry"):
            number = next(self._lines, 1)
            status = _text(element, "Sts/Cd") or _text(element, "Sts")
            if status != _BOOKED:
                self._oddities.append(Oddity(number, "not booked yet"))
                continue
            try:
                entries.append(_entry(element))
            except InvalidValue as error:
                self._oddities.append(Oddity(number, str(error)))
        return entries


def _entry(element: Element) -> BankEntry:
    named = ("NtryDtls/TxDtls/Refs/EndToEndId", "NtryDtls/TxDtls/Refs/InstrId", "AddtlNtryInf")
    words = [_text(element, path) for path in named]
    words += [found.text or "" for found in element.findall("NtryDtls/TxDtls/RmtInf/Ustrd")]
    return BankEntry(
        booked_on=_day(element, "BookgDt"),
        amount=_signed(element),
        reference=_text(element, "AcctSvcrRef") or _text(element, "NtryRef"),
        text=" ".join(" ".join(words).split()),
    )


def _signed(element: Element) -> Money:
    amount = element.find("Amt")
    if amount is None or not amount.text:
        raise InvalidValue("no amount")
    try:
        cents = cents_from_text(str(Decimal(amount.text.strip())))
    except InvalidOperation as error:
        raise InvalidValue("the amount is not a number") from error
    sign = {"CRDT": 1, "DBIT": -1}.get(_text(element, "CdtDbtInd"))
    if sign is None:
        raise InvalidValue("neither credit nor debit")
    return Money(sign * cents, amount.get("Ccy", ""))


def _day(element: Element, name: str) -> date:
    text = _text(element, f"{name}/Dt") or _text(element, f"{name}/DtTm")
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise InvalidValue("no date") from error


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
