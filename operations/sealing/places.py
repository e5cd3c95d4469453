"""Where the database keeps sealed values: read from the declarations of its tables, not from a list."""

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import JSONB

import core
import dashboard
import members
import messages
import payments
import registry
import ussd_app
from core.database import Base, Encrypted
from members.notices import PHONE_PLACE

_ROOMS: Final = (dashboard, members, messages, payments, registry, ussd_app)
# Fields of JSON that hold a sealed value, each with what it was sealed for. A sealed value in any other field
# is counted and not sealed anew.
FIELDS: Final = {"phone_sealed": PHONE_PLACE}


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column that is sealed for `place`; without a place it is JSON, with sealed values in it or none."""

    name: str
    place: str | None

    @property
    def is_json(self) -> bool:
        return self.place is None


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table and those of its columns that hold sealed values, or may."""

    name: str
    columns: tuple[SealedColumn, ...]


def sealed_tables() -> list[SealedTable]:
    """Every table of every room with a column that is sealed or JSON, by name."""
    _declare_all()
    tables = [
        SealedTable(table.name, tuple(_columns(table)))
        for table in sorted(Base.metadata.tables.values(), key=lambda table: table.name)
    ]
    return [table for table in tables if table.columns]


def _columns(table: Table) -> list[SealedColumn]:
    found = []
    for column in table.columns:
        if isinstance(column.type, Encrypted):
            found.append(SealedColumn(column.name, column.type.place))
        elif isinstance(column.type, JSONB):
            found.append(SealedColumn(column.name, None))
    return found


def _declare_all() -> None:
    """Import what declares tables: modules of `core`, and `tables` wherever it stands in a room."""
    for module in pkgutil.iter_modules(core.__path__, "core."):
        importlib.import_module(module.name)
    for room in _ROOMS:
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if module.name.endswith(".tables"):
                importlib.import_module(module.name)
