"""Posting to the ledger: once per business key, balances kept in the same transaction."""

import uuid
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.errors import InvalidValue
from core.ids import new_id
from core.money import Money
from payments.ledger.model import Account, AccountKind, ConflictingTransfer, Leg, Reason
from payments.ledger.tables import LedgerAccount, LedgerBalance, LedgerPosting, LedgerTransfer

# A shortcode's float is touched by every payment; spread over stripes its row lock is no bottleneck.
_STRIPES = 8


def post(
    session: Session,
    business_key: str,
    legs: Sequence[Leg],
    *,
    reason: Reason,
    occurred_at: datetime,
    now: datetime,
    corrects: str | None = None,
) -> bool:
    """Record a transfer. False when this business key was posted before with the same legs.

    `corrects` is the business key of the transfer this one puts right. Raises InvalidValue for legs that do
    not sum to zero, and ConflictingTransfer when the key was posted with other legs.
    """
    _check(legs)
    ids = _account_ids(session, [leg.account for leg in legs])
    float_id, float_cents = _on_float(legs, ids)
    transfer_id = session.scalar(
        insert(LedgerTransfer)
        .values(
            id=new_id(),
            business_key=business_key,
            reason=reason,
            corrects_id=_id_of(corrects) if corrects else None,
            occurred_at=occurred_at,
            recorded_at=now,
            float_id=float_id,
            float_cents=float_cents,
        )
        .on_conflict_do_nothing(index_elements=["business_key"])
        .returning(LedgerTransfer.id)
    )
    if transfer_id is None:
        _same_as_before(session, business_key, legs)
        return False
    session.execute(
        plain_insert(LedgerPosting).values(
            [
                {"transfer_id": transfer_id, "account_id": ids[leg.account], "amount_cents": leg.amount_cents}
                for leg in legs
            ]
        )
    )
    _add_to_balances(
        session, business_key, [(leg.account, ids[leg.account], leg.amount_cents) for leg in legs]
    )
    return True


def was_posted(session: Session, business_key: str) -> bool:
    """Whether there is a transfer with this business key, whatever was put right about it since."""
    found = select(LedgerTransfer.id).where(LedgerTransfer.business_key == business_key)
    return session.scalar(found) is not None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer that corrects no other one."""

    business_key: str
    legs: tuple[Leg, ...]
    reason: Reason
    occurred_at: datetime


def post_many(session: Session, transfers: Sequence[Transfer], *, now: datetime) -> dict[Account, int]:
    """Record transfers that were never posted, by a handful of statements; balances of accounts in one piece.

    The answer has the new sums of members' accounts in cents, positive debit. Raises InvalidValue as `post`
    does, and ConflictingTransfer when any business key was posted before.
    """
    for transfer in transfers:
        _check(transfer.legs)
    connection = session.connection()
    ids = [new_id() for _ in transfers]
    legs = [
        (id_, transfer, leg) for id_, transfer in zip(ids, transfers, strict=True) for leg in transfer.legs
    ]
    accounts = _account_ids(session, list({leg.account for _, _, leg in legs}))
    floats = [_on_float(transfer.legs, accounts) for transfer in transfers]
    kept = connection.exec_driver_sql(
        _INSERT_TRANSFERS,
        {
            "ids": ids,
            "keys": [transfer.business_key for transfer in transfers],
            "reasons": [transfer.reason for transfer in transfers],
            "occurred": [transfer.occurred_at for transfer in transfers],
            "floats": [float_id for float_id, _ in floats],
            "float_cents": [cents for _, cents in floats],
            "now": now,
        },
    ).rowcount
    if kept != len(transfers):
        raise ConflictingTransfer("a transfer of this batch was posted before")
    connection.exec_driver_sql(
        _INSERT_POSTINGS,
        {
            "transfers": [id_ for id_, _, _ in legs],
            "accounts": [accounts[leg.account] for _, _, leg in legs],
            "cents": [leg.amount_cents for _, _, leg in legs],
        },
    )
    sums: dict[tuple[int, int], int] = defaultdict(int)
    for _, transfer, leg in legs:
        sums[accounts[leg.account], _stripe(leg.account, transfer.business_key)] += leg.amount_cents
    # Everyone locks balances in the same order, so that nobody waits in a circle.
    ordered = sorted(sums.items())
    rows = connection.exec_driver_sql(
        _ADD_TO_BALANCES,
        {
            "accounts": [account for (account, _), _ in ordered],
            "stripes": [stripe for (_, stripe), _ in ordered],
            "cents": [cents for _, cents in ordered],
        },
    )
    by_id = {row.account_id: row.balance_cents for row in rows}
    return {one: by_id[id_] for one, id_ in accounts.items() if one.kind is AccountKind.MEMBER}


_INSERT_TRANSFERS = """
INSERT INTO ledger_transfers (id, business_key, reason, occurred_at, recorded_at, float_id, float_cents)
SELECT u.id, u.key, u.reason, u.occurred_at, %(now)s, u.float_id, u.float_cents
FROM unnest(%(ids)s::uuid[], %(keys)s::text[], %(reasons)s::text[], %(occurred)s::timestamptz[],
  %(floats)s::bigint[], %(float_cents)s::bigint[]) AS u (id, key, reason, occurred_at, float_id, float_cents)
ORDER BY u.key
ON CONFLICT (business_key) DO NOTHING
"""
_INSERT_POSTINGS = """
INSERT INTO ledger_postings (transfer_id, account_id, amount_cents)
SELECT * FROM unnest(%(transfers)s::uuid[], %(accounts)s::bigint[], %(cents)s::bigint[])
"""
_ADD_TO_BALANCES = """
INSERT INTO ledger_balances AS kept (account_id, stripe, balance_cents)
SELECT * FROM unnest(%(accounts)s::bigint[], %(stripes)s::smallint[], %(cents)s::bigint[])
ON CONFLICT (account_id, stripe) DO UPDATE SET balance_cents = kept.balance_cents + excluded.balance_cents
RETURNING account_id, balance_cents
"""


def balance(session: Session, account: Account) -> int:
    """The sum of an account's postings in cents: positive debit, negative credit."""
    found = session.scalar(
        select(func.sum(LedgerBalance.balance_cents))
        .join(LedgerAccount, LedgerAccount.id == LedgerBalance.account_id)
        .where(
            LedgerAccount.kind == account.kind,
            LedgerAccount.key == account.key,
            LedgerAccount.currency == account.currency,
        )
    )
    return int(found or 0)


def savings(session: Session, member_id: uuid.UUID, currency: str = "KES") -> Money:
    """What a member has saved: a liability, so the negative of the account's sum."""
    return Money(-balance(session, Account.of_member(member_id, currency)), currency)


def _check(legs: Sequence[Leg]) -> None:
    if any(type(leg.amount_cents) is not int or leg.amount_cents == 0 for leg in legs):
        raise InvalidValue("a leg is a whole number of cents and not zero")
    if len({leg.account for leg in legs}) != len(legs) or len({leg.account.currency for leg in legs}) != 1:
        raise InvalidValue("the legs of a transfer are on different accounts of one currency")
    if sum(leg.account.kind is AccountKind.WALLET_FLOAT for leg in legs) > 1:
        raise InvalidValue("a transfer moves one float at most")
    if sum(leg.amount_cents for leg in legs) != 0:
        raise InvalidValue("the legs of a transfer sum to zero")


def _on_float(legs: Sequence[Leg], ids: dict[Account, int]) -> tuple[int | None, int | None]:
    """The account and the cents of the leg on a float; empty when there is none."""
    for leg in legs:
        if leg.account.kind is AccountKind.WALLET_FLOAT:
            return ids[leg.account], leg.amount_cents
    return None, None


def _id_of(business_key: str) -> object:
    return select(LedgerTransfer.id).where(LedgerTransfer.business_key == business_key).scalar_subquery()


def _same_as_before(session: Session, business_key: str, legs: Sequence[Leg]) -> None:
    rows = session.execute(
        select(LedgerAccount.kind, LedgerAccount.key, LedgerAccount.currency, LedgerPosting.amount_cents)
        .join(LedgerPosting, LedgerPosting.account_id == LedgerAccount.id)
        .join(LedgerTransfer, LedgerTransfer.id == LedgerPosting.transfer_id)
        .where(LedgerTransfer.business_key == business_key)
    )
    before = {Leg(Account(AccountKind(kind), key, currency), cents) for kind, key, currency, cents in rows}
    if before != set(legs):
        raise ConflictingTransfer(f"{business_key} was posted with other legs")


def _account_ids(session: Session, accounts: Sequence[Account]) -> dict[Account, int]:
    found = _known_ids(session, accounts)
    missing = sorted(set(accounts) - found.keys())
    if missing:
        values = [{"kind": a.kind, "key": a.key, "currency": a.currency} for a in missing]
        session.execute(insert(LedgerAccount).values(values).on_conflict_do_nothing())
        found |= _known_ids(session, missing)
    return found


def _known_ids(session: Session, accounts: Sequence[Account]) -> dict[Account, int]:
    rows = session.connection().exec_driver_sql(
        _FIND_ACCOUNTS,
        {
            "kinds": [account.kind for account in accounts],
            "keys": [account.key for account in accounts],
            "currencies": [account.currency for account in accounts],
        },
    )
    return {Account(AccountKind(kind), key, currency): id_ for id_, kind, key, currency in rows}


_FIND_ACCOUNTS = """
SELECT a.id, a.kind, a.key, a.currency
FROM unnest(%(kinds)s::text[], %(keys)s::text[], %(currencies)s::text[]) AS u (kind, key, currency)
JOIN ledger_accounts a ON (a.kind, a.key, a.currency) = (u.kind, u.key, u.currency)
"""


def _add_to_balances(
    session: Session, business_key: str, changes: Sequence[tuple[Account, int, int]]
) -> None:
    rows = [
        {"account_id": account_id, "stripe": _stripe(account, business_key), "balance_cents": amount_cents}
        for account, account_id, amount_cents in changes
    ]
    # Everyone locks balances in the same order, so that nobody waits in a circle.
    rows.sort(key=lambda row: (row["account_id"], row["stripe"]))
    statement = insert(LedgerBalance).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id", "stripe"],
            set_={"balance_cents": LedgerBalance.balance_cents + statement.excluded.balance_cents},
        )
    )


def _stripe(account: Account, business_key: str) -> int:
    return 0 if account.kind is AccountKind.MEMBER else zlib.crc32(business_key.encode()) % _STRIPES
