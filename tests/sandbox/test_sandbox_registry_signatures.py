"""What the registries sign, and whose signatures they check."""

import base64
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox.listener import Listener
from sandbox.registries import keys, signature
from sandbox.testing import Box
from tests.sandbox.dci_calls import ask, envelope, search, uin


def test_replies_are_signed_with_the_published_key(box: Box) -> None:
    answer = ask(box, "/civil/registry/sync/search", envelope("search", search(uin("12345678")))).get_json()
    published = signature.public_keys(box.get("/civil/.well-known/jwks.json"))
    signature.verify(answer["signature"], published, answer["header"], answer["message"], time.time())
    with pytest.raises(signature.SignatureError):
        signature.verify(answer["signature"], published, answer["header"], {}, time.time())


def test_wrongly_signed_replies_can_be_ordered(box: Box) -> None:
    box.fault("civil", outcome="wrong_signature")
    answer = ask(box, "/civil/registry/sync/search", envelope("search", search(uin("12345678")))).get_json()
    published = signature.public_keys(box.get("/civil/.well-known/jwks.json"))
    with pytest.raises(signature.SignatureError):
        signature.verify(answer["signature"], published, answer["header"], answer["message"], time.time())


def signed(key: Ed25519PrivateKey, body: dict[str, Any], now: float | None = None) -> dict[str, Any]:
    text = signature.sign(key, "kibaba|k1|ed25519", body["header"], body["message"], now or time.time())
    return {"signature": text} | body


def sender(box_target: Listener, key: Ed25519PrivateKey) -> None:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    entry = {
        "kty": "OKP",
        "crv": "Ed25519",
        "kid": "k1",
        "x": base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }
    box_target.pages["/.well-known/jwks.json"] = {"keys": [entry]}


def test_a_signature_is_checked_against_the_gateways_published_key(box: Box, gateway: Listener) -> None:
    key = Ed25519PrivateKey.generate()
    sender(gateway, key)
    body = envelope("search", search(uin("12345678")))
    good = ask(box, "/civil/registry/sync/search", signed(key, body)).get_json()
    assert good["header"]["status"] == "succ"
    forged = signed(Ed25519PrivateKey.generate(), body)
    bad = ask(box, "/civil/registry/sync/search", forged).get_json()
    assert bad["message"]["error"]["code"] == "err.signature.invalid"
    old = signed(key, body, time.time() - 3600)
    bad = ask(box, "/civil/registry/sync/search", old).get_json()
    assert bad["message"]["error"]["code"] == "err.signature.invalid"


def test_a_new_key_of_the_gateway_is_found_at_once(box: Box, gateway: Listener) -> None:
    body = envelope("search", search(uin("12345678")))
    for _ in range(2):
        key = Ed25519PrivateKey.generate()
        sender(gateway, key)
        answer = ask(box, "/civil/registry/sync/search", signed(key, body)).get_json()
        assert answer["header"]["status"] == "succ"


def test_a_signature_nobody_can_check_is_accepted_and_noted(box: Box) -> None:
    body = signed(Ed25519PrivateKey.generate(), envelope("search", search(uin("12345678"))))
    assert ask(box, "/civil/registry/sync/search", body).get_json()["header"]["status"] == "succ"
    assert "could not be fetched" in box.get("/requests?to=civil")[-1]["note"]


def test_with_a_configured_sender_key_every_message_must_be_signed(tmp_path: Any) -> None:
    key = Ed25519PrivateKey.generate()
    raw = base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    box = Box(tmp_path / "strict", "http://127.0.0.1:9", sender_key=raw)
    try:
        body = envelope("search", search(uin("12345678")))
        missing = ask(box, "/civil/registry/sync/search", body).get_json()
        assert missing["message"]["error"]["code"] == "err.signature.missing"
        assert (
            ask(box, "/civil/registry/sync/search", signed(key, body)).get_json()["header"]["status"]
            == "succ"
        )
    finally:
        box.close()


def test_the_signing_key_survives_a_restart(tmp_path: Any) -> None:
    published = []
    for _ in range(2):
        box = Box(tmp_path / "same", "http://127.0.0.1:9")
        published.append(keys.jwks(box.world, "fund"))
        box.close()
    assert published[0] == published[1]
    assert keys.key_id("fund") == published[0]["keys"][0]["kid"]
