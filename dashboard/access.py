"""Who may call what: every route says so, and one that does not is closed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import abort, current_app, flash, redirect, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from dashboard.catalogue import text
from dashboard.login import BY_ITSELF, signed_in_staff
from dashboard.staff.model import Role

View = TypeVar("View", bound=Callable[..., Any])

EVERYONE_AT_THE_FUND = frozenset(Role)
# Who sees members and their money.
READERS = frozenset({Role.OFFICER, Role.CHECKER, Role.SUPERVISOR, Role.AUDITOR})
# Who acts on them.
WORKERS = frozenset({Role.OFFICER, Role.CHECKER, Role.SUPERVISOR})
# Who says yes or no to what somebody else proposed.
CHECKERS = frozenset({Role.CHECKER, Role.SUPERVISOR})
SUPERVISORS = frozenset({Role.SUPERVISOR})
KEEPERS = frozenset({Role.SUPERVISOR, Role.ADMIN})
INSPECTORS = frozenset({Role.SUPERVISOR, Role.AUDITOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})
_LEAVING = "dashboard.signing_in.out"
_NOWHERE = "dashboard.nowhere"
# What somebody whose password an administrator knows may do: change it, or leave.
_WITH_A_GIVEN_PASSWORD = frozenset({"dashboard.profile.index", "dashboard.profile.password", _LEAVING})


@dataclass(frozen=True, slots=True)
class Access:
    """The declaration of one view. `roles` None: no sign-in needed."""

    roles: frozenset[Role] | None


def allow(roles: frozenset[Role]) -> Callable[[View], View]:
    """Declare that a view is for signed-in staff with one of these roles."""
    return _declare(Access(roles))


def open_to_all(view: View) -> View:
    """Declare that a view needs no sign-in."""
    return _declare(Access(None))(view)


def access_of(view: Callable[..., Any]) -> Access | None:
    """The declaration of a view, if it made one."""
    declared: Access | None = getattr(view, "kibaba_access", None)
    return declared


def guard() -> Response | None:
    """Before every request: let it through, send it to sign in, or refuse it (403)."""
    if request.endpoint is None:
        return None
    access = access_of(current_app.view_functions[request.endpoint])
    if access is None:
        abort(403)
    if access.roles is None:
        return None
    staff = signed_in_staff()
    if staff is None:
        return _to_the_door()
    if staff.must_change_password and request.endpoint not in _WITH_A_GIVEN_PASSWORD:
        return redirect(url_for("dashboard.profile.index"))
    if staff.role not in access.roles:
        abort(403)
    return None


def may(roles: frozenset[Role]) -> bool:
    """Whether the person looking at the page has one of these roles."""
    staff = signed_in_staff()
    return staff is not None and staff.role in roles


def _to_the_door() -> Response:
    """To sign in, and from there on to where they were. Who sent a form is told that nothing was done."""
    if request.method == "GET":
        way_back: str | None = request.full_path.rstrip("?")
    elif request.endpoint == _LEAVING:
        way_back = None
    else:
        way_back = _page_of_the_form()
        # What a page asks by itself would use the words up before anybody reads them.
        if BY_ITSELF not in request.headers:
            flash(text("sign_in.ended"), "fault")
    return redirect(url_for("dashboard.signing_in.form", next=way_back))


def _page_of_the_form() -> str | None:
    """The page of ours that the form was on, as the browser tells; else its own, if that is a page."""
    try:
        told = urlsplit(request.referrer or "")
    except ValueError:
        # No browser of ours tells that.
        told = urlsplit("")
    came_from = told.path + (f"?{told.query}" if told.query else "")
    known = [came_from] if told.netloc == request.host else []
    return next((address for address in (*known, request.path) if _is_page(address)), None)


def _is_page(address: str) -> bool:
    """Whether it can be opened: some addresses of forms take nothing but the form."""
    router = current_app.url_map.bind(request.host)
    try:
        endpoint, _ = router.match(urlsplit(address).path, method="GET")
    except HTTPException:
        return False
    access = access_of(current_app.view_functions[endpoint])
    # The door itself is no way back, nor is an address that answers for all that are no pages.
    return access is not None and access.roles is not None and endpoint != _NOWHERE


def _declare(access: Access) -> Callable[[View], View]:
    def declare(view: View) -> View:
        view.kibaba_access = access  # type: ignore[attr-defined]
        return view

    return declare
