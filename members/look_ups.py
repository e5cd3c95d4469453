"""How many member numbers one phone may try in a day, since each answer shows a masked name."""

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from members.tables import NumberLookUpRow

NUMBERS_PER_DAY_MAX = 10


def may_look_up(session: Session, *, phone_index: str, number: str, day: date) -> bool:
    """Whether this phone may hear whose number this is; the same number again that day counts once."""
    of_today = (NumberLookUpRow.phone_index == phone_index, NumberLookUpRow.day == day)
    if session.get(NumberLookUpRow, (phone_index, day, number)) is not None:
        return True
    tried = session.scalar(select(func.count()).select_from(NumberLookUpRow).where(*of_today))
    if (tried or 0) >= NUMBERS_PER_DAY_MAX:
        return False
    # The same post may be worked twice at once: the second finds the row of the first.
    row = {"phone_index": phone_index, "day": day, "number": number}
    session.execute(insert(NumberLookUpRow).values(row).on_conflict_do_nothing())
    return True
