"""Callbacks are on disk before they are answered, whatever they say and whatever happens meanwhile."""

from contextlib import closing
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import Engine, select, text

from core.outbox import OutboxRow, Task
from core.settings import Settings
from payments.evidence.service import store
from payments.evidence.tables import Evidence, EvidenceVerdict
from payments.model import EvidenceChannel
from ussd_app.application import create_app
from ussd_app.bodies import BODY_BYTES_MAX
from ussd_app.bootstrap import Services, build
from ussd_app.tasks import build_tasks

UNDECLARED = {"wsgi.input_terminated": True}
ORDER = "01932f00-0000-7000-8000-000000000007"


def kept(services: Services) -> list[Evidence]:
    with services.sessions.begin() as session:
        return list(session.scalars(select(Evidence).order_by(Evidence.id)))


@pytest.mark.parametrize(
    ("path", "channel", "wallet", "reference", "shortcode"),
    [
        ("stk", "stk_callback", "mpesa", "", "174379"),
        (f"stk/{ORDER}", "stk_callback", "mpesa", ORDER, "174379"),
        ("c2b/confirmation", "c2b_confirmation", "mpesa", "", "174379"),
        ("result/balance", "order_result", "mpesa", "balance:", "174379"),
        (f"result/payout/{ORDER}", "order_result", "mpesa", f"payout:{ORDER}", "174379"),
        (f"timeout/payout/{ORDER}", "order_timeout", "mpesa", f"payout:{ORDER}", "174379"),
        (f"airtel/{ORDER}", "stk_callback", "airtel", ORDER, ""),
        ("mtn", "stk_callback", "mtn", "", ""),
    ],
)
def test_each_address_keeps_what_it_is_for(
    client: FlaskClient,
    services: Services,
    path: str,
    channel: str,
    wallet: str,
    reference: str,
    shortcode: str,
) -> None:
    reply = client.post(f"/hooks/dev/{path}", data='{"any": "thing"}')
    assert (reply.status_code, reply.mimetype) == (200, "application/json")
    [row] = kept(services)
    assert (row.channel, row.wallet, row.reference, row.shortcode) == (channel, wallet, reference, shortcode)
    assert row.body == '{"any": "thing"}'
    with services.sessions.begin() as session:
        [task] = session.scalars(select(OutboxRow))
        assert (task.topic, task.payload) == ("evidence", {"evidence_id": str(row.id)})


def test_what_daraja_expects_is_what_it_hears(client: FlaskClient) -> None:
    assert client.post("/hooks/dev/stk", data="{}").json == {"ResultCode": 0, "ResultDesc": "Accepted"}
    assert client.post("/hooks/dev/c2b/confirmation", data="{}").json == {
        "ResultCode": 0,
        "ResultDesc": "Success",
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "guessed/stk", "{}", 404),
        ("POST", "dev/nothing", "{}", 404),
        ("POST", "dev/result", "{}", 404),
        ("POST", "dev/stk/a/b", "{}", 404),
        ("GET", "dev/stk", "", 405),
        ("PUT", "dev/c2b/confirmation", "{}", 405),
        ("POST", "dev/stk", "", 400),
    ],
)
def test_what_is_no_callback_is_refused_and_not_kept(
    client: FlaskClient, services: Services, method: str, path: str, body: str, status: int
) -> None:
    assert client.open(f"/hooks/{path}", method=method, data=body).status_code == status
    assert kept(services) == []


@pytest.mark.parametrize("is_declared", [True, False])
def test_of_a_body_that_is_too_large_the_beginning_is_kept_and_counted_as_unreadable(
    client: FlaskClient, services: Services, *, is_declared: bool
) -> None:
    """Even when its beginning is a whole message: nobody knows what the rest would have said."""
    message = b'{"Body": {"stkCallback": {"CheckoutRequestID": "ws_1", "ResultCode": 0}}}'
    whole = message + b" " * 70_000
    sent = {"data": whole} if is_declared else {"input_stream": BytesIO(whole), "environ_base": UNDECLARED}
    counted = 'kibaba_callbacks_total{kind="stk_callback",outcome="too_large"}'
    before = count_of(client, counted)
    reply = client.post("/hooks/dev/stk", **sent)
    assert reply.status_code == 413
    assert count_of(client, counted) == before + 1
    [row] = kept(services)
    beginning = "(the beginning of a body that is too large) "
    assert row.body == beginning + whole[:BODY_BYTES_MAX].decode()
    payload = {"evidence_id": str(row.id)}
    task = Task(row.id, "evidence", str(row.id), payload, 1, services.clock.now())
    build_tasks(services).handlers["evidence"](task)
    with services.sessions.begin() as session:
        assert session.scalars(select(EvidenceVerdict.verdict)).all() == ["unreadable"]


def count_of(client: FlaskClient, name: str) -> float:
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_bytes_that_no_database_holds_are_kept_as_escapes(client: FlaskClient, services: Services) -> None:
    assert client.post("/hooks/dev/stk/%00%ff", data=b"\x00\xff").status_code == 200
    [row] = kept(services)
    assert row.body == "\\x00\\xff"
    assert "\x00" not in row.reference


def test_the_desk_keeps_what_the_service_keeps(services: Services) -> None:
    now = services.clock.now()
    channel, more = EvidenceChannel.STK_CALLBACK, {"reference": "r" * 80, "shortcode": "174379"}
    services.evidence.keep(channel, "mpesa", "body", now=now, **more)
    with services.sessions.begin() as session:
        store(session, channel=channel, wallet="mpesa", body="body", now=now, **more)
    columns = [column.name for column in Evidence.__table__.columns if column.name != "id"]
    one, other = ([getattr(row, name) for name in columns] for row in kept(services))
    assert one == other
    with services.sessions.begin() as session:
        tasks = session.scalars(select(OutboxRow)).all()
        assert len({(row.state, row.due_at, row.created_at, row.order_key) for row in tasks}) == 1


def test_a_connection_that_was_cut_meanwhile_loses_and_doubles_nothing(
    client: FlaskClient, services: Services, engine: Engine
) -> None:
    for count in (1, 2):
        assert client.post("/hooks/dev/stk", data="{}").status_code == 200
        assert len(kept(services)) == count
        with engine.begin() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )


def test_without_a_database_it_says_that_nothing_was_kept(settings: Settings) -> None:
    nowhere = SecretStr("postgresql+psycopg://nobody@127.0.0.1:9/none")
    with closing(build(settings.model_copy(update={"database_url": nowhere}))) as away:
        reply = create_app(away).test_client().post("/hooks/dev/stk", data="{}")
    assert reply.status_code == 500
    assert reply.json == {"error": "internal server error"}
