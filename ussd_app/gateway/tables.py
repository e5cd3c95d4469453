"""What the gateway keeps in the database: what hops did, menus that sessions began with, and the funnel."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime

from core.database import Base


class HopResult(Base):
    """The result of one effect or PIN check of one hop, or that its caller had no PIN. `key` is the hop's,
    hashed with the name of what it was; a PIN check's has a keyed hash of the screen and the PIN in it.
    """

    __tablename__ = "hop_results"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    result: Mapped[Any] = mapped_column(JSONB)


class MenuDefinition(Base):
    """A menu definition as it was served, by the hash of its graph."""

    __tablename__ = "menu_definitions"

    hash: Mapped[str] = mapped_column(String(12), primary_key=True)
    packed: Mapped[str] = mapped_column(Text)
    first_seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class MenuFunnel(Base):
    """How callers fared on one screen on one of the fund's days. Counts only, nobody's data.

    `left` counts every way on: an answer, Back, Home, help, a locked PIN. Who entered and neither left nor
    reached an end there dropped out, but where nothing was asked (`Screen.asks_nothing`). `milliseconds` is
    the sum of the time that `timed` answers took.
    """

    __tablename__ = "menu_funnel"

    day: Mapped[date] = mapped_column(primary_key=True)
    screen: Mapped[str] = mapped_column(String(60), primary_key=True)
    graph: Mapped[str] = mapped_column(String(12), primary_key=True)
    language: Mapped[str] = mapped_column(String(8), primary_key=True)
    network: Mapped[str] = mapped_column(String(20), primary_key=True)
    entered: Mapped[int] = mapped_column(server_default="0")
    answered: Mapped[int] = mapped_column(server_default="0")
    invalid: Mapped[int] = mapped_column(server_default="0")
    left: Mapped[int] = mapped_column(server_default="0")
    abandoned: Mapped[int] = mapped_column(server_default="0")
    resumed: Mapped[int] = mapped_column(server_default="0")
    ended: Mapped[int] = mapped_column(server_default="0")
    timed: Mapped[int] = mapped_column(server_default="0")
    milliseconds: Mapped[int] = mapped_column(BigInteger, server_default="0")
