"""That a house goes on with what its data mean: its country, its money and its clock are kept beside them.

With another FUND_REGION the shillings of one country are told as those of another, and with another FUND_ZONE
payments change their days. Neither looks like a fault.
"""

from typing import Final

from sqlalchemy import String, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.database import Base
from core.settings import Settings

_CURRENCY: Final = "FUND_CURRENCY"
_NAMES: Final = ("FUND_REGION", _CURRENCY, "FUND_ZONE")
# By name: no room is known here.
_ANYBODY: Final = text("SELECT EXISTS (SELECT FROM members)")
_MONEY: Final = text("SELECT currency FROM receipts LIMIT 1")


class FixedSetting(Base):
    """What a setting was when the data began."""

    __tablename__ = "fixed_settings"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(80))


def settings_unlike(session: Session, settings: Settings) -> list[str]:
    """The settings that are not what this database was written with, as they were: `FUND_REGION=UG`.

    None while nobody has joined: a house may still be of any country. Of data older than what is kept here,
    the money tells.
    """
    if not session.scalar(_ANYBODY):
        return []
    kept, ours = _kept(session), _ours(settings)
    if _CURRENCY not in kept and (currency := session.scalar(_MONEY)):
        kept[_CURRENCY] = str(currency)
    return sorted(f"{name}={value}" for name, value in kept.items() if ours.get(name, value) != value)


def keep_settings(session: Session, settings: Settings) -> None:
    """Keep what the data begin with; while nobody has joined, what they would begin with now.

    For a process that stands: its settings were found to fit each other and the rules of the country.
    """
    kept, ours = _kept(session), _ours(settings)
    if kept == ours:
        return
    statement = insert(FixedSetting).values([{"name": name, "value": value} for name, value in ours.items()])
    if session.scalar(_ANYBODY):
        session.execute(statement.on_conflict_do_nothing())
    else:
        newer = {"value": statement.excluded.value}
        session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=newer))


def _kept(session: Session) -> dict[str, str]:
    return {row.name: row.value for row in session.scalars(select(FixedSetting))}


def _ours(settings: Settings) -> dict[str, str]:
    return {name: str(getattr(settings, name.lower())) for name in _NAMES}
