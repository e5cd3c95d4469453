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
    """One movement of money. `business_key` makes it happen once; `corrects_id` names what it puts right.

    `float_id` and `float_cents` repeat its posting on a wallet's float, so that a day is added up from
    transfers alone; the database refuses postings that say otherwise. Empty where there is none, and in
    transfers that are older than this: their postings tell.
    """

    __tablename__ = "ledger_transfers"
    __table_args__ = (
        Index("ix_ledger_transfers_corrects", "corrects_id", postgresql_where="corrects_id IS NOT NULL"),
        CheckConstraint("(float_id IS NULL) = (float_cents IS NULL) AND float_cents <> 0", name="float"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    business_key: Mapped[str] = mapped_column(String(160), unique=True)
    reason: Mapped[str] = mapped_column(String(40))
    corrects_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("ledger_transfers.id"))
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    float_id: Mapped[int | None] = mapped_column(BigInteger)
    float_cents: Mapped[int | None] = mapped_column(BigInteger)


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


# Accounts are looked up one by one, whatever a planner thinks: of tables that were never counted, or counted
# when they were empty, it thinks that to read every account for each posting is cheaper.
REFUSE_UNBALANCED = """
CREATE OR REPLACE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM ledger_transfers t
    JOIN ledger_postings p ON p.transfer_id = t.id
    CROSS JOIN LATERAL (SELECT id, kind, currency FROM ledger_accounts WHERE id = p.account_id LIMIT 1) a
    WHERE t.id = NEW.transfer_id GROUP BY a.currency
    HAVING sum(p.amount_cents) <> 0
      OR bool_or((a.kind = 'wallet_float') <> (a.id = t.float_id AND p.amount_cents = t.float_cents))
      OR max(t.float_id) IS NOT NULL AND count(*) FILTER (WHERE a.kind = 'wallet_float') <> 1
  ) THEN
    RAISE EXCEPTION 'transfer % does not sum to zero, or says something else of its float', NEW.transfer_id
      USING ERRCODE = 'check_violation';
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
