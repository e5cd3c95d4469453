"""What a hop did, once: results of its effects and PIN checks, so that the same hop again does nothing."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base


class HopResult(Base):
    """The result of one effect or PIN check of one hop. `key` is the hop's own, hashed with its effect."""

    __tablename__ = "hop_results"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    result: Mapped[Any] = mapped_column(JSONB)
