"""Looking for what must not wait: old differences, money at risk, a missing statement, a silent registry,
tasks given up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, exists, func, select
from sqlalchemy.orm import Session

from core import outbox
from core.backlog import backlog
from core.clock import Clock, FundCalendar
from core.database import Sessions
from core.outbox import Task
from core.phone import PhoneNumber
from core.vault import Vault
from members.notices import PHONE_PLACE
from payments.alerts.service import (
    AlertKind,
    clear_alert,
    clear_quiet_alerts,
    open_alerts,
    raise_alert,
)
from payments.alerts.tables import Alert
from payments.model import BreakClass, EvidenceChannel, PostingState
from payments.receipts.tables import Receipt
from payments.reconciliation.due_days import STATEMENT_HOURS
from payments.reconciliation.tables import Break
from payments.registry_postings.tables import RegistryPosting
from payments.wallet_lines.tables import StoredLine

_TEMPLATES = {
    AlertKind.OLD_BREAKS: "staff_old_breaks",
    AlertKind.MONEY_AT_RISK: "staff_money_at_risk",
    AlertKind.STATEMENT_MISSING: "staff_statement_missing",
    AlertKind.REGISTRY_SILENT: "staff_registry_silent",
}
_ANY = "staff_alert"


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on staff are called. The statement of a day is missed so many hours after its end."""

    break_days: int = 7
    at_risk_cents: int = 5_000_000
    statement_hours: int = STATEMENT_HOURS
    registry_silent: timedelta = timedelta(hours=1)
    refusals_quiet: timedelta = timedelta(hours=1)


class Lookout:
    """Handles `alerts` tasks: raises and clears, and tells every phone of `phones` once of each trouble.

    With `by_mail`, staff get one e-mail of each trouble too.
    """

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        calendar: FundCalendar,
        vault: Vault,
        phones: Sequence[PhoneNumber],
        limits: Limits | None = None,
        *,
        by_mail: bool = False,
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._calendar = calendar
        self._vault = vault
        self._phones = phones
        self._limits = limits or Limits()
        self._by_mail = by_mail

    def run(self, task: Task) -> None:  # noqa: ARG002 -- the task says only that it is time
        """Look once."""
        now = self._clock.now()
        with self._sessions.begin() as session:
            for kind, detail in self._found(session, now).items():
                if detail:
                    raise_alert(session, kind, "all", detail, now=now)
                else:
                    clear_alert(session, kind, "all", now=now)
            for kind in (AlertKind.WALLET_REFUSES, AlertKind.SMS_REFUSED):
                clear_quiet_alerts(session, kind, since=now - self._limits.refusals_quiet)
            for alert in open_alerts(session):
                self._tell(session, str(alert.id), alert.kind, now)
                if self._by_mail:
                    _mail(session, alert, now)

    def _found(self, session: Session, now: datetime) -> dict[AlertKind, str]:
        return {
            AlertKind.OLD_BREAKS: self._old(session, now),
            AlertKind.MONEY_AT_RISK: self._at_risk(session),
            AlertKind.STATEMENT_MISSING: self._missing(session, now),
            AlertKind.REGISTRY_SILENT: self._silent(session, now),
            AlertKind.TASKS_GIVEN_UP: _given_up(session, now),
        }

    def _old(self, session: Session, now: datetime) -> str:
        before = now - timedelta(days=self._limits.break_days)
        count = session.scalar(
            select(func.count()).where(Break.state == "open", Break.first_seen < before).select_from(Break)
        )
        return f"{count} older than {self._limits.break_days} days" if count else ""

    def _at_risk(self, session: Session) -> str:
        gaps = (BreakClass.AMOUNT_DIFFERS, BreakClass.REGISTRY_AMOUNT_DIFFERS)
        ours, theirs = func.coalesce(Break.amount_cents, 0), func.coalesce(Break.other_amount_cents, 0)
        whole = func.coalesce(Break.amount_cents, Break.other_amount_cents, 0)
        risk = case((Break.break_class.in_(gaps), func.abs(ours - theirs)), else_=whole)
        cents = int(
            session.scalar(select(func.coalesce(func.sum(risk), 0)).where(Break.state == "open")) or 0
        )
        return f"{cents // 100:,} open" if cents > self._limits.at_risk_cents else ""

    def _missing(self, session: Session, now: datetime) -> str:
        day = self._calendar.day_of(now - timedelta(days=1, hours=self._limits.statement_hours))
        start, end = self._calendar.bounds(day)
        paid = (
            select(Receipt.wallet, Receipt.shortcode)
            .where(Receipt.paid_at >= start, Receipt.paid_at < end)
            .distinct()
            .subquery()
        )
        listed = exists(
            select(StoredLine.id).where(
                StoredLine.wallet == paid.c.wallet,
                StoredLine.shortcode == paid.c.shortcode,
                StoredLine.at >= start,
                StoredLine.at < end,
                (StoredLine.source == EvidenceChannel.STATEMENT)
                | StoredLine.balance_after_cents.is_not(None),
            )
        )
        names = session.scalars(select(paid.c.wallet).where(~listed).order_by(paid.c.wallet)).all()
        return f"none for {day}: {', '.join(names)}" if names else ""

    def _silent(self, session: Session, now: datetime) -> str:
        before = now - self._limits.registry_silent
        waits = session.scalar(
            select(func.min(RegistryPosting.created_at)).where(
                RegistryPosting.state.in_((PostingState.PENDING, PostingState.POSTED)),
                RegistryPosting.created_at < before,
            )
        )
        if waits is None:
            return ""
        answered = session.scalar(
            select(
                exists(select(RegistryPosting.receipt_id).where(RegistryPosting.acknowledged_at >= before))
            )
        )
        return "" if answered else f"no answer since {before.isoformat(timespec='minutes')}"

    def _tell(self, session: Session, alert_id: str, kind: str, now: datetime) -> None:
        known = {name.value: template for name, template in _TEMPLATES.items()}
        for number, phone in enumerate(self._phones):
            payload = {
                "template": known.get(kind, _ANY),
                "phone_sealed": self._vault.seal(PHONE_PLACE, phone.e164),
                "language": "en",
                "values": {},
            }
            outbox.add(session, "message", f"alert:{alert_id}:{number}", payload, now=now)


def _mail(session: Session, alert: Alert, now: datetime) -> None:
    # An alert that comes back is another row, with an id of its own.
    payload = {"alert_id": str(alert.id), "kind": alert.kind, "raised_at": alert.raised_at.isoformat()}
    outbox.add(session, "alert_mail", str(alert.id), payload, now=now)


def _given_up(session: Session, now: datetime) -> str:
    dead = {topic.topic: topic.dead for topic in backlog(session, now=now) if topic.dead}
    return ", ".join(f"{count} {topic}" for topic, count in sorted(dead.items()))
