"""The systems that may call us: kept as data, added by operators, proven by their secret."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from core import audit
from core.errors import InvalidValue
from registry.connection import ReplySignatures
from registry.keys import public_keys
from registry.server.model import Client, Scope
from registry.tables import DciClientRow

REQUESTS_PER_MINUTE = 600
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{1,98}")
_SECRET_CHARACTERS_MIN = 20
_SECRET_BYTES = 32


def add_client(
    session: Session,
    client_id: str,
    *,
    name: str,
    scopes: Collection[Scope],
    now: datetime,
    actor: str,
    secret: str = "",
    signatures: ReplySignatures = ReplySignatures.CHECKED,
    keys: Mapping[str, Any] | None = None,
    keys_url: str = "",
    callback_base: str = "",
    speaks_for: str = "",
    requests_per_minute: int = REQUESTS_PER_MINUTE,
) -> str:
    """Add a client or change the one with this id; returns its secret, which is kept only as a hash.

    Without `secret` one is made. Raises InvalidValue for what could never work.
    """
    secret = secret or secrets.token_urlsafe(_SECRET_BYTES)
    _check(client_id, secret, signatures, keys, keys_url)
    for address in (keys_url, callback_base):
        _check_address(address)
    row = session.get(DciClientRow, client_id, with_for_update=True)
    if row is None:
        row = DciClientRow(id=client_id, created_at=now)
        session.add(row)
    row.name = name
    row.secret_hash = _hashed(secret)
    row.scopes = sorted(scopes)
    row.signatures = signatures
    row.keys = None if keys is None else dict(keys)
    row.keys_url = keys_url
    row.callback_base = callback_base.rstrip("/")
    row.speaks_for = speaks_for
    row.requests_per_minute = requests_per_minute
    row.disabled_at = None
    audit.record(
        session,
        at=now,
        actor=actor,
        action="dci_client.set",
        subject=client_id,
        details={"scopes": row.scopes, "signatures": row.signatures, "speaks_for": speaks_for},
    )
    session.flush()
    return secret


def disable_client(session: Session, client_id: str, *, now: datetime, actor: str, reason: str) -> None:
    """From now on nothing of this client is obeyed, tokens it holds included. Raises InvalidValue."""
    row = session.get(DciClientRow, client_id, with_for_update=True)
    if row is None:
        raise InvalidValue("there is no such client")
    row.disabled_at = now
    audit.record(session, at=now, actor=actor, action="dci_client.disabled", subject=client_id, reason=reason)


def find_client(session: Session, client_id: str) -> Client | None:
    """A client that is not disabled."""
    row = session.get(DciClientRow, client_id)
    return None if row is None or row.disabled_at is not None else _client(row)


def prove_client(session: Session, client_id: str, secret: str) -> Client | None:
    """The client whose secret this is."""
    row = session.get(DciClientRow, client_id)
    # Compared even when there is no such client, so that the time taken does not tell.
    proven = hmac.compare_digest(_hashed(secret), "" if row is None else row.secret_hash)
    return _client(row) if row is not None and proven and row.disabled_at is None else None


def _client(row: DciClientRow) -> Client:
    return Client(
        id=row.id,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        signatures=ReplySignatures(row.signatures),
        keys=row.keys,
        keys_url=row.keys_url,
        callback_base=row.callback_base,
        speaks_for=row.speaks_for,
        requests_per_minute=row.requests_per_minute,
    )


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _check(
    client_id: str,
    secret: str,
    signatures: ReplySignatures,
    keys: Mapping[str, Any] | None,
    keys_url: str,
) -> None:
    if not _ID.fullmatch(client_id):
        raise InvalidValue("a client id is 2 to 99 of a-z, 0-9, dot, dash and underscore")
    if len(secret) < _SECRET_CHARACTERS_MIN:
        raise InvalidValue(f"a client secret has at least {_SECRET_CHARACTERS_MIN} characters")
    if keys is not None and not public_keys(keys):
        raise InvalidValue("the key set holds no Ed25519 signature key with an id")
    if signatures is ReplySignatures.REQUIRED and keys is None and not keys_url:
        raise InvalidValue("signatures are required of a client whose keys are not known")


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if address and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query):
        raise InvalidValue(f"not a web address: {address[:80]!r}")
