"""The fund's mail server, over SMTP: one connection per message, encrypted and verified unless local."""

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal

from core.errors import KibabaError

_TIMEOUT_SECONDS = 10.0


class MailNotSent(KibabaError):  # noqa: N818 -- it says what happened
    """The server did not take the message, or nobody knows whether it did. The text names no address."""

    code = "mail_not_sent"
    permanent = False


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in. `tls`: by STARTTLS, from the first byte, or off on this machine."""

    host: str
    port: int
    tls: Literal["starttls", "tls", "off"] = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    timeout_seconds: float = _TIMEOUT_SECONDS

    def send(self, message: EmailMessage) -> int:
        """Hand a message in; how many of its recipients the server refused. Raises MailNotSent."""
        try:
            with self._connected() as server:
                if self.username:
                    server.login(self.username, self.password)
                return len(server.send_message(message))
        except (smtplib.SMTPException, OSError) as error:
            # The server's own words may repeat an address.
            code = getattr(error, "smtp_code", "")
            raise MailNotSent(f"{type(error).__name__} {code}".strip()) from error

    def reach(self) -> None:
        """Greet the server as a message would, without credentials or message. Raises MailNotSent."""
        try:
            with self._connected() as server:
                server.noop()
        except (smtplib.SMTPException, OSError) as error:
            raise MailNotSent(type(error).__name__) from error

    def _connected(self) -> smtplib.SMTP:
        if self.tls == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout_seconds, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=self.timeout_seconds)
        if self.tls == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except (smtplib.SMTPException, OSError):
                server.close()
                raise
        return server
