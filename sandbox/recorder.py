"""What the gateway asked the sandbox, kept without its secrets."""

import json
import re
from typing import Any

from flask import Flask, Response, g, request

from sandbox.world import here

SECRET_KEYS = frozenset({"password", "securitycredential", "client_secret", "apikey", "pin", "access_token"})
KEPT = 50_000
INSPECTION = ("/fund/contributions", "/fund/total")
PARTS = {
    "/daraja/": "daraja",
    "/airtel/": "airtel",
    "/mtn/": "mtn",
    "/africastalking/": "sms",
    "/civil/": "civil",
    "/fund/": "fund",
}


def install(app: Flask) -> None:
    """Writes down every request to an imitated provider, before it is judged, and its status afterwards."""
    app.before_request(_write_down)
    app.after_request(_add_status)


def _part_of(path: str) -> str | None:
    if path.startswith(INSPECTION):
        return None
    return next((part for prefix, part in PARTS.items() if path.startswith(prefix)), None)


def _write_down() -> None:
    part = _part_of(request.path)
    if part is None:
        return
    world = here()
    g.recorded = world.store.insert(
        "requests",
        at=world.clock.now(),
        part=part,
        method=request.method,
        path=request.path,
        query=request.query_string.decode("ascii", "replace"),
        body=_kept(world.settings.hook_token),
    )
    if g.recorded % 1000 == 0:
        world.store.execute("DELETE FROM requests WHERE id < ?", g.recorded - KEPT)


def _kept(hook_token: str) -> str:
    try:
        return json.dumps(without_secrets(_body(), hook_token))
    except RecursionError:
        return json.dumps("nested too deeply")


def _body() -> Any:
    raw = request.get_data(cache=True)
    if not raw:
        return None
    if request.mimetype == "application/x-www-form-urlencoded":
        return request.form.to_dict()
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return f"unreadable, {len(raw)} bytes"


def without_secrets(value: Any, hook_token: str) -> Any:
    """The same shape with passwords, keys and the token in callback addresses starred out."""
    if isinstance(value, dict):
        return {
            key: "***" if str(key).lower() in SECRET_KEYS else without_secrets(inner, hook_token)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(inner, hook_token) for inner in value]
    if isinstance(value, str) and "://" in value:
        return re.sub(rf"/{re.escape(hook_token)}(?=/|$)", "/***", value)
    return value


def _add_status(response: Response) -> Response:
    recorded = g.get("recorded")
    if recorded is not None:
        here().store.execute("UPDATE requests SET status = ? WHERE id = ?", response.status_code, recorded)
    return response


def note(text: str) -> None:
    """Adds a remark to the record of the request being answered."""
    recorded = g.get("recorded")
    if recorded is not None:
        here().store.execute("UPDATE requests SET note = ? WHERE id = ?", text, recorded)
