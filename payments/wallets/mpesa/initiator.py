"""The API user behind payouts: its name, and its password sealed for M-Pesa's certificate."""

import base64
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from core.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class Initiator:
    """`certificate`: PEM of M-Pesa's X.509 certificate, a different one in each environment."""

    name: str
    password: str = field(repr=False)
    certificate: str = field(repr=False)

    def credential(self) -> str:
        """`SecurityCredential`: base64 of the password under RSA PKCS#1 v1.5 (not OAEP; Daraja portal).

        Never the same twice. Raises InvalidValue for a certificate that cannot be used.
        """
        key = _certificate(self.certificate).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise InvalidValue("M-Pesa's certificate holds no RSA key")
        return base64.b64encode(key.encrypt(self.password.encode(), padding.PKCS1v15())).decode()

    @property
    def certificate_ends_at(self) -> datetime:
        """Certificates have ended unnoticed; the doctor looks. Raises InvalidValue."""
        return _certificate(self.certificate).not_valid_after_utc


def _certificate(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise InvalidValue("M-Pesa's certificate is not an X.509 certificate in PEM") from None
