"""A port for a server: free, and not one that the kernel gives away in the meantime."""

import socket
from pathlib import Path

import pytest

from operations import free_port as module
from operations.free_port import free_port, two_free_ports


def test_it_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert server.getsockname()[1]


def test_no_outgoing_connection_is_given_it() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    given = [free_port() for _ in range(50)]
    # Where the kernel gives away all of them there is nothing to choose from.
    assert first <= 20_000 or not [port for port in given if first <= port <= last]


def test_one_in_use_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        other = free_port()
        asked = iter([taken - 20_000, other - 20_000])
        monkeypatch.setattr("operations.free_port.secrets.randbelow", lambda _count: next(asked))
        assert free_port() == other


def test_where_all_are_given_away_any_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = tmp_path / "range"
    told.write_text("1024\t65535\n")
    monkeypatch.setattr(module, "_EPHEMERAL", told)
    assert 1024 <= free_port() <= 65_535
    monkeypatch.setattr(module, "_EPHEMERAL", tmp_path / "nowhere")
    assert 1024 <= free_port() <= 65_535


def test_two_are_never_one(monkeypatch: pytest.MonkeyPatch) -> None:
    given = iter([20_001, 20_001, 20_001, 20_002])
    monkeypatch.setattr(module, "free_port", lambda: next(given))
    assert two_free_ports() == (20_001, 20_002)
