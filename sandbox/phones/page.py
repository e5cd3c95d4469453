"""The page with the phones: plain files, no inline script, nothing from elsewhere."""

from pathlib import Path

from flask import Blueprint, Response, jsonify, send_from_directory
from flask.typing import ResponseReturnValue

from sandbox.world import here

STATIC = Path(__file__).with_name("static")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = Blueprint("page", __name__)


@blueprint.get("/")
def phones() -> ResponseReturnValue:
    return _file("phones.html")


@blueprint.get("/static/<path:name>")
def static(name: str) -> ResponseReturnValue:
    return _file(name)


def _file(name: str) -> Response:
    response = send_from_directory(STATIC, name, max_age=0)
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
