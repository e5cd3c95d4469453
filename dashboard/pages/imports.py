"""Statement files: handing one in, how far it is read, what was strange about it."""

import uuid

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from dashboard import accounts
from dashboard.access import READERS, WORKERS, allow
from dashboard.catalogue import text
from dashboard.deciding import names_of
from dashboard.login import me
from dashboard.services import services
from payments.imports.handing_in import hand_in, imports
from payments.imports.tables import StatementImport
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
    """One import: progress, result, faults and oddities with their lines."""
    with services().sessions() as database:
        row = database.get(StatementImport, import_id)
        if row is None:
            abort(404)
        names = names_of(database, {row.by})
    return render_template(
        "dashboard/import.html", row=row, names=names, is_running=row.state in {"waiting", "reading"}
    )
