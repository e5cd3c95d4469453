"""`bin/kibaba keys …`."""

import json
import sys
from typing import Any

import click

from core.settings import Settings
from core.vault import Vault
from operations.belonging import check_keys
from operations.commands.output import json_option
from operations.house import settings
from operations.migrate import check_migrations
from operations.sealing.batches import NO_KEY
from operations.sealing.own_keys import OwnKeys, own_keys
from operations.sealing.rotation import Rotated, Rotation
from operations.state import state_from_environment
from operations.trouble import TroubleError
from ussd_app.foundation import lay_foundation


@click.group()
def keys() -> None:
    """The keys that seal personal data."""


@keys.command()
@json_option
def rotate(as_json: bool) -> None:
    """Seal anew, with the newest of PII_KEYS, what older ones sealed, and retire those.

    Put the new key before the old ones and restart everything first; the house may run meanwhile. It can be
    run again at any time, and goes on where it ended. The exit code is 1 while an older key is needed.

    Where PII_KEYS are not set, the new key is made as well; a bin/run that runs must be restarted before
    anything is sealed with it. Once nothing of the old key is left, the next run begins with another one.
    """
    own = own_keys(state_from_environment())
    made = own is not None and own.begin()
    with settings() as current:
        if own is not None:
            _refuse_before_restart(current, own)
        check_migrations(current.database_url.get_secret_value())
        check_keys(current)
        base = lay_foundation(current)
        with base.closing:
            say = _silent if as_json else _aloud
            done = Rotation(base.sessions, base.vault, base.redis, base.clock, say).run()
    spare = [key_id for key_id in base.vault.older if not done.left[key_id]]
    if own is not None:
        needed = [key for key in own.all() if _id_of(key, current) not in spare]
        own.keep(needed)
    if as_json:
        click.echo(json.dumps(_facts(done, spare) | {"made": done.newest if made else None}, indent=2))
    else:
        _show(done, base.vault, spare, is_own=own is not None)
    if done.left.total():
        sys.exit(1)


def _refuse_before_restart(current: Settings, own: OwnKeys) -> None:
    if [key.get_secret_value() for key in current.pii_keys] != own.all():
        raise TroubleError(
            "a new key stands before the old one, and bin/run was started before that: restart it, then run "
            "this again"
        )


def _id_of(key: str, current: Settings) -> str:
    return Vault([key.encode()], current.index_key.get_secret_value().encode()).newest


def _silent(_says: str) -> None:
    return


def _aloud(says: str) -> None:
    click.echo(says, err=True)


def _facts(done: Rotated, spare: list[str]) -> dict[str, Any]:
    return {
        "newest": done.newest,
        "tables": {
            name: {"sealed_anew": one.anew, "left": one.left.total()} for name, one in done.tables.items()
        },
        "calls_left": done.calls.total(),
        "left": dict(done.left),
        "retired": done.retired,
        "not_needed": spare,
    }


def _show(done: Rotated, vault: Vault, spare: list[str], *, is_own: bool) -> None:
    for name, one in done.tables.items():
        if one.anew or one.left:
            click.echo(f"{name:<20}  {one.anew:>9,} sealed anew  {one.left.total():>7,} left")
    for key_id, count in sorted(done.left.items()):
        click.echo(_what_is_left(done, vault, key_id, count))
    where = "it was taken out of PII_KEYS" if is_own else "it may be taken out of PII_KEYS"
    for key_id in spare:
        click.echo(f"Nothing that the key {key_id} sealed is left: {where}.")
    if not done.left and not spare:
        click.echo(f"Everything is sealed with the key {done.newest}, the only one.")


def _what_is_left(done: Rotated, vault: Vault, key_id: str, count: int) -> str:
    if key_id == NO_KEY:
        return f"{count:,} values have no form of a sealed one: {_places(done, key_id)}."
    if key_id not in vault.older:
        where = _places(done, key_id)
        return f"{count:,} values are sealed by the key {key_id}, which is not in PII_KEYS: {where}."
    says = f"{count:,} values that the key {key_id} sealed are left: {_places(done, key_id)}."
    if done.calls[key_id] == count:
        return f"{says} Run this again in fifteen minutes."
    return f"{says} Run this again; what stays then cannot be opened, or lies where nobody looks for it."


def _places(done: Rotated, key_id: str) -> str:
    found = [f"{one.left[key_id]:,} in {name}" for name, one in done.tables.items() if one.left[key_id]]
    if done.calls[key_id]:
        found.append(f"{done.calls[key_id]:,} in calls of the last fifteen minutes")
    return ", ".join(found)
