"""The benchmarks run with tiny counts, write what is promised, and let no wrong answer pass."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bench.cores import Used, resident_bytes, tree, used_by
from bench.load import Dialog, NotedLine, Outcome, Request, WrongAnswerError, drive, kernel_notes
from bench.posts import dialog

REPOSITORY = Path(__file__).parents[2]
EVERY_FIELD = {"name", "machine", "when", "commit", "figures", "ratios"}


def bench(tmp_path: Path, *arguments: str) -> dict[str, object]:
    environment = os.environ | {"KIBABA_STATE": str(tmp_path)}
    command = [sys.executable, "-m", "bench", *arguments]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    content: dict[str, object] = json.loads((tmp_path / "bench" / f"{arguments[0]}.json").read_text())
    return content


@pytest.mark.stack
def test_the_hop_of_kibaba_alone_is_measured(tmp_path: Path) -> None:
    written = bench(tmp_path, "hop", "--quick", "--alone")
    assert written.keys() == EVERY_FIELD
    figures = written["figures"]
    assert isinstance(figures, dict)
    assert figures["kibaba"]["hops_per_round"] == 180
    assert figures["kibaba"]["server_us_per_hop"] > 0
    assert written["ratios"] == {}


@pytest.mark.stack
def test_more_members_and_many_sessions_are_measured(tmp_path: Path) -> None:
    written = bench(tmp_path, "scale", "--quick")
    figures, ratios = written["figures"], written["ratios"]
    assert isinstance(figures, dict)
    assert isinstance(ratios, dict)
    assert ratios.keys() == {"members_1m_over_1k"}
    assert figures["session_keys"] >= 200
    assert figures["session_keys_without_ttl"] == 0
    assert figures["resident_mb"] > 0


@pytest.mark.stack
def test_contributions_posted_and_read_back_are_measured(tmp_path: Path) -> None:
    written = bench(tmp_path, "jobs", "--quick")
    figures, ratios = written["figures"], written["ratios"]
    assert isinstance(figures, dict)
    assert isinstance(ratios, dict)
    assert figures["contributions"] == 2000
    assert ratios.keys() == {"requests_loop"}


@pytest.mark.stack
def test_every_staff_page_is_measured_in_two_houses(tmp_path: Path) -> None:
    written = bench(tmp_path, "pages", "--quick")
    figures, ratios = written["figures"], written["ratios"]
    assert isinstance(figures, dict)
    assert isinstance(ratios, dict)
    assert ratios.keys() == {"worst_page_many_over_few"}
    assert {"Today", "Exceptions", "a Break", "search by ID", "Reports", "Staff"} <= figures["pages"].keys()
    assert all(page["few_p50_ms"] > 0 and page["many_p50_ms"] > 0 for page in figures["pages"].values())


@pytest.mark.stack
def test_an_evening_is_reconciled_and_every_planted_difference_is_found(tmp_path: Path) -> None:
    written = bench(tmp_path, "reconcile", "--quick", "--alone")
    figures = written["figures"]
    assert isinstance(figures, dict)
    ours = figures["ours"]
    assert (ours["lines"], ours["applied"], ours["repeated"]) == (1992, 6, 2)
    assert ours["breaks"]["not_on_statement"] == 8
    assert 0 < ours["peak_mb"] < 400


@pytest.mark.stack
def test_callbacks_are_measured_until_they_are_credited(tmp_path: Path) -> None:
    written = bench(tmp_path, "intake", "--quick")
    figures, ratios = written["figures"], written["ratios"]
    assert isinstance(figures, dict)
    assert isinstance(ratios, dict)
    assert ratios.keys() == {"wsgi_insert_floor", "psycopg_rows_floor", "hop_p99_draining"}
    assert figures["credited_kibaba"]["own_us"] > 0
    assert figures["hops"]["hops_draining"] > 0


@contextmanager
def answering(reply: Callable[[bytes], bytes], *, closes: bool = False) -> Iterator[int]:
    """A server of one thread per connection; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        with connection:
            while asked := connection.recv(65_536):
                connection.sendall(reply(asked))
                if closes:
                    return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=talk, args=(connection,)))
            threads[-1].start()

    threads = [threading.Thread(target=accept)]
    threads[0].start()
    with closing(listener):
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()


def answer(body: bytes, head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def dialogs(count: int) -> list[Dialog]:
    return [[Request(b"one", b"CON one"), Request(b"two", b"CON two")] for _ in range(count)]


def test_every_hop_is_counted_and_timed() -> None:
    with answering(lambda asked: answer(b"CON " + asked)) as port:
        outcome = drive(port, dialogs(10), connections=3)
    assert outcome.hops == 20
    assert len(outcome.latencies) == 20


def exchange(line: NotedLine, server: socket.socket) -> float:
    """When an answer was sent which is taken later, as by a generator that waits for a processor."""
    line.ask()
    server.sendall(answer(b"CON " + server.recv(65_536)))
    sent_at = time.time()
    time.sleep(0.01)
    assert line.hear()
    line.check()
    return sent_at


def test_an_answer_has_come_when_the_kernel_has_it() -> None:
    with kernel_notes(), socket.create_server(("127.0.0.1", 0)) as listener:
        line = NotedLine(listener.getsockname(), dialogs(1)[0])
        server, _ = listener.accept()
        with server, line.socket:
            # The kernel begins to take notes a moment after it is asked to, and not at all without.
            deadline = time.monotonic() + 10
            while (sent_at := exchange(line, server)) < line.arrived_at:
                assert time.monotonic() < deadline
            for _ in range(20):
                assert line.asked_at <= line.arrived_at <= sent_at
                sent_at = exchange(line, server)


def test_hops_of_callers_with_a_processor_are_counted_too() -> None:
    with answering(lambda asked: answer(b"CON " + asked, b"Connection: close\r\n"), closes=True) as port:
        outcome = drive(port, dialogs(4), connections=2, callers_have_a_processor=True)
    assert outcome.hops == 8
    assert min(outcome.latencies) > 0


def test_a_server_that_closes_each_connection_is_asked_again_on_a_new_one() -> None:
    with answering(lambda asked: answer(b"CON " + asked, b"Connection: close\r\n"), closes=True) as port:
        assert drive(port, dialogs(4), connections=2).hops == 8


@pytest.mark.parametrize(
    "wrong",
    [
        answer(b"CON something else"),
        b"HTTP/1.1 500 No\r\nContent-Length: 7\r\n\r\nCON one",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_a_wrong_answer_ends_the_run(wrong: bytes) -> None:
    with answering(lambda _asked: wrong) as port, pytest.raises(WrongAnswerError):
        drive(port, dialogs(1), connections=1)


def test_percentiles_are_of_hops_in_milliseconds() -> None:
    outcome = Outcome(latencies=[number / 1000 for number in range(1, 101)])
    assert outcome.percentile_ms(0.5) == 51.0
    assert outcome.percentile_ms(0.99) == 100.0


def test_a_dialog_is_posted_as_the_aggregator_posts_it() -> None:
    (first,) = dialog("/ussd", "s1", "+254712345678", [("1*200", "CON")])
    assert first.wire.startswith(b"POST /ussd HTTP/1.1\r\n")
    assert b"phoneNumber=%2B254712345678" in first.wire
    assert first.wire.endswith(b"text=1%2A200")


def test_processor_time_of_a_process_tree_is_read() -> None:
    before = used_by(os.getpid())
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    spent = used_by(os.getpid()).since(before)
    assert spent.seconds > 0
    assert os.getpid() in tree(os.getpid())
    assert resident_bytes(os.getpid()) > 1_000_000
    assert Used(1.0, 2.0).since(Used(0.5, 0.5)) == Used(0.5, 1.5)
