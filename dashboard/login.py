"""Who is looking: Flask-Login over our own accounts, sessions that end when idle, old or outdated."""

import hmac
import secrets
import uuid
from datetime import UTC, datetime

from flask import Flask, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from dashboard.services import services
from dashboard.staff.model import Role
from dashboard.staff.tables import EndedSession, Staff

_SEEN_AT = "seen_at"
_SINCE = "since"
_SESSION_ID = "session_id"
# Writing the cookie at every request is needless: idle time is counted to the minute.
_SEEN_GRAIN_SECONDS = 60
# What a page asks while nobody does: it keeps no session awake.
BY_ITSELF = "X-Kibaba-By-Itself"


class SignedIn(UserMixin):  # type: ignore[misc]  # Flask-Login is not typed
    """The account behind a session, as it was read for this request."""

    def __init__(self, staff: Staff) -> None:
        self.staff_id = staff.id
        self.name = staff.name
        self.email = staff.email
        self.role = Role(staff.role)
        self.actor = f"staff:{staff.id}"
        self.must_change_password = staff.must_change_password
        self._session_key = staff.session_key

    def get_id(self) -> str:
        """What the signed cookie holds: the account and the key that a password change replaces."""
        return f"{self.staff_id}.{self._session_key}"


def install(app: Flask) -> None:
    """Make Flask-Login know our accounts.

    Its `init_app` would also look into the session cookie of every request, the callers' hops included. What
    it does there (remembering people for a year) is not wanted: only the manager itself is put in place.
    """
    manager = LoginManager()
    manager.session_protection = None
    manager.user_loader(load)
    app.login_manager = manager  # type: ignore[attr-defined]


def enter(staff: Staff, *, now: datetime) -> None:
    """Begin a session for someone who has just proven who they are. What the old cookie held is dropped."""
    session.clear()
    login_user(SignedIn(staff))
    session[_SINCE] = session[_SEEN_AT] = int(now.timestamp())
    session[_SESSION_ID] = secrets.token_hex(16)
    session.permanent = False


def session_id() -> str:
    """The name of this browser's session. One that was begun before sessions had names has none."""
    return str(session.get(_SESSION_ID, ""))


def leave() -> None:
    """Forget the session in this browser. Its copies are ended by `sign_out`."""
    logout_user()
    session.clear()


def signed_in_staff() -> SignedIn | None:
    """Who is looking, or None."""
    return current_user._get_current_object() if current_user.is_authenticated else None  # noqa: SLF001 -- werkzeug's documented way to the object


def me() -> SignedIn:
    """Who is looking, on a page that only signed-in staff reach."""
    staff = signed_in_staff()
    assert staff is not None
    return staff


def load(text: str) -> SignedIn | None:
    """The account a cookie speaks of, unless the session is over."""
    parts = services()
    now = parts.clock.now()
    if not _is_fresh(now):
        return None
    staff_id, _, session_key = text.partition(".")
    with parts.sessions() as database:
        staff = database.get(Staff, uuid.UUID(staff_id))
        was_ended = database.get(EndedSession, session_id()) is not None
    if (
        staff is None
        or was_ended
        or not staff.active
        or not hmac.compare_digest(staff.session_key, session_key)
    ):
        return None
    is_asked = BY_ITSELF not in request.headers
    if is_asked and now.timestamp() - session[_SEEN_AT] > _SEEN_GRAIN_SECONDS:
        session[_SEEN_AT] = int(now.timestamp())
    return SignedIn(staff)


def _is_fresh(now: datetime) -> bool:
    parts = services()
    since = datetime.fromtimestamp(session.get(_SINCE, 0), UTC)
    seen_at = datetime.fromtimestamp(session.get(_SEEN_AT, 0), UTC)
    is_known = bool(session_id())
    return is_known and now - since < parts.signed_in_for and now - seen_at < parts.idle_for
