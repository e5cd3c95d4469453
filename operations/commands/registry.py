"""`bin/kibaba registry …`."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import click

from core.shared_token import LocalTokenCache
from members.enrolments import tell_untold
from operations.commands.output import json_option
from operations.house import settings
from operations.trouble import TroubleError
from registry.canonical import read_object
from registry.conformance import UNKNOWN_UIN, Report, examine
from registry.connection import Connection, ReplySignatures, SignatureMode
from registry.keys import SigningKey
from registry.server.clients import REQUESTS_PER_MINUTE, add_client, disable_client
from registry.server.model import Scope
from ussd_app.bootstrap import build

_KEYS_BYTES_MAX = 100_000
_MEMBERS_AT_ONCE = 500
_MARKS = {"passed": "pass", "failed": "FAIL", "absent": "none"}


@click.group()
def registry() -> None:
    """Registries: who may call us, and how well another server speaks the standard."""


@registry.command()
@json_option
def enrolments(*, as_json: bool) -> None:
    """Have the central registry told of every active member of whom it was never told.

    For the day on which FUND_REGISTRY_ENROLMENTS is turned on. Twice does nothing more than once.
    """
    with settings() as current:
        if not current.fund_registry_enrolments:
            raise TroubleError("FUND_REGISTRY_ENROLMENTS is off")
        services = build(current)
        count = 0
        while True:
            with services.sessions.begin() as session:
                found = tell_untold(session, limit=_MEMBERS_AT_ONCE, now=services.clock.now())
            count += found
            if not found:
                break
    click.echo(json.dumps({"members": count}) if as_json else f"{count} members will be told of.")


@registry.group()
def client() -> None:
    """The systems that may call us over DCI."""


@client.command()
@click.argument("client_id")
@click.option("--name", required=True, help="Whose system it is.")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice([str(s) for s in Scope]))
@click.option("--keys", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its JWKS.")
@click.option("--keys-url", default="", help="Where its JWKS is published.")
@click.option("--callback", default="", help="Below which address it may be called.")
@click.option("--signatures", type=click.Choice([str(mode) for mode in ReplySignatures]), default="required")
@click.option("--speaks-for", type=click.Choice(["", "civil", "fund"]), default="")
@click.option("--requests-per-minute", default=REQUESTS_PER_MINUTE, show_default=True)
@json_option
def add(
    client_id: str,
    *,
    name: str,
    scopes: tuple[str, ...],
    keys: Path | None,
    keys_url: str,
    callback: str,
    signatures: str,
    speaks_for: str,
    requests_per_minute: int,
    as_json: bool,
) -> None:
    """Let a system in, or change it. Prints its secret, which is shown once and kept only as a hash."""
    with settings() as current:
        services = build(current)
        with services.sessions.begin() as session:
            secret = add_client(
                session,
                client_id,
                name=name,
                scopes=[Scope(scope) for scope in scopes],
                now=services.clock.now(),
                actor="operator",
                signatures=ReplySignatures(signatures),
                keys=read_object(keys.read_bytes(), _KEYS_BYTES_MAX) if keys else None,
                keys_url=keys_url,
                callback_base=callback,
                speaks_for=speaks_for,
                requests_per_minute=requests_per_minute,
            )
    if as_json:
        click.echo(json.dumps({"client_id": client_id, "client_secret": secret, "scopes": list(scopes)}))
    else:
        click.echo(f"client id      {client_id}\nclient secret  {secret}")


@client.command()
@click.argument("client_id")
@click.option("--reason", required=True)
def disable(client_id: str, reason: str) -> None:
    """Shut a system out, tokens it holds included."""
    with settings() as current:
        services = build(current)
        with services.sessions.begin() as session:
            disable_client(session, client_id, now=services.clock.now(), actor="operator", reason=reason)
    click.echo(f"{client_id} is shut out")


@registry.command()
@click.argument("url")
@click.option("--client-id", default="kibaba", show_default=True)
@click.option("--uin", default="TEST-001", show_default=True, help="A person the server knows.")
@click.option("--unknown-uin", default=UNKNOWN_UIN, show_default=True, help="A number of nobody there.")
@click.option("--reg-type", default="ns:org:RegistryType:Civil", show_default=True)
@click.option("--record-type", default="Person", show_default=True)
@json_option
def conformance(
    url: str, *, client_id: str, uin: str, unknown_uin: str, reg_type: str, record_type: str, as_json: bool
) -> None:
    """Try every DCI call at URL and say which pass. The secret is read from DCI_CLIENT_SECRET.

    The exit code is 1 when a call fails; what a server does not have is told, and is no failure.
    """
    secret = os.environ.get("DCI_CLIENT_SECRET", "")
    if not secret:
        raise TroubleError("DCI_CLIENT_SECRET is not set")
    connection = Connection.model_validate(
        {
            "name": "examined",
            "base_url": url,
            "client_id": client_id,
            "client_secret": secret,
            "sender_id": client_id,
            "reg_type": reg_type,
            "reg_record_type": record_type,
            "signature_mode": SignatureMode.SPDCI if os.environ.get("DCI_SIGNING_KEY") else "none",
        }
    )
    key = os.environ.get("DCI_SIGNING_KEY")
    report = examine(
        connection,
        LocalTokenCache(),
        uin,
        unknown_uin=unknown_uin,
        key=SigningKey.load(key) if key else None,
    )
    _show(report, as_json=as_json)
    if report.failed:
        sys.exit(1)


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(report) | {"failed": report.failed}, indent=2))
        return
    for check in report.checks:
        click.echo(f"{_MARKS[check.outcome]}  {check.call:<28} {check.claim}  {check.says}".rstrip())
