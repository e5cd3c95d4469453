"""While somebody pays by hand the wallet waits for our word: it comes in time, and in doubt it is yes."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from core.settings import Settings
from ussd_app.application import create_app
from ussd_app.bootstrap import Services, build

VALIDATION = "/hooks/dev/c2b/validation"
NOBODY = "400000001"


def validated(client: FlaskClient, account: str = NOBODY) -> dict[str, Any]:
    body = {
        "TransactionType": "Pay Bill",
        "TransID": "SKL0000001",
        "TransTime": "20261122101500",
        "TransAmount": "50.00",
        "BusinessShortCode": "174379",
        "BillRefNumber": account,
        "InvoiceNumber": "",
        "OrgAccountBalance": "",
        "ThirdPartyTransID": "",
        "MSISDN": "2547 ***** 678",
        "FirstName": "JOYCE",
    }
    answer = client.post(VALIDATION, data=json.dumps(body))
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.data)
    return found


def test_a_mistyped_number_is_turned_away(client: FlaskClient) -> None:
    assert validated(client)["ResultCode"] == "C2B00012"


def test_a_database_that_hangs_is_not_waited_for_and_the_money_is_taken(
    client: FlaskClient, engine: Engine
) -> None:
    with engine.begin() as other:
        other.execute(text("LOCK TABLE members IN ACCESS EXCLUSIVE MODE"))
        # The lock is let go only after the answer: whoever waited for it would wait for ever.
        assert validated(client)["ResultCode"] == "0"
    assert validated(client)["ResultCode"] == "C2B00012"


def test_a_database_that_was_started_anew_is_no_doubt(client: FlaskClient, engine: Engine) -> None:
    validated(client)
    with engine.begin() as other:
        other.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert validated(client)["ResultCode"] == "C2B00012"


@pytest.mark.parametrize("body", ["", "{", "[]", '{"TransID": 7}', "\xff"])
def test_what_cannot_be_read_is_taken(client: FlaskClient, body: str) -> None:
    answer = client.post(VALIDATION, data=body)
    assert (answer.status_code, json.loads(answer.data)["ResultCode"]) == (200, "0")


def test_without_a_database_the_money_is_taken(settings: Settings) -> None:
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:9/nothing"
    built = build(settings.model_copy(update={"database_url": type(settings.database_url)(nowhere)}))
    try:
        assert validated(create_app(built).test_client())["ResultCode"] == "0"
    finally:
        built.close()


def test_the_word_is_asked_of_connections_that_do_not_wait(services: Services) -> None:
    with services.brief_sessions.begin() as session:
        assert session.scalar(text("SHOW statement_timeout")) == "2500ms"
