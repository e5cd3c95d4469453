"""The API user behind payouts: a certificate to encrypt its password with, and the check of it."""

import base64
import binascii
import hmac
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from sandbox.daraja import fields
from sandbox.daraja.errors import invalid
from sandbox.world import World, here

blueprint = Blueprint("initiators", __name__)

LIFE_DAYS = 3650


@blueprint.get("/certificate.pem")
def certificate() -> ResponseReturnValue:
    """The X.509 certificate that `SecurityCredential` is encrypted for."""
    _private_key(here())
    return Response(here().store.fact("certificate") or "", mimetype="application/x-pem-file")


def _private_key(world: World) -> rsa.RSAPrivateKey:
    """Made at the first use, together with its certificate, and kept."""
    with world.store.transaction():
        kept = world.store.fact("certificate_key")
        if kept is None:
            key = rsa.generate_private_key(65537, 2048)
            plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            world.store.put_fact("certificate_key", plain.decode())
            world.store.put_fact("certificate", _self_signed(key))
            return key
    loaded = load_pem_private_key(kept.encode(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded


def _self_signed(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox wallet")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=LIFE_DAYS))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode()


def is_authorised(world: World, body: fields.Body, name_field: str) -> bool:
    """Whether name and credential are right; wrong ones are accepted now, and refused later with 2001."""
    name = fields.text(body, name_field, most=64)
    credential = fields.text(body, "SecurityCredential", most=1024)
    try:
        sealed = base64.b64decode(credential, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("SecurityCredential") from None
    try:
        password = _private_key(world).decrypt(sealed, padding.PKCS1v15())
    except ValueError:
        return False
    fits = hmac.compare_digest(password, world.settings.initiator_password.encode())
    return fits and hmac.compare_digest(name.encode(), world.settings.initiator.encode())
