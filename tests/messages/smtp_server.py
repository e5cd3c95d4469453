"""A small SMTP server on this machine: takes mail, encrypted where it has a certificate, and faults."""

import base64
import datetime as dt
import email
import ipaddress
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Post:
    """What the server took, and how it behaves. `answer` (a code) is given to each message's end.

    `account`: user name and password, without which no mail is taken. `logins` are those that were tried, and
    whether the line was encrypted.
    """

    messages: list[Message] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    answer: str = "250 taken"
    refuse_recipient: str = ""
    is_silent: bool = False
    account: tuple[str, str] | None = None
    logins: list[tuple[str, str, bool]] = field(default_factory=list)
    port: int = 0

    @property
    def needs_login(self) -> bool:
        return self.account is not None and self.account not in {login[:2] for login in self.logins}


class _Handler(socketserver.StreamRequestHandler):
    post: Post
    context: ssl.SSLContext | None
    from_the_first_byte: bool

    def handle(self) -> None:
        if self.post.is_silent:
            time.sleep(3)
            return
        if self.from_the_first_byte and not self._encrypted():
            return
        self._say("220 here")
        while line := self.rfile.readline():
            words = line.decode().strip()
            self.post.commands.append(words.split(" ", 1)[0].upper())
            if not self._answer(words):
                return

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _answer(self, words: str) -> bool:
        match words.upper().split(" ", 1)[0]:
            case "EHLO":
                told = ["STARTTLS"] if self.context and not self._is_encrypted() else []
                told = ["here", *told, *(["AUTH PLAIN"] if self.post.account else [])]
                for line in told[:-1]:
                    self._say(f"250-{line}")
                self._say(f"250 {told[-1]}")
            case "STARTTLS" if self.context:
                self._say("220 go on")
                return self._encrypted()
            case "AUTH":
                _, name, password = base64.b64decode(words.split(" ")[2]).decode().split("\0")
                self.post.logins.append((name, password, self._is_encrypted()))
                self._say("535 who are you" if self.post.needs_login else "235 welcome")
            case "MAIL" if self.post.needs_login:
                self._say("530 log in first")
            case "RCPT" if self.post.refuse_recipient and self.post.refuse_recipient in words:
                self._say("550 no such person")
            case "DATA":
                self._say("354 go on")
                self._take()
            case "QUIT":
                self._say("221 bye")
                return False
            case _:
                self._say("250 well")
        return True

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line)
        if self.post.answer.startswith("2"):
            self.post.messages.append(email.message_from_bytes(b"".join(lines)))
            self.post.was_encrypted.append(self._is_encrypted())
        self._say(self.post.answer)

    def _is_encrypted(self) -> bool:
        return isinstance(self.connection, ssl.SSLSocket)

    def _encrypted(self) -> bool:
        """Go on encrypted; False when the client does not want to."""
        assert self.context is not None
        try:
            self.connection = self.context.wrap_socket(self.connection, server_side=True)
        except (ssl.SSLError, OSError):
            return False
        self.rfile.close()
        self.wfile.close()
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        return True

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def smtp_server(certificate: Path | None = None, *, from_the_first_byte: bool = False) -> Iterator[Post]:
    """A server on a free port of this machine for as long as the block runs.

    With a `certificate` it offers STARTTLS, or is encrypted `from_the_first_byte`.
    """
    post, context = Post(), None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    handler = type(
        "Handler", (_Handler,), {"post": post, "context": context, "from_the_first_byte": from_the_first_byte}
    )
    with _Server(("127.0.0.1", 0), handler) as server:
        post.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield post
        server.shutdown()
        thread.join()


def write_certificate(path: Path) -> None:
    """A certificate of 127.0.0.1, with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
