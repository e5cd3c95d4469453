"""The ledger's tables. The database refuses changes to postings and transfers that do not sum to zero."""

import uuid
from datetime import datetime

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
    event,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, append_only
from payments.ledger.model import AccountKind

_KINDS = ", ".join(f"'{kind}'" for kind in AccountKind)


class LedgerAccount(Base):
    """An account. `key` is a member id, or `<wallet>:<shortcode>`."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        UniqueConstraint("kind", "key", "currency"),
        CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(80))
    currency: Mapped[str] = mapped_column(String(3))


class LedgerTransfer(Base):
    """One movement of money. `business_key` makes it happen once; `corrects_id` names what it puts right."""

    __tablename__ = "ledger_transfers"
    __table_args__ = (
        Index("ix_ledger_transfers_corrects", "corrects_id", postgresql_where="corrects_id IS NOT NULL"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    business_key: Mapped[str] = mapped_column(String(160), unique=True)
    reason: Mapped[str] = mapped_column(String(40))
    corrects_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("ledger_transfers.id"))
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class LedgerPosting(Base):
    """One leg of a transfer: positive debit, negative credit, in cents."""

    __tablename__ = "ledger_postings"
    __table_args__ = (CheckConstraint("amount_cents <> 0", name="amount"),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    transfer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ledger_transfers.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ledger_accounts.id"), index=True)
    amount_cents: Mapped[int] = mapped_column(BigInteger)


class LedgerBalance(Base):
    """The sum of an account's postings, kept beside them. A busy account's sum is spread over stripes."""

    __tablename__ = "ledger_balances"

    account_id: Mapped[int] = mapped_column(ForeignKey("ledger_accounts.id"), primary_key=True)
    stripe: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    balance_cents: Mapped[int] = mapped_column(BigInteger)


REFUSE_UNBALANCED = """
CREATE OR REPLACE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id
    WHERE p.transfer_id = NEW.transfer_id GROUP BY a.currency HAVING sum(p.amount_cents) <> 0
  ) THEN
    RAISE EXCEPTION 'transfer % does not sum to zero', NEW.transfer_id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
BALANCED_TRIGGER = (
    "CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger_postings "
    "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced()"
)

append_only(LedgerTransfer)
append_only(LedgerPosting)
for _statement in (REFUSE_UNBALANCED.replace("%", "%%"), BALANCED_TRIGGER):
    _ddl = DDL(_statement)  # type: ignore[no-untyped-call]  # SQLAlchemy has not typed its constructor
    event.listen(LedgerPosting.__table__, "after_create", _ddl)
