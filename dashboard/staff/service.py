"""What can be done with staff accounts. Takes an open transaction, never commits; every act is audited."""

import secrets
import uuid
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core import audit
from core.errors import InvalidValue
from core.ids import new_id
from core.reasons import on_one_line
from dashboard.staff.model import Role, StaffExists, WeakPassword, check_password, parse_email, parse_name
from dashboard.staff.outcomes import Locked, NeedsTotp, Right, Wrong
from dashboard.staff.passwords import hash_password, is_outdated, is_right
from dashboard.staff.second_factor import (
    new_recovery_codes,
    new_secret,
    recovery_hash,
    step_of_code,
)
from dashboard.staff.tables import EndedSession, Staff
from dashboard.staff.tries import (
    count_try,
    count_try_from,
    forget_tries,
    forgive_this_try,
    forgive_this_try_from,
)

_NOBODY = "staff:unknown"


def actor(staff: Staff) -> str:
    """How the audit trail names someone."""
    return f"staff:{staff.id}"


def add_staff(
    session: Session, *, email: str, name: str, role: str, password: str, now: datetime, by: str = "operator"
) -> Staff:
    """Open an account. `by` is who did it, as the audit names them.

    Raises InvalidValue (e-mail, name or role), WeakPassword, StaffExists.
    """
    email, name = parse_email(email), parse_name(name)
    if role not in set(Role):
        raise InvalidValue(f"a role is one of {', '.join(Role)}")
    check_password(password, email=email)
    if session.scalar(select(Staff.id).where(Staff.email == email)) is not None:
        raise StaffExists(f"{email} has an account already")
    staff = Staff(
        id=new_id(),
        email=email,
        name=name,
        role=role,
        password_hash=hash_password(password),
        session_key=secrets.token_hex(16),
        recovery_hashes=[],
        active=True,
        created_at=now,
    )
    session.add(staff)
    session.flush()
    audit.record(session, at=now, actor=by, action="staff.added", subject=staff.id, details={"role": role})
    return staff


def sign_in(
    session: Session, *, email: str, password: str, now: datetime, source: str | None = None
) -> Right | Wrong | Locked | NeedsTotp:
    """Check a name and a password. The caller commits whatever the outcome: tries are counted in here.

    `source` is the network it comes from; None when tries from there are not counted. Locks are taken in
    one order, the network before the name.
    """
    email = on_one_line(email).lower()
    closed = count_try_from(session, source, now=now) if source is not None else None
    if locked := closed or count_try(session, email, now=now):
        is_right(None, password)
        _failed(session, None, "locked", now=now)
        return locked
    staff = session.scalar(select(Staff).where(Staff.email == email, Staff.active))
    if not is_right(staff.password_hash if staff else None, password) or staff is None:
        _failed(session, staff, "password", now=now)
        return Wrong()
    if source is not None:
        forgive_this_try_from(session, source, now=now)
    if is_outdated(staff.password_hash):
        staff.password_hash = hash_password(password)
    if staff.totp_secret is not None:
        forgive_this_try(session, email)
        return NeedsTotp(staff)
    return _signed_in(session, staff, "password", now=now)


def confirm_code(
    session: Session, *, staff_id: uuid.UUID, code: str, now: datetime
) -> Right | Wrong | Locked:
    """The second step after NeedsTotp: a code of the authenticator, or a recovery code, good once."""
    staff = session.get_one(Staff, staff_id, with_for_update=True)
    if locked := count_try(session, staff.email, now=now):
        _failed(session, staff, "locked", now=now)
        return locked
    digits = "".join(code.split())
    if staff.totp_secret is None or not staff.active:
        return Wrong()
    step = step_of_code(staff.totp_secret, digits, now=now, after_step=staff.totp_last_step)
    if step is not None:
        staff.totp_last_step = step
        return _signed_in(session, staff, "code", now=now)
    digest = recovery_hash(code)
    if digest in staff.recovery_hashes:
        staff.recovery_hashes = [kept for kept in staff.recovery_hashes if kept != digest]
        return _signed_in(session, staff, "recovery code", now=now)
    _failed(session, staff, "code", now=now)
    return Wrong()


def offer_totp(session: Session, staff: Staff) -> str | None:
    """Prepare a second factor: the secret to show. Nothing is asked for until a code has proven it.

    None where there is one: a session alone must not replace it; an administrator takes it away.
    """
    if staff.totp_secret is not None:
        return None
    if staff.totp_offered is None:
        staff.totp_offered = new_secret()
        session.flush()
    return staff.totp_offered


def enrol_totp(session: Session, staff: Staff, *, code: str, now: datetime) -> list[str] | None:
    """Switch the second factor on. The recovery codes, to be shown once; None when the code is wrong."""
    if staff.totp_offered is None or staff.totp_secret is not None:
        return None
    step = step_of_code(staff.totp_offered, "".join(code.split()), now=now, after_step=None)
    if step is None:
        return None
    codes = new_recovery_codes()
    staff.totp_secret, staff.totp_offered, staff.totp_last_step = staff.totp_offered, None, step
    staff.recovery_hashes = [recovery_hash(each) for each in codes]
    staff.session_key = secrets.token_hex(16)
    audit.record(session, at=now, actor=actor(staff), action="staff.totp_enrolled", subject=staff.id)
    return codes


def change_password(
    session: Session, staff: Staff, *, old: str, new: str, now: datetime
) -> Right | Wrong | Locked:
    """Set another password and end every session of the account. Raises WeakPassword."""
    check_password(new, email=staff.email)
    if new == old:
        raise WeakPassword("a new password is another one")
    if locked := count_try(session, staff.email, now=now):
        return locked
    if not is_right(staff.password_hash, old):
        _failed(session, staff, "password change", now=now)
        return Wrong()
    forget_tries(session, staff.email)
    staff.password_hash = hash_password(new)
    staff.must_change_password = False
    staff.session_key = secrets.token_hex(16)
    audit.record(session, at=now, actor=actor(staff), action="staff.password_changed", subject=staff.id)
    return Right(staff)


def sign_out(session: Session, staff: Staff, session_id: str, *, good_for: timedelta, now: datetime) -> None:
    """End one session of an account, wherever its cookie is by now. The others go on.

    `good_for`: how long a session is good; ended ones that are older are forgotten.
    """
    session.execute(delete(EndedSession).where(EndedSession.ended_at < now - good_for))
    ended = insert(EndedSession).values(id=session_id, ended_at=now)
    session.execute(ended.on_conflict_do_nothing())
    audit.record(session, at=now, actor=actor(staff), action="staff.signed_out", subject=staff.id)


def _signed_in(session: Session, staff: Staff, way: str, *, now: datetime) -> Right:
    forget_tries(session, staff.email)
    staff.last_sign_in_at = now
    audit.record(
        session, at=now, actor=actor(staff), action="staff.signed_in", subject=staff.id, details={"way": way}
    )
    return Right(staff)


def _failed(session: Session, staff: Staff | None, what: str, *, now: datetime) -> None:
    audit.record(
        session,
        at=now,
        actor=actor(staff) if staff else _NOBODY,
        action="staff.sign_in_failed",
        subject=staff.id if staff else _NOBODY,
        details={"what": what},
    )
