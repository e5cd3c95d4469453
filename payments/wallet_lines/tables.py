"""Lines of wallets' own lists, and the runs that fetched them."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, Identity, Index, PrimaryKeyConstraint, String, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, Encrypted, append_only


class StoredLine(Base):
    """One line, kept once by its `row_key`. Money in is positive. `linked_receipt`: the payment it reverses.

    A payment may have two, the pull's and the statement's: payments are counted by their receipts. So may a
    reversal, which each of the two words in its own way: counted by receipt and amount.

    `particulars` is JSON: `account`, `payer`, `name`, `details`; empty when the receipt beside it knew all of
    it before. A row key names its receipt; the index begins with it, and so finds lines by receipt too.
    `id` is a number in the order of coming. Nothing is looked up by it, so no index costs what another
    million lines cost: two of them would be dearer than the lines.
    """

    __tablename__ = "wallet_lines"
    __table_args__ = (
        PrimaryKeyConstraint("receipt", "row_key", "shortcode", "wallet"),
        # Lines come in about the order of their times: ranges of pages are index enough. A range is summed up
        # when it is full: until then every look at a day reads it, and a vacuum comes after a fifth of all.
        Index(
            "ix_wallet_lines_at",
            "at",
            postgresql_using="brin",
            postgresql_with={"autosummarize": "on"},
        ),
        Index(
            "ix_wallet_lines_other",
            "wallet",
            "shortcode",
            "at",
            postgresql_where=text("kind <> 'credit'"),
        ),
        Index("ix_wallet_lines_linked", "linked_receipt", postgresql_where=text("linked_receipt <> ''")),
        # What may have to be applied: what a pull told, and of a statement of known payments next to nothing.
        Index(
            "ix_wallet_lines_telling",
            "wallet",
            "shortcode",
            "at",
            postgresql_where=text("particulars IS NOT NULL"),
        ),
        Index(
            "ix_wallet_lines_reversals",
            "wallet",
            "shortcode",
            "at",
            postgresql_where=text("kind = 'reversal'"),
        ),
        # What somebody moved by hand, and our own payouts: few, beside charges by the million.
        Index(
            "ix_wallet_lines_unnamed",
            "wallet",
            "shortcode",
            "at",
            postgresql_where=text("kind = 'other'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    row_key: Mapped[str] = mapped_column(String(160))
    receipt: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(12))
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    balance_after_cents: Mapped[int | None] = mapped_column(BigInteger)
    linked_receipt: Mapped[str] = mapped_column(String(40), server_default="", default="")
    payer_index: Mapped[str | None] = mapped_column(String(64))
    particulars: Mapped[str | None] = mapped_column(Encrypted("wallet_lines.particulars"))
    source: Mapped[str] = mapped_column(String(12))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class PullRun(Base):
    """One attempt to read a wallet's list. Only a complete one proves that something is not on it."""

    __tablename__ = "pull_runs"
    __table_args__ = (
        Index(
            "ix_pull_runs_complete",
            "wallet",
            "shortcode",
            "window_end",
            postgresql_where=text("complete"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    window_start: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    window_end: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    complete: Mapped[bool]
    pages: Mapped[int]
    lines: Mapped[int]
    error: Mapped[str] = mapped_column(String(300), server_default="", default="")
    finished_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


append_only(StoredLine)
append_only(PullRun)


class FloatReading(Base):
    """What a shortcode held after the newest payment that named it: the next one must fit to it.

    `gaps` and `last_gap_*` tell of messages that were lost, for whoever looks into it; they prove no day.
    """

    __tablename__ = "float_readings"

    wallet: Mapped[str] = mapped_column(String(20), primary_key=True)
    shortcode: Mapped[str] = mapped_column(String(20), primary_key=True)
    receipt: Mapped[str] = mapped_column(String(40))
    balance_cents: Mapped[int] = mapped_column(BigInteger)
    paid_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    gaps: Mapped[int] = mapped_column(server_default="0", default=0)
    last_gap_cents: Mapped[int | None] = mapped_column(BigInteger)
    last_gap_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class HeldAmount(Base):
    """What the wallet says one of our accounts holds, each time it was asked. It proves no day."""

    __tablename__ = "held_amounts"
    __table_args__ = (Index("ix_held_amounts_at", "wallet", "shortcode", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    account: Mapped[str] = mapped_column(String(40))
    available_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


append_only(HeldAmount)
