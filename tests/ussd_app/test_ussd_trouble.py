"""Always 200 with a screen: whatever is away, slow, cut off, malformed, oversized or wrongly encoded."""

import io
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import Engine, select, text
from werkzeug.test import run_wsgi_app

from core.settings import Settings
from payments.contributions.tables import Contribution
from tests.ussd_app.aggregators import WIRES, Call
from tests.ussd_app.conftest import Phone, join
from ussd_app.application import create_app
from ussd_app.bootstrap import Services, build

NUMBER = "+254712345678"
NO_DATABASE = {"database_url": SecretStr("postgresql+psycopg://nobody@127.0.0.1:9/nothing")}
NO_REDIS = {"redis_url": SecretStr("redis://127.0.0.1:9/0")}


@pytest.fixture(params=WIRES)
def call(request: pytest.FixtureRequest, client: FlaskClient) -> Call:
    return Call(client, WIRES[request.param]())


@pytest.fixture
def without(settings: Settings) -> Iterator[Any]:
    """A web process that lacks some of its servers."""
    with ExitStack() as stack:

        def start(*missing: dict[str, SecretStr]) -> FlaskClient:
            update = {name: value for part in missing for name, value in part.items()}
            built = build(settings.model_copy(update=update))
            stack.callback(built.close)
            return create_app(built).test_client()

        yield start


def saved(services: Services) -> list[int]:
    with services.sessions.begin() as session:
        return sorted(session.scalars(select(Contribution.amount_cents)))


@pytest.mark.parametrize("missing", [(NO_DATABASE,), (NO_DATABASE, NO_REDIS)], ids=["one", "both"])
def test_without_the_database_every_hop_ends_politely(
    call: Call, without: Any, missing: tuple[dict[str, SecretStr], ...]
) -> None:
    call.client = without(*missing)
    assert call.dial().startswith("Sorry")
    assert call.ended
    call.answer("1")
    assert call.ended
    assert "dial again" in call.send("nonsense")


def test_without_redis_an_aggregator_that_says_all_goes_on_and_others_end(call: Call, without: Any) -> None:
    call.client = without(NO_REDIS)
    call.dial()
    if call.wire.name == "africastalking":
        assert "May we keep your data" in call.answer("2")
        assert not call.ended
    else:
        assert call.ended


def test_a_database_back_after_trouble_serves_the_same_post(call: Call, without: Any) -> None:
    here = call.client
    call.dial()
    call.client = without(NO_DATABASE)
    call.answer("2", "1", "12345678")
    assert call.ended
    call.client = here
    assert call.again()
    assert not call.ended


def test_a_connection_that_was_closed_meanwhile_is_not_noticed(
    engine: Engine, client: FlaskClient, services: Services
) -> None:
    phone = Phone(client, NUMBER)
    join(phone)
    phone.dial()
    for typed in ("1", "4", "50", "1"):
        with engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        last = phone.answer(typed)
    assert "M-Pesa" in last
    assert saved(services) == [5000]


def test_a_locked_table_is_not_waited_for(engine: Engine, client: FlaskClient) -> None:
    phone = Phone(client, NUMBER)
    join(phone)
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE members IN ACCESS EXCLUSIVE MODE"))
        assert phone.dial().startswith("END Sorry")
    assert "Save" in phone.dial()


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("tail", ["", "/end"])
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
@example(body=b"sessionId=1&phoneNumber=%2B254712345678&text=%00%01")
@example(body=b"sessionId=1&phoneNumber=%2B254712345678&text=%F0%9F%92%B0")
@example(body=b'{"sessionID":"\\ud800","newSession":true,"msisdn":"254712345678","userData":"1"}')
@example(body=b'{"sessionID":"1","newSession":true,"msisdn":"254712345678","userData":"\\udfff"}')
@example(body=b"[" * 4000)
@example(body=b"1" * 4000)
@example(
    body="<ussd><msisdn>254712345678</msisdn><sessionid>\u0666</sessionid><type>1</type><msg>💰</msg></ussd>".encode()
)
@example(body=b"<?xml version='1.0' encoding='utf-7'?><ussd/>")
def test_any_bytes_are_answered_with_a_screen(client: FlaskClient, name: str, tail: str, body: bytes) -> None:
    reply = client.post(f"/gateway/dev/{name}/ussd{tail}", data=body)
    assert reply.status_code == 200
    if not tail:
        screen, _ = WIRES[name]().read(reply.get_data(as_text=True))
        assert screen


TYPED = st.lists(st.text(max_size=12) | st.sampled_from(["1", "2", "0", "00", "98", "", "*", "12345678"]))


@pytest.mark.parametrize("name", WIRES)
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(typed=TYPED, link=st.text("0123456789*", max_size=8))
def test_anything_typed_is_answered_with_a_screen(
    client: FlaskClient, name: str, typed: list[str], link: str
) -> None:
    call = Call(client, WIRES[name]())
    call.dial(link)
    for answer in typed:
        cleaned = "".join(character for character in answer if character.isprintable())
        assert call.answer(cleaned.encode("utf-8", "replace").decode())


class Torn(io.RawIOBase):
    """A request whose body never comes."""

    def read(self, _size: int = -1) -> bytes:
        raise ConnectionResetError


@pytest.mark.parametrize("length", ["", "-1", "nonsense", "10", "99999999999", "٣"])
def test_a_torn_or_lying_request_is_answered_with_a_screen(client: FlaskClient, length: str) -> None:
    for stream in (io.BytesIO(b"text=1"), io.BytesIO(b"x" * 100_000), Torn()):
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/gateway/dev/africastalking/ussd",
            "CONTENT_LENGTH": length,
            "wsgi.input": stream,
        }
        chunks, status, _headers = run_wsgi_app(client.application.wsgi_app, environ)
        assert status == "200 OK"
        assert b"".join(chunks).startswith(b"END ")


@pytest.fixture
def reading(settings: Settings, redis: Redis, without: Any) -> Iterator[FlaskClient]:
    """A web process whose Redis answers and keeps nothing, as a full one does."""
    redis.acl_setuser("reader", enabled=True, nopass=True, keys=["*"], commands=["+@read", "-@write"])
    address = urlsplit(settings.redis_url.get_secret_value())
    host = address.netloc.rpartition("@")[2]
    yield without({"redis_url": SecretStr(urlunsplit(address._replace(netloc=f"reader:any@{host}")))})
    redis.acl_deluser("reader")


def test_an_answer_that_is_not_kept_ends_a_call_of_which_only_the_latest_is_sent(
    services: Services, call: Call, reading: FlaskClient
) -> None:
    join(Phone(call.client, NUMBER))
    here = call.client
    call.dial()
    call.answer("1", "3")
    call.client = reading
    screen = call.answer("2")
    if call.wire.name == "africastalking":
        assert "KES 50" in screen
        call.client = here
        assert "Save KES 50 " in call.answer("1")
    else:
        assert screen.startswith("Sorry")
        assert call.ended
    assert saved(services) == []
