"""Tries to sign in from one network: one password on many names does not get far, and staff get in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from flask import Flask, Request
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, TestResponse

from dashboard.blueprint import register
from dashboard.services import Services
from dashboard.source import source_of
from dashboard.staff.model import SOURCE_TRIES_MAX, SOURCE_WINDOW
from tests.dashboard.browsing import PASSWORD, sign_in, turn

OpenAccount = Callable[[str], str]
ATTACKER, OFFICE = "41.90.1.2", "41.90.1.3"


def browser(app: Flask, peer: str) -> FlaskClient:
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = peer
    return client


def spray(client: FlaskClient, count: int = SOURCE_TRIES_MAX) -> TestResponse:
    """One password on many names."""
    answers = [sign_in(client, f"name-{turn}@fund.example", "Habari2026 jambo") for turn in range(count)]
    assert all("do not go together" in answer.text for answer in answers[:SOURCE_TRIES_MAX])
    return answers[-1]


def test_one_password_on_many_names_is_stopped_at_its_source_and_nowhere_else(
    app: Flask, staff: OpenAccount
) -> None:
    email = staff("officer")
    attacker = browser(app, ATTACKER)
    spray(attacker)
    right = sign_in(attacker, email)
    assert right.status_code == 401
    assert "Too many tries from your network" in right.text
    assert "closed until 12:10:00" in right.text
    assert sign_in(browser(app, OFFICE), email).status_code == 302


def test_who_signed_in_before_in_this_browser_gets_in_beside_an_attacker(
    app: Flask, staff: OpenAccount
) -> None:
    email, other = staff("officer"), staff("checker")
    known = browser(app, OFFICE)
    assert sign_in(known, email).status_code == 302
    known.delete_cookie("kibaba_staff", path="/dashboard")
    spray(browser(app, OFFICE))
    assert sign_in(browser(app, OFFICE), email).status_code == 401
    assert sign_in(known, other).status_code == 401
    assert sign_in(known, email).status_code == 302


def test_a_browser_cannot_say_of_itself_that_it_is_known(app: Flask, staff: OpenAccount) -> None:
    email = staff("officer")
    attacker = browser(app, ATTACKER)
    attacker.set_cookie("kibaba_known", "WyJhIl0.aSoxyQ.forged", path="/dashboard")
    spray(attacker)
    assert sign_in(attacker, email).status_code == 401


def test_a_network_is_never_closed_for_long(app: Flask, staff: OpenAccount, parts: Services) -> None:
    email = staff("officer")
    spray(browser(app, ATTACKER))
    assert sign_in(browser(app, ATTACKER), email).status_code == 401
    turn(parts, SOURCE_WINDOW + timedelta(seconds=1))
    assert sign_in(browser(app, ATTACKER), email).status_code == 302


def test_staff_who_sign_in_rightly_close_nothing(app: Flask, staff: OpenAccount) -> None:
    email = staff("officer")
    for _ in range(SOURCE_TRIES_MAX + 5):
        assert sign_in(browser(app, OFFICE), email).status_code == 302


def test_signing_in_does_not_wipe_out_the_failures_of_the_same_network(
    app: Flask, staff: OpenAccount
) -> None:
    email = staff("officer")
    spray(browser(app, ATTACKER), SOURCE_TRIES_MAX - 1)
    assert sign_in(browser(app, ATTACKER), email).status_code == 302
    sign_in(browser(app, ATTACKER), "somebody@fund.example", "Habari2026 jambo")
    assert "from your network" in sign_in(browser(app, ATTACKER), email).text


def test_a_header_of_the_attackers_own_gives_no_new_source(parts: Services, staff: OpenAccount) -> None:
    app = Flask("kibaba", root_path=str(Path(__file__).parent), static_folder=None)
    register(app, replace(parts, trusted_proxies=(ip_network("127.0.0.1/32"),)))
    email = staff("officer")
    for place in range(SOURCE_TRIES_MAX):
        client = browser(app, "127.0.0.1")
        client.environ_base["HTTP_X_FORWARDED_FOR"] = f"10.0.0.{place}, {ATTACKER}"
        sign_in(client, f"name-{place}@fund.example", "Habari2026 jambo")
    assert sign_in(client, email, PASSWORD).status_code == 401
    client.environ_base["HTTP_X_FORWARDED_FOR"] = OFFICE
    assert sign_in(client, email, PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        (ATTACKER, None, ATTACKER),
        (ATTACKER, "10.9.9.9", ATTACKER),
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", ATTACKER, ATTACKER),
        ("127.0.0.1", f"1.1.1.1, {ATTACKER}", ATTACKER),
        ("127.0.0.1", f"1.1.1.1, {ATTACKER}, 10.2.0.9", ATTACKER),
        ("127.0.0.1", f"{ATTACKER}, rubbish", "unreadable"),
        ("127.0.0.1", "10.2.0.9", "10.2.0.9"),
        ("::ffff:127.0.0.1", ATTACKER, ATTACKER),
        ("::ffff:41.90.1.2", None, ATTACKER),
        ("2c0f:fe38:1:2:a:b:c:d", None, "2c0f:fe38:1:2::/64"),
        ("127.0.0.1", "2c0f:fe38:1:2::9", "2c0f:fe38:1:2::/64"),
        ("", None, "unreadable"),
    ],
)
def test_where_a_request_comes_from(peer: str, forwarded: str | None, source: str) -> None:
    headers = [] if forwarded is None else [("X-Forwarded-For", forwarded)]
    environ = EnvironBuilder(headers=headers, environ_base={"REMOTE_ADDR": peer}).get_environ()
    trusted = (ip_network("127.0.0.0/8"), ip_network("10.2.0.0/16"))
    assert source_of(Request(environ), trusted) == source
