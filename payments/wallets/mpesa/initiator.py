"""The API user behind payouts: its name, and its password sealed for M-Pesa's certificate."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from core.errors import InvalidValue

_PEM = "-----BEGIN CERTIFICATE-----"
_LOOPBACK = "http://127.0.0.1:"
_FETCH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Initiator:
    """`certificate` gives the PEM of M-Pesa's X.509 certificate, a different one in each environment."""

    name: str
    password: str = field(repr=False)
    certificate: Callable[[], str] = field(repr=False)

    def credential(self) -> str:
        """`SecurityCredential`: base64 of the password under RSA PKCS#1 v1.5 (not OAEP; Daraja portal).

        Never the same twice. Raises InvalidValue for a certificate that cannot be had or used.
        """
        key = self._loaded().public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise InvalidValue("M-Pesa's certificate holds no RSA key")
        return base64.b64encode(key.encrypt(self.password.encode(), padding.PKCS1v15())).decode()

    @property
    def certificate_ends_at(self) -> datetime:
        """When it stops being valid, aware; `bin/kibaba doctor` warns before. Raises InvalidValue."""
        return self._loaded().not_valid_after_utc

    def _loaded(self) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate(self.certificate().encode())
        except ValueError:
            raise InvalidValue("M-Pesa's certificate is not an X.509 certificate in PEM") from None


def certificate_from(setting: str) -> Callable[[], str]:
    """How to get the certificate that a setting names: its PEM, a file, or a stand-in's address on loopback.

    Nothing is read before it is used, and then once. What cannot be read raises InvalidValue.
    """

    @cache
    def read() -> str:
        if setting.startswith(_PEM):
            return setting
        try:
            if setting.startswith(_LOOPBACK):
                with requests.Session() as session:
                    session.trust_env = False
                    return session.get(setting, timeout=_FETCH_SECONDS).text
            return Path(setting).read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise InvalidValue("M-Pesa's certificate cannot be read") from error

    return read
