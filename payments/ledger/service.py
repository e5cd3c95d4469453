"""Posting to the ledger: once per business key, balances kept in the same transaction."""

import uuid
import zlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, tuple_
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
    transfer_id = session.scalar(
        insert(LedgerTransfer)
        .values(
            id=new_id(),
            business_key=business_key,
            reason=reason,
            corrects_id=_id_of(corrects) if corrects else None,
            occurred_at=occurred_at,
            recorded_at=now,
        )
        .on_conflict_do_nothing(index_elements=["business_key"])
        .returning(LedgerTransfer.id)
    )
    if transfer_id is None:
        _same_as_before(session, business_key, legs)
        return False
    ids = _account_ids(session, [leg.account for leg in legs])
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
    if sum(leg.amount_cents for leg in legs) != 0:
        raise InvalidValue("the legs of a transfer sum to zero")


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
    wanted = [(account.kind, account.key, account.currency) for account in accounts]
    columns = (LedgerAccount.kind, LedgerAccount.key, LedgerAccount.currency)
    rows = session.execute(select(LedgerAccount.id, *columns).where(tuple_(*columns).in_(wanted)))
    return {Account(AccountKind(kind), key, currency): id_ for id_, kind, key, currency in rows}


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
