"""What an administrator does with other people's accounts: open, give another role, close, help back in.

Takes an open transaction, never commits. Every act ends the account's sessions and is audited with its
reason and with what was before and after. Nobody does these to their own account, and one administrator
always stays.
"""

import secrets
import uuid
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import audit
from core.database import advisory_lock
from core.errors import KibabaError
from core.reasons import is_reason
from dashboard.staff.model import Role
from dashboard.staff.passwords import hash_password
from dashboard.staff.second_factor import letters
from dashboard.staff.service import add_staff
from dashboard.staff.tables import Staff
from dashboard.staff.tries import forget_tries

_PASSWORD_GROUPS = 4


class NotToKeep(KibabaError):  # noqa: N818 -- it says what was found
    """An act that would lock the fund out, or that one does not do alone. `why` is a code with words."""

    code = "not_to_keep"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why.replace("_", " "))


def open_account(
    session: Session, *, email: str, name: str, role: str, now: datetime, by: str
) -> tuple[Staff, str]:
    """A new account and its first password, to be told once and changed at the first sign-in.

    Raises InvalidValue (e-mail, name or role) and StaffExists.
    """
    password = _new_password()
    staff = add_staff(session, email=email, name=name, role=role, password=password, now=now, by=by)
    staff.must_change_password = True
    return staff, password


def change_role(
    session: Session, staff_id: uuid.UUID, role: Role, *, by: str, reason: str, now: datetime
) -> None:
    """Give another role. The same role again changes nothing. Raises NotToKeep."""
    staff = _to_keep(session, staff_id, by=by, reason=reason)
    if staff.role == role:
        return
    if staff.role == Role.ADMIN:
        _not_the_last(session, staff)
    before, staff.role = staff.role, role
    _note(session, staff, "staff.role_changed", by, reason, now, {"before": before, "after": role})


def close_account(session: Session, staff_id: uuid.UUID, *, by: str, reason: str, now: datetime) -> None:
    """Let nobody in by this account any more; what it did stays under its name. Raises NotToKeep."""
    staff = _to_keep(session, staff_id, by=by, reason=reason)
    if not staff.active:
        return
    _not_the_last(session, staff)
    staff.active = False
    _note(session, staff, "staff.closed", by, reason, now, {})


def reopen_account(
    session: Session, staff_id: uuid.UUID, *, by: str, reason: str, now: datetime
) -> str | None:
    """Open it again with a new first password, which is returned; None when it is open. Raises NotToKeep."""
    staff = _to_keep(session, staff_id, by=by, reason=reason)
    if staff.active:
        return None
    staff.active = True
    password = _give_password(session, staff)
    _note(session, staff, "staff.opened_again", by, reason, now, {})
    return password


def reset_password(session: Session, staff_id: uuid.UUID, *, by: str, reason: str, now: datetime) -> str:
    """A new first password for somebody who forgot theirs; the second factor stays. Raises NotToKeep."""
    staff = _to_keep(session, staff_id, by=by, reason=reason)
    password = _give_password(session, staff)
    _note(session, staff, "staff.password_reset", by, reason, now, {})
    return password


def reset_second_factor(
    session: Session, staff_id: uuid.UUID, *, by: str, reason: str, now: datetime
) -> None:
    """Take the second factor off somebody who lost their phone and their recovery codes. Raises NotToKeep."""
    staff = _to_keep(session, staff_id, by=by, reason=reason)
    if staff.totp_secret is None:
        return
    staff.totp_secret = staff.totp_offered = staff.totp_last_step = None
    staff.recovery_hashes = []
    _note(session, staff, "staff.totp_reset", by, reason, now, {})


def _to_keep(session: Session, staff_id: uuid.UUID, *, by: str, reason: str) -> Staff:
    staff = session.get(Staff, staff_id, with_for_update=True, populate_existing=True)
    if staff is None:
        raise NotToKeep("nobody")
    if by == f"staff:{staff.id}":
        raise NotToKeep("oneself")
    if not is_reason(reason):
        raise NotToKeep("no_reason")
    return staff


def _not_the_last(session: Session, staff: Staff) -> None:
    """Two administrators who close each other at one moment are put in order here."""
    with advisory_lock(session, "administrators"):
        others = session.scalar(
            select(func.count())
            .select_from(Staff)
            .where(Staff.role == Role.ADMIN, Staff.active, Staff.id != staff.id)
        )
    if staff.role == Role.ADMIN and not others:
        raise NotToKeep("last_administrator")


def _give_password(session: Session, staff: Staff) -> str:
    password = _new_password()
    staff.password_hash = hash_password(password)
    staff.must_change_password = True
    forget_tries(session, staff.email)
    return password


def _new_password() -> str:
    return "-".join(letters(4) for _ in range(_PASSWORD_GROUPS))


def _note(
    session: Session, staff: Staff, action: str, by: str, reason: str, now: datetime, details: dict[str, str]
) -> None:
    staff.session_key = secrets.token_hex(16)
    audit.record(session, at=now, actor=by, action=action, subject=staff.id, reason=reason, details=details)
