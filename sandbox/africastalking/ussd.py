"""USSD as the aggregator drives it: one POST per answer, the whole path each time, a notice at the end."""

import re
import secrets
import sqlite3
from typing import Any

import requests

from sandbox import countries
from sandbox.clock import eat
from sandbox.world import World

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 15.0
IDLE_SECONDS = 30.0
SESSION_SECONDS = 180.0
NETWORK_ERROR = "Connection problem or invalid MMI code."
ENDS = {"success": "Success", "incomplete": "Incomplete", "failed": "Failed"}


class BusyError(RuntimeError):
    """The phone is already waiting for an answer, or there is no dialogue to answer."""


def install(world: World) -> None:
    """Takes up idle dialogues; those that were waiting for the gateway when we died have failed."""

    def idle(due: dict[str, Any]) -> None:
        row = _row(world, due["session_id"])
        if row and row["state"] == "open" and row["hops"] == due["hops"]:
            _finish(world, due["session_id"], "incomplete", "")

    world.agenda.handle("ussd_idle", idle)
    for row in world.store.rows("SELECT session_id FROM dialogues WHERE state = 'waiting'"):
        _finish(world, row["session_id"], "failed", "The phone network restarted")


def _row(world: World, session_id: str) -> sqlite3.Row | None:
    return world.store.row("SELECT * FROM dialogues WHERE session_id = ?", session_id)


def latest(world: World, msisdn: str) -> sqlite3.Row | None:
    """The phone's last dialogue, finished or not."""
    return world.store.row(
        "SELECT * FROM dialogues WHERE msisdn = ? ORDER BY started_at DESC, rowid DESC LIMIT 1", msisdn
    )


def first_text(dialled: str, service_code: str) -> str | None:
    """What the first POST's `text` is for a dialled string; None when the string is not of our service."""
    code = dialled.strip()
    if code == service_code:
        return ""
    prefix = service_code.removesuffix("#") + "*"
    if not re.fullmatch(r"\*[\d*]+#", code) or not code.startswith(prefix):
        return None
    return code[len(prefix) : -1]


def dial(world: World, msisdn: str, dialled: str) -> None:
    """Begins a dialogue; one already open on the phone is ended first, as a handset would."""
    hang_up(world, msisdn)
    text = first_text(dialled, world.settings.service_code)
    now = world.clock.now()
    session_id = f"ATUid_{secrets.token_hex(16)}"
    with world.store.transaction():
        current = latest(world, msisdn)
        if current and current["state"] == "waiting":
            raise BusyError("the phone is still waiting for the network")
        world.store.insert(
            "dialogues",
            session_id=session_id,
            msisdn=msisdn,
            dialled=dialled.strip(),
            text=text or "",
            screen=NETWORK_ERROR if text is None else "",
            state="failed" if text is None else "waiting",
            started_at=now,
            moved_at=now,
            hops=0,
        )
    if text is not None:
        _hop(world, session_id)


def answer(world: World, msisdn: str, typed: str) -> None:
    """Sends one answer of the open dialogue. BusyError when there is none."""
    with world.store.transaction():
        row = latest(world, msisdn)
        if row is None or row["state"] != "open":
            raise BusyError("there is no open dialogue to answer")
        # A deep link or an earlier answer may be there already; the path grows by one part.
        text = typed if row["hops"] == 1 and not row["text"] else f"{row['text']}*{typed}"
        world.store.execute(
            "UPDATE dialogues SET text = ?, state = 'waiting' WHERE session_id = ?", text, row["session_id"]
        )
    _hop(world, row["session_id"])


def hang_up(world: World, msisdn: str) -> None:
    """The red button: an open dialogue ends as Incomplete; anything else stays as it is."""
    row = latest(world, msisdn)
    if row is not None and row["state"] == "open":
        _finish(world, row["session_id"], "incomplete", "")


def _hop(world: World, session_id: str) -> None:
    row = _row(world, session_id)
    assert row is not None
    if world.clock.now() - row["started_at"] > SESSION_SECONDS:
        _finish(world, session_id, "incomplete", "")
        return
    body, error = _ask_gateway(world, row)
    now = world.clock.now()
    kind, screen = body[:3], body[4:]
    with world.store.transaction():
        world.store.execute(
            "UPDATE dialogues SET screen = ?, state = ?, moved_at = ?, hops = hops + 1 WHERE session_id = ?",
            screen if not error else NETWORK_ERROR,
            "open" if kind == "CON" and not error else "waiting",
            now,
            session_id,
        )
        if error or kind == "END":
            _finish(world, session_id, "failed" if error else "success", error)
            return
        left = row["started_at"] + SESSION_SECONDS - now
        world.agenda.add(
            "ussd_idle", {"session_id": session_id, "hops": row["hops"] + 1}, min(IDLE_SECONDS, left)
        )


def _ask_gateway(world: World, row: sqlite3.Row) -> tuple[str, str]:
    """The gateway's body, or the reason why the caller sees the network's own error."""
    form = {
        "phoneNumber": f"+{row['msisdn']}",
        "serviceCode": world.settings.service_code,
        "text": row["text"],
        "sessionId": row["session_id"],
        "networkCode": countries.network_code(world, row["msisdn"]),
    }
    try:
        with requests.Session() as session:
            session.trust_env = False
            reply = session.post(
                world.settings.gateway_url("ussd"),
                data=form,
                headers={"User-Agent": "at-ussd-api/1.0"},
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
            )
    except requests.RequestException as error:
        return "", f"The application did not answer: {type(error).__name__}"
    reply.encoding = "utf-8"
    if reply.status_code >= 400:  # noqa: PLR2004 - HTTP's error classes.
        return "", f"The application answered HTTP {reply.status_code}"
    if not reply.text.startswith(("CON ", "END ")):
        return "", "The response does not begin with CON or END"
    return reply.text, ""


def _finish(world: World, session_id: str, state: str, error: str) -> None:
    with world.store.transaction():
        world.store.execute(
            "UPDATE dialogues SET state = ?, error = ?,"
            " screen = CASE WHEN ? = 'failed' THEN ? ELSE screen END WHERE session_id = ?",
            state,
            error,
            state,
            NETWORK_ERROR,
            session_id,
        )
        row = _row(world, session_id)
        if row is None:
            return
        now = world.clock.now()
        notice = {
            "date": eat(now).strftime("%Y-%m-%d %H:%M:%S"),
            "sessionId": session_id,
            "serviceCode": world.settings.service_code,
            "networkCode": countries.network_code(world, row["msisdn"]),
            "phoneNumber": f"+{row['msisdn']}",
            "status": ENDS[state],
            "cost": "KES 0.10",
            "durationInMillis": str(round((now - row["started_at"]) * 1000)),
            "hopsCount": str(row["hops"]),
            "input": row["text"],
            "lastAppResponse": row["screen"],
            "errorMessage": error,
        }
        world.post.send(
            "ussd", session_id, world.settings.gateway_url("ussd/end"), notice, form=True, in_seconds=0.1
        )
        # The path holds the caller's PIN; nobody needs it once the notice is on its way.
        world.store.execute("UPDATE dialogues SET text = '' WHERE session_id = ?", session_id)
