"""A bank's statement in values: entries of one account, with the period that it is complete for."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from core.money import Money
from payments.wallets.statements import Oddity, StatementRefused

_DIGEST_CHARACTERS = 24


@dataclass(frozen=True, slots=True)
class BankEntry:
    """One entry. Money in is positive. `reference`: the bank's own; `text`: what it says of the entry."""

    booked_on: date
    amount: Money
    reference: str
    text: str


@dataclass(frozen=True, slots=True)
class BankStatement:
    """All entries of an account from `first_on` to `last_on`, and entries that were set aside."""

    account: str
    first_on: date
    last_on: date
    entries: tuple[BankEntry, ...]
    oddities: tuple[Oddity, ...] = ()


def of_one_account(statements: tuple[BankStatement, ...]) -> tuple[BankStatement, ...]:
    """The statements of a file. Raises StatementRefused when they are of several accounts."""
    accounts = len({one.account for one in statements})
    if accounts > 1:
        # Days of one account would be taken for days of the other.
        raise StatementRefused([Oddity(1, f"statements of {accounts} accounts where one is expected")])
    return statements


def first_day(opened_on: date, closed_on: date) -> date:
    """The first day that a statement has all entries of, by the dates of its two balances.

    Banks date the opening balance by the closing that it was, the evening before; a few by the day that it
    opens. What may be either is not taken for a day that was listed.
    """
    return min(opened_on + timedelta(days=1), closed_on)


def entry_keys(statement: BankStatement) -> list[str]:
    """A key per entry that is the same in any file that lists it: equal entries of a day are numbered."""
    seen: Counter[str] = Counter()
    keys = []
    for entry in statement.entries:
        fields = (
            statement.account,
            entry.booked_on.isoformat(),
            str(entry.amount.amount_cents),
            entry.amount.currency,
            "".join(entry.reference.split()).casefold(),
            "".join(entry.text.split()).casefold(),
        )
        digest = hashlib.sha256("\x1f".join(fields).encode()).hexdigest()[:_DIGEST_CHARACTERS]
        seen[digest] += 1
        keys.append(f"{digest}:{seen[digest]}")
    return keys
