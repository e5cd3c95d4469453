"""Imports of statement files and the sealed pieces of those that are not read yet."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base, Encrypted


class StatementImport(Base):
    """One file. `faults` say why it was refused whole, `oddities` which lines were set aside.

    `held`: it waits for a second person. `alone_lines` and `alone_cents` are what nobody but this file told
    of when it was read, `alone_largest` the first of those lines (`receipt`, `kind`, `amount_cents`, `at`).
    `alone_accounts` is JSON: `of_largest`, the masked account of each of those, and `most`, the accounts to
    which most goes (`account`, `lines`, `cents`). `alone_before_cents`: what counted beside them when it was
    held, told alone by earlier files of the same person (`adding_up`).
    `by`, `released_by` and `refused_by` are audit actors; who handed it in may refuse it, never release it.
    """

    __tablename__ = "statement_imports"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'reading', 'held', 'done', 'refused', 'failed')", name="state"),
        CheckConstraint("released_by IS NULL OR released_by <> by", name="two_people"),
        Index("ix_statement_imports_at", "at", "id"),
        Index("ix_statement_imports_digest", "digest"),
        Index("ix_statement_imports_held", "at", postgresql_where=text("state = 'held'")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    wallet: Mapped[str] = mapped_column(String(20))
    shortcode: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(120))
    digest: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10))
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    lines_total: Mapped[int] = mapped_column(server_default="0", default=0)
    lines_kept: Mapped[int] = mapped_column(server_default="0", default=0)
    lines_new: Mapped[int] = mapped_column(server_default="0", default=0)
    applied: Mapped[int] = mapped_column(server_default="0", default=0)
    not_completed: Mapped[int] = mapped_column(server_default="0", default=0)
    repeated: Mapped[int] = mapped_column(server_default="0", default=0)
    oddities_total: Mapped[int] = mapped_column(server_default="0", default=0)
    oddities: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]", default=list)
    faults: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]", default=list)
    first_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    alone_lines: Mapped[int] = mapped_column(server_default="0", default=0)
    alone_cents: Mapped[int] = mapped_column(BigInteger, server_default="0", default=0)
    alone_before_cents: Mapped[int] = mapped_column(BigInteger, server_default="0", default=0)
    alone_largest: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]", default=list)
    alone_accounts: Mapped[str | None] = mapped_column(Encrypted("statement_imports.alone_accounts"))
    released_by: Mapped[str | None] = mapped_column(String(80))
    released_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    refused_by: Mapped[str | None] = mapped_column(String(80))
    refused_reason: Mapped[str] = mapped_column(String(400), server_default="", default="")


class StatementPiece(Base):
    """A piece of a file, base64, sealed; deleted as soon as the file was read."""

    __tablename__ = "statement_pieces"

    import_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("statement_imports.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    content: Mapped[str] = mapped_column(Encrypted("statement_pieces.content"))
