"""What the menus ask about every caller, read in one statement."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import bindparam, case, select
from sqlalchemy.orm import aliased

from core.phone import PhoneNumber
from members.consents import newest_answer
from members.model import Purpose, Status
from members.tables import MemberRow
from menus.facts import USUAL_AMOUNTS_MAX
from payments.contributions.service import usual_amounts_of

# What a caller sees of a membership whose papers staff are looking at is the same as while it is pending.
_SHOWN_STATUS: Final = {
    Status.ACTIVE: "active",
    Status.PENDING_VERIFICATION: "pending_verification",
    Status.NEEDS_REVIEW: "pending_verification",
    Status.DECEASED: "blocked",
    Status.CLOSED: "closed",
}
# A second membership of one person shows the number of the one that stayed.
_STAYED: Final = aliased(MemberRow)
_MERGED: Final = "merged"
CALLER: Final = select(
    case((MemberRow.merged_into.is_not(None), _MERGED), else_=MemberRow.status),
    MemberRow.language,
    case(
        (
            MemberRow.merged_into.is_not(None),
            select(_STAYED.number).where(_STAYED.id == MemberRow.merged_into).scalar_subquery(),
        ),
        else_=MemberRow.number,
    ),
    newest_answer(MemberRow.id, Purpose.REMINDERS),
    usual_amounts_of(MemberRow.id),
).where(MemberRow.phone_index == bindparam("phone_index"))


def read_cells(cells: tuple[str | None, ...] | None) -> tuple[Any, ...] | None:
    """A row of `CALLER` from its values as PostgreSQL writes them."""
    if cells is None:
        return None
    status, language, number, reminders, amounts = cells
    usual = [int(cents) for cents in (amounts or "{}")[1:-1].split(",") if cents]
    return status, language, number, reminders == "t", usual


def facts_of(
    row: tuple[Any, ...] | None, phone: PhoneNumber, allows: Callable[[int], bool]
) -> Mapping[str, Any]:
    """The facts `member` and `usual_amounts` (shapes in `menus.facts`) from a row of `CALLER`.

    `allows`: whether so many cents may be saved at once by the rules of today.
    """
    masked = phone.national_masked
    if row is None:
        member = {"status": "none", "language": "", "number": "", "phone_masked": masked, "reminders": False}
        return {"member": member, "usual_amounts": []}
    status, language, number, reminders, amounts = row
    return {
        "member": {
            "status": _MERGED if status == _MERGED else _SHOWN_STATUS[Status(status)],
            "language": language,
            "number": number,
            "phone_masked": masked,
            "reminders": bool(reminders),
        },
        "usual_amounts": [cents for cents in amounts if allows(cents)][:USUAL_AMOUNTS_MAX],
    }
