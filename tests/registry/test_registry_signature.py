"""A signature holds for exactly what was sent, by its sender, in its time."""

import json
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.errors import InvalidValue
from registry.canonical import JsonMode, compact, read_object
from registry.keys import SigningKey
from registry.signature import BadSignature, SignatureFields, sign, verify
from tests.registry.registry_replies import CLOCK, StillClock

KEY = SigningKey.derived(b"sender", "tests")
HEADER = {"message_id": "m-1", "sender_id": "kibaba", "total_count": 1}
MESSAGE = {"transaction_id": "t-1", "name": "Wanjikũ"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
messages = st.dictionaries(st.text(), json_values, max_size=4)


def find_key(key_id: str) -> Ed25519PublicKey | None:
    return KEY.private.public_key() if key_id == KEY.key_id else None


def signed(
    message: Any = None, *, header: Any = None, mode: JsonMode = JsonMode.ASCII, sender: str = "kibaba"
) -> str:
    payload = compact({"header": header or HEADER, "message": message or MESSAGE}, mode)
    return sign(payload, key=KEY, sender_id=sender, now=CLOCK.now())


def check(
    text: str, *, header: Any = None, message: Any = None, clock: StillClock = CLOCK
) -> SignatureFields:
    found = verify(text, header or HEADER, message or MESSAGE, find_key=find_key, now=clock.now())
    assert isinstance(found, SignatureFields)
    return found


def refusal(text: str, **how: Any) -> str:
    with pytest.raises(BadSignature) as refused:
        check(text, **how)
    return refused.value.code


def test_the_string_has_the_form_of_the_standard() -> None:
    assert re.fullmatch(
        r'Signature: namespace="spdci", kidId="kibaba\|[\w-]+\|ed25519", algorithm="ed25519", '
        r'created="1795339800", expires="1795340100", headers="\(created\) \(expires\) digest", '
        r'signature="[A-Za-z0-9+/=]{88}"',
        signed(),
    )


@settings(deadline=None)
@given(message=messages, mode=st.sampled_from(list(JsonMode)))
def test_whatever_json_is_signed_verifies_after_its_way_over_the_wire(
    message: dict[str, Any], mode: JsonMode
) -> None:
    try:
        payload = compact({"header": HEADER, "message": message}, mode)
    except ValueError:
        assume(False)
    received = read_object(payload, 1_000_000)
    text = sign(payload, key=KEY, sender_id="kibaba", now=CLOCK.now())
    verify(text, received["header"], received["message"], find_key=find_key, now=CLOCK.now())


@settings(deadline=None)
@given(message=messages, other=messages)
def test_another_message_never_verifies(message: dict[str, Any], other: dict[str, Any]) -> None:
    # `0` and `0.0` are one number, and the content is what counts.
    assume(message != other)
    assume(json.dumps(message, sort_keys=True) != json.dumps(other, sort_keys=True))
    payload = compact({"header": HEADER, "message": message}, JsonMode.ASCII)
    text = sign(payload, key=KEY, sender_id="kibaba", now=CLOCK.now())
    with pytest.raises(BadSignature):
        verify(text, HEADER, other, find_key=find_key, now=CLOCK.now())


@settings(deadline=None)
@given(place=st.integers(0, 500), letter=st.sampled_from('aZ09+/="|, '))
def test_a_changed_letter_in_the_signature_is_refused_or_changes_nothing(place: int, letter: str) -> None:
    text = signed()
    place %= len(text)
    changed = text[:place] + letter + text[place + 1 :]
    try:
        fields = check(changed)
    except BadSignature as refused:
        assert refused.code == "err.signature.invalid"  # noqa: PT017 -- both ends are allowed here
    else:
        # Only letters that carry no meaning may differ: spaces, the prefix, unused base64 bits.
        assert (fields.created, fields.expires) == (1795339800, 1795340100)
        assert fields.signature == SignatureFields.parse(text).signature


@pytest.mark.parametrize("part", ["message_id", "total_count"])
def test_a_changed_header_is_refused(part: str) -> None:
    assert refusal(signed(), header=HEADER | {part: "forged"}) == "err.signature.invalid"


def test_letters_beyond_ascii_verify_however_the_sender_wrote_them() -> None:
    assert signed(mode=JsonMode.ASCII) != signed(mode=JsonMode.UTF8)
    assert check(signed(mode=JsonMode.ASCII))
    assert check(signed(mode=JsonMode.UTF8))


@pytest.mark.parametrize("seconds", [-60, 0, 300, 360])
def test_it_holds_for_its_life_and_a_minute_of_skew(seconds: int) -> None:
    assert check(signed(), clock=CLOCK.later(seconds))


@pytest.mark.parametrize("seconds", [-61, 361])
def test_beyond_life_and_skew_it_is_refused(seconds: int) -> None:
    assert refusal(signed(), clock=CLOCK.later(seconds)) == "err.signature.invalid"


def test_a_sender_cannot_give_itself_a_longer_life() -> None:
    created = int(CLOCK.now().timestamp())
    payload = compact({"header": HEADER, "message": MESSAGE}, JsonMode.ASCII)
    late = sign(payload, key=KEY, sender_id="kibaba", now=CLOCK.now()).replace(
        f'expires="{created + 300}"', f'expires="{created + 30_000}"'
    )
    assert refusal(late, clock=CLOCK.later(400)) == "err.signature.invalid"


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: text.removeprefix("Signature: "),
        lambda text: text.replace("Signature:", "signature:"),
        lambda text: text.replace('namespace="spdci"', 'namespace="dci"'),
        lambda text: text.replace("kidId", "keyId"),
        lambda text: text.replace(", ", ","),
        lambda text: text.replace('algorithm="ed25519"', 'algorithm="Ed25519"'),
        lambda text: text.replace('=="', '"'),
    ],
    ids=["no prefix", "small prefix", "dci", "keyId", "no spaces", "algorithm case", "no padding"],
)
def test_other_spellings_of_the_same_signature_are_read(rewrite: Any) -> None:
    assert check(rewrite(signed())).sender_id == "kibaba"


@pytest.mark.parametrize("text", ["", "   "])
def test_no_signature_is_missing(text: str) -> None:
    assert refusal(text) == "err.signature.missing"


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: text.replace('namespace="spdci"', 'namespace="other"'),
        lambda text: text.replace(" digest", ""),
        lambda text: text.replace("ed25519", "rsa"),
        lambda text: text.replace('created="1795339800"', 'created="soon"'),
        lambda text: text.replace('signature="', 'signature="é'),
        lambda text: text + "x" * 3000,
        lambda _text: "nonsense",
    ],
    ids=["namespace", "digest not covered", "algorithm", "time", "not base64", "too long", "nonsense"],
)
def test_anything_else_is_invalid(rewrite: Any) -> None:
    assert refusal(rewrite(signed())) == "err.signature.invalid"


def test_one_sender_cannot_sign_for_another() -> None:
    assert refusal(signed(sender="somebody")) == "err.signature.invalid"


def test_a_key_nobody_publishes_is_refused() -> None:
    assert refusal(signed().replace(KEY.key_id, "other-key")) == "err.signature.invalid"


def test_half_a_surrogate_pair_is_refused_not_a_crash() -> None:
    message = read_object(b'{"name": "\\ud83d"}', 1000)
    assert refusal(signed(), message=message) == "err.signature.invalid"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"a":' * 60 + b"1" + b"}" * 60,
        b'{"a":"' + b"x" * 2000 + b'"}',
    ],
    ids=["empty", "list", "not utf-8", "NaN", "bottomless", "too deep", "too large"],
)
def test_json_from_outside_is_read_within_limits(raw: bytes) -> None:
    with pytest.raises(InvalidValue):
        read_object(raw, 1000)
