"""The sandbox inside a test: a real server on a free port, or a box whose clock the test holds."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from sandbox.app import create_app, world_of
from sandbox.clock import compact
from sandbox.listener import QuietHandler
from sandbox.settings import Settings
from sandbox.world import World


@contextmanager
def running_sandbox(
    state_dir: Path,
    target: str = "http://127.0.0.1:9",
    token: str = "dev",  # noqa: S107 - published.
    **options: Any,
) -> Iterator[str]:
    """Yields the base URL. `options` are further fields of `Settings`; by default nobody hears callbacks."""
    app = create_app(Settings(state_dir=str(state_dir), target=target, hook_token=token, **options))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
        world_of(app).close()


class Box:
    """A sandbox in which nothing happens until the test lets time pass. Callbacks go out over real HTTP."""

    def __init__(self, state_dir: Path, target: str, **options: Any) -> None:
        self.app: Flask = create_app(
            Settings(state_dir=str(state_dir), target=target, **options), start=False
        )
        self.world: World = world_of(self.app)
        self.target = target
        self._token = ""

    def close(self) -> None:
        self.world.close()

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        with self.app.test_client() as client:
            return client.open(path, method=method, **options)

    def get(self, path: str, **options: Any) -> Any:
        """The JSON at `path`."""
        return self.call("GET", path, **options).get_json()

    def fault(self, part: str, **spec: Any) -> None:
        answer = self.call("PUT", f"/faults/{part}", json=spec)
        assert answer.status_code == HTTPStatus.OK, answer.get_json()

    def switch(self, **wanted: Any) -> None:
        answer = self.call("PUT", "/switches", json=wanted)
        assert answer.status_code == HTTPStatus.OK, answer.get_json()

    def pass_time(self, seconds: float) -> None:
        """Moves the clock from one thing due to the next, so that each happens at its own time."""
        end = self.world.clock.now() + seconds
        while (left := end - self.world.clock.now()) > 0:
            due = self.world.agenda.next_due_at()
            step = left if due is None else min(left, max(0.0, due - self.world.clock.now()) + 0.001)
            self.world.clock.advance(step)
            self.world.agenda.run_due()

    def fresh_token(self) -> str:
        url = "/daraja/oauth/v1/generate?grant_type=client_credentials"
        self._token = str(self.get(url, auth=("sandbox-key", "sandbox-secret"))["access_token"])
        return self._token

    def daraja(self, path: str, body: Any, **options: Any) -> TestResponse:
        """A POST with a good token, unless `headers` are given."""
        headers = options.pop("headers", None) or {
            "Authorization": f"Bearer {self._token or self.fresh_token()}"
        }
        return self.call("POST", f"/daraja{path}", json=body, headers=headers, **options)

    def credentials(self) -> dict[str, str]:
        stamp = compact(self.world.clock.now())
        password = base64.b64encode(f"174379sandbox-passkey{stamp}".encode()).decode()
        return {"BusinessShortCode": "174379", "Password": password, "Timestamp": stamp}

    def push_body(self, **changes: Any) -> dict[str, Any]:
        """A good STK push of KES 50 to +254712345678, changed as told; None leaves a field out."""
        body = self.credentials() | {
            "TransactionType": "CustomerPayBillOnline",
            "Amount": 50,
            "PartyA": "254712345678",
            "PartyB": "174379",
            "PhoneNumber": "254712345678",
            "CallBackURL": f"{self.target}/hooks/dev/stk",
            "AccountReference": "400000018",
            "TransactionDesc": "Save",
        }
        return {key: value for key, value in (body | changes).items() if value is not None}

    def push(self, **changes: Any) -> TestResponse:
        return self.daraja("/mpesa/stkpush/v1/processrequest", self.push_body(**changes))

    def query(self, checkout_id: str) -> TestResponse:
        body = self.credentials() | {"CheckoutRequestID": checkout_id}
        return self.daraja("/mpesa/stkpushquery/v1/query", body)

    def register_urls(self, version: str = "v2", **changes: Any) -> TestResponse:
        body = {
            "ShortCode": "174379",
            "ResponseType": "Completed",
            "ConfirmationURL": f"{self.target}/hooks/dev/c2b/confirmation",
            "ValidationURL": f"{self.target}/hooks/dev/c2b/validation",
        }
        return self.daraja(f"/mpesa/c2b/{version}/registerurl", body | changes)
