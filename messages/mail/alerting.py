"""The job behind staff's e-mail: one message for each trouble, and again only when it comes back."""

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from core.logging import log
from core.outbox import Task
from messages.mail.server import MailServer

# By the kinds of `payments.alerts`; a kind that is not here is told by its name.
_WORDS = {
    "pull_failed": "A wallet's list cannot be read",
    "evidence_failed": "A wallet's messages cannot be understood",
    "refund_failed": "A refund failed",
    "refund_paid_twice": "A refund was paid although it had failed",
    "refund_unknown": "Nobody knows how a refund ended",
    "wallet_refuses": "A wallet refuses our requests",
    "sms_refused": "The SMS provider refuses our messages",
    "sms_lost": "SMS about money may be lost",
    "old_breaks": "Differences are older than a week",
    "money_at_risk": "Much money is in open differences",
    "statement_missing": "A wallet's statement is missing",
    "registry_silent": "The central registry does not answer",
    "second_look_waits": "Decisions wait for a second person",
    "correction_refused": "The central registry refused a correction",
    "tasks_given_up": "Work was given up after many attempts",
}


class AlertMailing:
    """Handles `alert_mail` tasks: `alert_id`, `kind`, `raised_at`. A mail names no person and no amount.

    `server` is None where no mail is wanted: what was queued before is then done. `address`: the house's URL.
    """

    def __init__(
        self, server: MailServer | None, sender: str, recipients: Sequence[str], *, fund: str, address: str
    ) -> None:
        self._server = server
        self._sender = sender
        self._recipients = list(recipients)
        self._fund = " ".join(fund.split())
        self._address = address.rstrip("/")

    def run(self, task: Task) -> None:
        """Send it to all at once. Raises MailNotSent; the outbox tries again, with the same Message-ID."""
        if self._server is None or not self._recipients:
            return
        refused = self._server.send(self._message(task))
        if refused:
            log.warning("mail refused for some", alert=task.payload["alert_id"], recipients=refused)

    def _message(self, task: Task) -> EmailMessage:
        kind = str(task.payload["kind"])
        says = _WORDS.get(kind, kind.replace("_", " ").capitalize())
        raised_at = datetime.fromisoformat(task.payload["raised_at"])
        message = EmailMessage()
        message["Subject"] = f"{self._fund}: {says}"
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Date"] = format_datetime(raised_at)
        # A message that was sent twice, since its first end was never known, is one by this.
        message["Message-ID"] = f"<alert-{task.payload['alert_id']}@{self._sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(
            f"{says}, since {raised_at:%Y-%m-%d %H:%M} UTC.\n\n"
            f"See {self._address}/dashboard/ for what it is about and whose turn it is.\n"
            "You get one such message until it is over; when it comes back, another.\n"
        )
        return message
