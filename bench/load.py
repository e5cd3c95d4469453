"""A closed-loop load generator: a few connections, each walking prepared dialogs and checking every answer.

Cheap on purpose: requests are bytes made before the clock starts, sockets are raw and kept alive, one thread
waits on all of them. A wrong answer ends the run.
"""

import selectors
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

READ_BYTES = 65_536
QUIET_SECONDS_MAX = 20.0
_HEAD_END = b"\r\n\r\n"
_OK = b"HTTP/1.1 200"
# Linux's note of when that arrived which is read: an option of a socket and a message of the same number, see
# socket(7); Python has no name for it.
_SO_TIMESTAMPNS = 35
_NOTE = struct.Struct("qq")


class WrongAnswerError(Exception):
    """A server answered something else than the flow says, or nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as bytes and what the answer must contain."""

    wire: bytes
    expected: bytes


Dialog = Sequence[Request]


@dataclass(slots=True)
class Outcome:
    """What a run of dialogs took. Latencies are seconds, one per hop."""

    hops: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Line:
    """One connection and the dialog it is in. Times are seconds of `clock`."""

    __slots__ = ("address", "answer", "arrived_at", "asked_at", "dialog", "hop", "socket")
    clock = staticmethod(time.perf_counter)

    def __init__(self, address: tuple[str, int], dialog: Dialog) -> None:
        self.address = address
        self.dialog = dialog
        self.hop = 0
        self.asked_at = self.arrived_at = 0.0
        self.answer = b""
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(self.address, timeout=QUIET_SECONDS_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> None:
        self.answer = b""
        self.asked_at = self.clock()
        # A request of a few hundred bytes always fits the empty buffer of a connection.
        self.socket.send(self.dialog[self.hop].wire)

    def hear(self) -> bool:
        """Take what arrived; True when the answer is whole. Raises WrongAnswerError."""
        arrived = self.take()
        self.answer = self.answer + arrived if self.answer else arrived
        head_length = self.answer.find(_HEAD_END)
        if head_length < 0:
            if not arrived:
                raise WrongAnswerError(f"closed before the end of an answer: {self.answer[:200]!r}")
            return False
        return len(self.answer) - head_length - len(_HEAD_END) >= _body_length(self.answer[:head_length])

    def take(self) -> bytes:
        taken = self.socket.recv(READ_BYTES)
        self.arrived_at = self.clock()
        return taken

    def check(self) -> None:
        expected = self.dialog[self.hop].expected
        if not self.answer.startswith(_OK) or expected not in self.answer:
            raise WrongAnswerError(f"hop {self.hop}: {expected!r} is not in {self.answer[-400:]!r}")


@contextmanager
def kernel_notes() -> Iterator[None]:
    """The kernel notes when packets arrive, from a moment later until the block ends.

    It does so while any socket wants it: one that stays spares each new connection that moment.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wanting:
        wanting.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        yield


class NotedLine(_Line):
    """An answer has arrived when it lies at the socket, not when we get a processor to take it."""

    __slots__ = ()
    # By which the kernel takes its notes.
    clock = staticmethod(time.time)

    def connect(self) -> None:
        super().connect()
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def take(self) -> bytes:
        taken, notes, _flags, _address = self.socket.recvmsg(READ_BYTES, socket.CMSG_SPACE(_NOTE.size))
        # What came before the kernel had begun to take notes has none.
        self.arrived_at = self.clock()
        for _level, _kind, note in notes:
            seconds, nanoseconds = _NOTE.unpack(note)
            self.arrived_at = seconds + nanoseconds / 1e9
        return taken


def drive(
    port: int, dialogs: Sequence[Dialog], connections: int, *, callers_have_a_processor: bool = False
) -> Outcome:
    """Walk every dialog once over `connections` connections. Raises WrongAnswerError.

    `callers_have_a_processor`: latencies end when the kernel has the answer for us, even if we take it later;
    within `kernel_notes`. Linux only.
    """
    kind = NotedLine if callers_have_a_processor else _Line
    outcome = Outcome()
    waiting = iter(dialogs)
    began = time.perf_counter()
    with selectors.EpollSelector() as selector:
        lines = [kind(("127.0.0.1", port), dialog) for dialog in islice(waiting, connections)]
        try:
            for line in lines:
                selector.register(line.socket, selectors.EVENT_READ, line)
                line.ask()
            _talk(selector, waiting, outcome)
        finally:
            for line in lines:
                line.socket.close()
    outcome.seconds = time.perf_counter() - began
    outcome.hops = len(outcome.latencies)
    return outcome


def _talk(selector: selectors.EpollSelector, waiting: Iterator[Dialog], outcome: Outcome) -> None:
    latencies = outcome.latencies
    while selector.get_map():
        ready = selector.select(QUIET_SECONDS_MAX)
        if not ready:
            raise WrongAnswerError(f"no answer within {QUIET_SECONDS_MAX:.0f} s")
        for key, _events in ready:
            line: _Line = key.data
            if not line.hear():
                continue
            latencies.append(line.arrived_at - line.asked_at)
            line.check()
            closing = _closes(line.answer)
            line.hop += 1
            if line.hop == len(line.dialog):
                following = next(waiting, None)
                if following is None:
                    selector.unregister(line.socket)
                    # At once: gunicorn waits for its client to close too, and serves nobody meanwhile.
                    line.socket.close()
                    continue
                line.dialog, line.hop = following, 0
            if closing:
                selector.unregister(line.socket)
                line.socket.close()
                line.connect()
                selector.register(line.socket, selectors.EVENT_READ, line)
            line.ask()


def _body_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    if not found:
        raise WrongAnswerError(f"an answer without a length: {head[:200]!r}")
    return int(rest.split(b"\r\n", 1)[0])


def _closes(answer: bytes) -> bool:
    return b"connection: close" in answer[: answer.find(_HEAD_END)].lower()
