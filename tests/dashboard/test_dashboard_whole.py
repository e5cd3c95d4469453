"""The dashboard as the whole application serves it."""

from contextlib import closing

from core.settings import Settings
from tests.dashboard.browsing import token_in
from ussd_app.application import create_app
from ussd_app.bootstrap import build


def test_the_application_serves_the_door(settings: Settings) -> None:
    with closing(build(settings)) as services:
        client = create_app(services).test_client()
        assert client.get("/dashboard/").headers["Location"].startswith("/dashboard/sign-in")
        page = client.get("/dashboard/sign-in")
        assert page.status_code == 200
        wrong = {"csrf_token": token_in(page.text), "email": "a@b.example", "password": "x"}
        assert client.post("/dashboard/sign-in", data=wrong).status_code == 401


def test_providers_need_no_token_of_ours(settings: Settings) -> None:
    with closing(build(settings)) as services:
        client = create_app(services).test_client()
        answer = client.post("/hooks/dev/stk", json={"Body": {}})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
