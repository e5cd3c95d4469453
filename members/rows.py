"""From stored rows to the values that other rooms see."""

from core.phone import PhoneNumber
from members.model import Member, Status
from members.numbers import MemberNumber
from members.tables import MemberRow


def member_of(row: MemberRow) -> Member:
    return Member(
        id=row.id,
        number=MemberNumber(row.number),
        status=Status(row.status),
        language=row.language,
        phone=PhoneNumber(row.phone),
        masked_name=row.masked_name or "",
        name_confirmed=row.name_confirmed,
        joined_at=row.joined_at,
    )
