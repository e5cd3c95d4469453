"""Statement files: handing one in, how far it is read, what was strange about it, the second look at it."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import zip_longest

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboard import accounts
from dashboard.access import CHECKERS, READERS, WORKERS, allow
from dashboard.catalogue import text
from dashboard.deciding import names_of
from dashboard.login import me
from dashboard.reading import was_seen
from dashboard.reasons import typed_reason
from dashboard.services import services
from payments.imports.handing_in import hand_in, imports
from payments.imports.releasing import refuse, release, withdraw
from payments.imports.tables import StatementImport
from payments.suspense.model import NotPossible
from payments.wallets.statements import BYTES_MAX

routes = Blueprint("imports", __name__, url_prefix="/imports")

# The form around the file is small.
REQUEST_BYTES_MAX = BYTES_MAX + 64 * 1024


@routes.get("/")
@allow(READERS)
def index() -> str:
    """The form, and the newest imports."""
    with services().sessions() as database:
        rows = imports(database)
        names = names_of(database, {row.by for row in rows})
    return render_template(
        "dashboard/imports.html", rows=rows, names=names, megabytes=BYTES_MAX // 1024 // 1024
    )


@routes.post("/")
@allow(WORKERS)
def submit() -> Response:
    """Take a file. It is read in the background; the page shows how far it is."""
    parts, account = services(), accounts.chosen()
    file = request.files.get("file")
    content = file.read(BYTES_MAX + 1) if file else b""
    if file is None or not content:
        flash(text("imports.no_file"), "fault")
        return redirect(url_for(".index"))
    if len(content) > BYTES_MAX:
        abort(413)
    with parts.sessions.begin() as database:
        handed = hand_in(
            database,
            wallet=account.wallet,
            shortcode=account.shortcode,
            name=file.filename or "",
            content=content,
            by=me().actor,
            now=parts.clock.now(),
        )
    if not handed.is_new:
        flash(text("imports.known"))
    return redirect(url_for(".show", import_id=handed.import_id))


@routes.get("/<uuid:import_id>")
@allow(READERS)
def show(import_id: uuid.UUID) -> str:
    """One import: progress, result, faults and oddities with their lines; what waits for a second person."""
    return _page(import_id)


@routes.post("/<uuid:import_id>/release")
@allow(CHECKERS)
def let_go(import_id: uuid.UUID) -> Response | tuple[str, int]:
    """Have a held file taken, as the second person."""
    return _decided(import_id, release, "imports.released")


@routes.post("/<uuid:import_id>/refuse")
@allow(CHECKERS)
def send_back(import_id: uuid.UUID) -> Response | tuple[str, int]:
    """Refuse a held file, as the second person."""
    return _decided(import_id, partial(refuse, reason=typed_reason()), "imports.sent_back")


@routes.post("/<uuid:import_id>/withdraw")
@allow(WORKERS)
def take_back(import_id: uuid.UUID) -> Response | tuple[str, int]:
    """Withdraw a held file that one has handed in oneself."""
    return _decided(import_id, withdraw, "imports.withdrawn")


def _decided(import_id: uuid.UUID, act: Callable[..., None], said: str) -> Response | tuple[str, int]:
    """Do it and say so; or the page as things stand: 400 for what was mistyped, 409 for what somebody else
    did before.
    """
    parts = services()
    try:
        with parts.sessions.begin() as database:
            act(database, import_id, by=me().actor, now=parts.clock.now())
    except NotPossible as error:
        page = _page(import_id, _Refusal(error.why, typed_reason()))
        return page, 400 if error.why == "no_reason" else 409
    flash(text(said))
    return redirect(url_for(".show", import_id=import_id))


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a second look was not taken: a code that pages have words for; and the reason as it was typed."""

    why: str
    reason: str


def _page(import_id: uuid.UUID, refused: _Refusal | None = None) -> str:
    with services().sessions.begin() as database:
        row = database.get(StatementImport, import_id)
        if row is None:
            abort(404)
        is_running = row.state in {"waiting", "reading"}
        # A page that looks again and again by itself shows nobody's account.
        sealed = None if is_running else row.alone_accounts
        named = json.loads(sealed) if sealed else {"of_largest": [], "most": []}
        was_seen(database, "statement.opened", import_id, rows=len(named["of_largest"]))
        names = names_of(database, {row.by, row.released_by or "", row.refused_by or ""})
    return render_template(
        "dashboard/import.html",
        row=row,
        names=names,
        largest=[
            {**line, "at": datetime.fromisoformat(line["at"]), "account": account or ""}
            for line, account in zip_longest(row.alone_largest, named["of_largest"])
        ],
        most=named["most"],
        refused=refused,
        is_running=is_running,
    )
