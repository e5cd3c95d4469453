"""What a browser does: reads the form's token, signs in, posts."""

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

PASSWORD = "maji ya moto yapoe"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def token_in(page: str) -> str:
    """The CSRF token of the first form on a page."""
    found = _TOKEN.search(page)
    assert found, "no form with a token on this page"
    return found[1]


def post(client: FlaskClient, address: str, form_on: str | None = None, **fields: str) -> TestResponse:
    """Fill in the form found at `form_on` (else at `address` itself) and send it to `address`."""
    token = token_in(client.get(form_on or address).text)
    return client.post(address, data={"csrf_token": token, **fields})


def sign_in(client: FlaskClient, email: str, password: str = PASSWORD) -> TestResponse:
    return post(client, "/dashboard/sign-in", email=email, password=password)
