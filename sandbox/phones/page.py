"""The page with the phones: plain files, no inline script, nothing from elsewhere."""

from pathlib import Path

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from sandbox.world import here

STATIC = Path(__file__).with_name("static")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

blueprint = Blueprint("page", __name__)


@blueprint.get("/")
def phones() -> ResponseReturnValue:
    return _file("phones.html")


@blueprint.get("/static/<name>")
def static(name: str) -> ResponseReturnValue:
    return _file(name)


def _file(name: str) -> Response:
    found = next((path for path in STATIC.iterdir() if path.name == name), None)
    if found is None:
        raise NotFound
    response = Response(found.read_bytes(), mimetype=TYPES[found.suffix])
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.get("/page.json")
def facts() -> ResponseReturnValue:
    """What the page needs to know: the code to dial, and some people one may be."""
    world = here()
    people = list(world.people.by_id.values())
    return jsonify(
        service_code=world.settings.service_code,
        organisation=world.settings.organisation,
        shortcode=world.settings.shortcode,
        people=[
            {
                "id": person.id,
                "name": person.full_name,
                "birth_date": person.birth_date,
                "status": person.status,
            }
            for person in people[:10]
        ],
    )
