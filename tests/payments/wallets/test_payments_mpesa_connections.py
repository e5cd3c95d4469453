"""On real sockets: a connection that breaks after sending leaves the prompt unknown; nothing goes twice."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import requests

from core.clock import SystemClock
from core.shared_token import FreshToken, LocalTokenCache
from payments.wallets.mpesa.wallet import MpesaWallet
from payments.wallets.protocol import Rejected, Unknown
from tests.payments.wallets.mpesa_stubs import config, wish

RESET_ON_CLOSE = b"\x01\x00\x00\x00\x00\x00\x00\x00"
GIVE_UP_SECONDS = 20


@dataclass
class Peer:
    """A server that reads each request whole and then behaves badly."""

    behave: Callable[[socket.socket], None]
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(GIVE_UP_SECONDS)
                self.requests.append(read_request(connection))
                self.behave(connection)


def read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head


def close(connection: socket.socket) -> None:
    """Say nothing."""


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)


def garbage(connection: socket.socket) -> None:
    connection.sendall(b"this is not HTTP\r\n\r\n")


def half_an_answer(connection: socket.socket) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"ResponseCode": "0", ')


def silence(connection: socket.socket) -> None:
    """Until the other side has given up."""
    connection.recv(1)


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        # A proxy in the environment would answer for hosts that do not exist.
        session.trust_env = False
        yield session


def wallet_at(url: str, http: requests.Session, read_timeout_seconds: float) -> MpesaWallet:
    tokens = LocalTokenCache()
    # The token is there already, so that the first request is the prompt itself.
    tokens.get(lambda: FreshToken("token", 3600))
    settings = config(base_url=url, read_timeout_seconds=read_timeout_seconds)
    return MpesaWallet(settings, tokens, http, SystemClock())


@pytest.mark.parametrize(
    ("behave", "read_timeout_seconds"),
    [
        (close, GIVE_UP_SECONDS),
        (reset, GIVE_UP_SECONDS),
        (garbage, GIVE_UP_SECONDS),
        (half_an_answer, GIVE_UP_SECONDS),
        (silence, 0.2),
    ],
)
def test_a_peer_that_breaks_off_leaves_the_prompt_unknown(
    http: requests.Session, behave: Callable[[socket.socket], None], read_timeout_seconds: float
) -> None:
    peer = Peer(behave)
    server = threading.Thread(target=peer.serve)
    server.start()
    try:
        outcome = wallet_at(peer.url, http, read_timeout_seconds).prompt(
            wish(callback_url="http://kibaba.test/hooks/dev/stk")
        )
    finally:
        peer.listener.shutdown(socket.SHUT_RDWR)
        peer.listener.close()
        server.join()
    assert isinstance(outcome, Unknown)
    assert [head.split(b" ")[0] for head in peer.requests] == [b"POST"]


def test_a_closed_port_has_received_nothing(http: requests.Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    outcome = wallet_at(url, http, GIVE_UP_SECONDS).prompt(
        wish(callback_url="http://kibaba.test/hooks/dev/stk")
    )
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.retry_seconds) == ("unreachable", 30)


def test_a_host_that_does_not_exist_has_received_nothing(http: requests.Session) -> None:
    outcome = wallet_at("http://nowhere.invalid", http, GIVE_UP_SECONDS).prompt(
        wish(callback_url="http://kibaba.test/hooks/dev/stk")
    )
    assert isinstance(outcome, Rejected)


def test_bodies_and_secrets_are_in_no_log(http: requests.Session, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        wallet_at("http://127.0.0.1:9", http, GIVE_UP_SECONDS).prompt(
            wish(callback_url="http://kibaba.test/hooks/dev/stk")
        )
    everything = caplog.text + repr([vars(record) for record in caplog.records])
    assert "wallet call failed" in everything
    for secret in ("254708374149", "sandbox-passkey", "sandbox-secret", "400000012", "hooks/dev"):
        assert secret not in everything
