"""A small SMTP server on this machine: takes mail, with STARTTLS where it has a certificate, and faults."""

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
    """What the server took, and how it behaves. `answer` (a code) is given to each message's end."""

    messages: list[Message] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    answer: str = "250 taken"
    refuse_recipient: str = ""
    is_silent: bool = False
    port: int = 0


class _Handler(socketserver.StreamRequestHandler):
    post: Post
    context: ssl.SSLContext | None

    def handle(self) -> None:
        if self.post.is_silent:
            time.sleep(3)
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
                self._say("250-here" if self.context else "250 here")
                if self.context:
                    self._say("250 STARTTLS")
            case "STARTTLS" if self.context:
                self._say("220 go on")
                try:
                    self.connection = self.context.wrap_socket(self.connection, server_side=True)
                except (ssl.SSLError, OSError):
                    return False
                self.rfile.close()
                self.wfile.close()
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", buffering=0)
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
            self.post.was_encrypted.append(isinstance(self.connection, ssl.SSLSocket))
        self._say(self.post.answer)

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def smtp_server(certificate: Path | None = None) -> Iterator[Post]:
    """A server on a free port of this machine for as long as the block runs."""
    post, context = Post(), None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    handler = type("Handler", (_Handler,), {"post": post, "context": context})
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
