"""That a house goes on with what its data mean: its country, its money and its clock are kept beside them.

With another FUND_REGION the shillings of one country are told as those of another, and with another FUND_ZONE
payments change their days. Neither looks like a fault.
"""

from typing import Final

from sqlalchemy import String, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.database import Base
from core.settings import Settings

_NAMES: Final = ("FUND_REGION", "FUND_CURRENCY", "FUND_ZONE")


class FixedSetting(Base):
    """What a setting was when the data began."""

    __tablename__ = "fixed_settings"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(80))


def settings_unlike(session: Session, settings: Settings) -> list[str]:
    """The settings that are not what this database was written with, as they were: `FUND_REGION=UG`.

    What is new here is kept, unless another does not fit.
    """
    ours = {name: str(getattr(settings, name.lower())) for name in _NAMES}
    kept = {row.name: row.value for row in session.scalars(select(FixedSetting))}
    unlike = [f"{name}={value}" for name, value in kept.items() if ours.get(name, value) != value]
    if not unlike and (new := [{"name": name, "value": ours[name]} for name in ours.keys() - kept.keys()]):
        session.execute(insert(FixedSetting).values(new).on_conflict_do_nothing())
    return sorted(unlike)
