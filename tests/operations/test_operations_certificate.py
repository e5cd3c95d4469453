"""The doctor says in time that M-Pesa's certificate ends, without which no refund can be ordered."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from operations.commands.doctor import certificate_findings


def _certificate(path: Path, days_left: int) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wallet")])
    ends = datetime.now(UTC) + timedelta(days=days_left, hours=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ends - timedelta(days=365))
        .not_valid_after(ends)
        .sign(key, SHA256())
    )
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return str(path)


@pytest.mark.parametrize(
    ("days_left", "state", "says"),
    [(-2, "ill", "has ended"), (9, "warning", "ends in 9 days"), (200, "well", "")],
)
def test_a_certificate_is_watched(tmp_path: Path, days_left: int, state: str, says: str) -> None:
    setting = _certificate(tmp_path / "certificate.pem", days_left)
    [found] = certificate_findings({"MPESA_CERTIFICATE": setting})
    assert (found.state, says in found.says) == (state, True)


def test_one_that_cannot_be_read_is_named_and_a_stand_ins_only_warned_of(tmp_path: Path) -> None:
    states = {
        str(tmp_path / "nowhere.pem"): "ill",
        "-----BEGIN CERTIFICATE-----\nnonsense": "ill",
        "http://127.0.0.1:9/certificate.pem": "warning",
    }
    for setting, state in states.items():
        [found] = certificate_findings({"MPESA_CERTIFICATE": setting})
        assert found.state == state
    assert list(certificate_findings({})) == []
