"""Puts the sandbox together into one Flask application."""

from flask import Flask, Response, jsonify, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import BadRequest, HTTPException

from sandbox import inspection, recorder
from sandbox.africastalking import sms, ussd
from sandbox.airtel import collection as airtel
from sandbox.collecting import prompts as collecting
from sandbox.collecting import statement as collecting_statement
from sandbox.daraja import b2c, by_hand, initiators, prompts, statement
from sandbox.daraja import routes as daraja
from sandbox.mtn import collection as mtn
from sandbox.phones import page
from sandbox.phones import routes as phones
from sandbox.registries import outgoing
from sandbox.registries import routes as registries
from sandbox.settings import Settings
from sandbox.world import World, build

BODY_BYTES_MAX = 1_000_000


def create_app(settings: Settings, *, start: bool = True) -> Flask:
    """The application. With `start=False` nothing happens by itself: call `agenda.run_due()` of its world."""
    world = build(settings)
    app = Flask("sandbox", static_folder=None)
    if isinstance(app.json, DefaultJSONProvider):
        app.json.sort_keys = False
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    app.extensions["sandbox"] = world
    recorder.install(app)
    for room in (prompts, by_hand, b2c, sms, ussd):
        room.install(world)
    outgoing.install(world)
    collecting.install(world, airtel.PROVIDER, mtn.PROVIDER)
    blueprints = (
        daraja.blueprint,
        airtel.blueprint,
        mtn.blueprint,
        sms.blueprint,
        *registries.BLUEPRINTS,
        phones.blueprint,
    )
    for blueprint in (
        *blueprints,
        initiators.blueprint,
        statement.blueprint,
        collecting_statement.blueprint,
        inspection.blueprint,
        page.blueprint,
    ):
        app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(UnicodeEncodeError, _unreadable)
    app.register_error_handler(RecursionError, _unreadable)
    if start:
        world.agenda.start()
    return app


def _unreadable(_error: Exception) -> Response:
    """Text no file could hold (lone surrogates), or JSON nested beyond reason."""
    return _http_error(BadRequest("the body cannot be read"))


def world_of(app: Flask) -> World:
    found = app.extensions["sandbox"]
    assert isinstance(found, World)
    return found


def _http_error(error: HTTPException) -> Response:
    """A machine's caller gets a machine's answer, in the words of the provider it spoke to."""
    if request.path.startswith("/daraja/"):
        return daraja.refuse_http(error)
    response = jsonify(error=error.description or error.name)
    response.status_code = error.code or 500
    return response
