"""Looking for what must not wait: old differences, money at risk, missing statements, a silent registry,
what a second person does not look at, tasks given up; and for what is over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

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
from payments.alerts.missing_statements import missing_days, raise_missing
from payments.alerts.over import clear_what_is_over
from payments.alerts.service import (
    AlertKind,
    clear_alert,
    clear_quiet_alerts,
    open_alerts,
    raise_alert,
)
from payments.alerts.tables import Alert
from payments.imports.tables import StatementImport
from payments.merging.tables import PairDecision
from payments.model import BreakClass, PostingState
from payments.reconciliation.due_days import MISSED_DAYS_MAX, STATEMENT_HOURS
from payments.reconciliation.tables import Break
from payments.registry_postings.tables import RegistryPosting
from payments.suspense.model import DecisionState
from payments.suspense.tables import Decision

_TEMPLATES = {
    AlertKind.OLD_BREAKS: "staff_old_breaks",
    AlertKind.MONEY_AT_RISK: "staff_money_at_risk",
    AlertKind.STATEMENT_MISSING: "staff_statement_missing",
    AlertKind.REGISTRY_SILENT: "staff_registry_silent",
    AlertKind.SECOND_LOOK_WAITS: "staff_second_look",
}
_ANY = "staff_alert"


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on staff are called. The statement of a day is missed so many hours after its end."""

    break_days: int = 7
    at_risk_cents: int = 5_000_000
    statement_hours: int = STATEMENT_HOURS
    registry_silent: timedelta = timedelta(hours=1)
    second_look: timedelta = timedelta(hours=24)
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
            raise_missing(session, self._missing(session, now), now=now)
            clear_what_is_over(session, now=now)
            for kind in (AlertKind.WALLET_REFUSES, AlertKind.SMS_REFUSED, AlertKind.SMS_LOST):
                clear_quiet_alerts(session, kind, since=now - self._limits.refusals_quiet)
            for alert in open_alerts(session):
                # Remembered here: the tasks are forgotten when they have been done for a while.
                if self._phones and alert.told_at is None:
                    self._tell(session, str(alert.id), alert.kind, now)
                    alert.told_at = now
                if self._by_mail and alert.mailed_at is None:
                    _mail(session, alert, now)
                    alert.mailed_at = now

    def _found(self, session: Session, now: datetime) -> dict[AlertKind, str]:
        return {
            AlertKind.OLD_BREAKS: self._old(session, now),
            AlertKind.MONEY_AT_RISK: self._at_risk(session),
            AlertKind.REGISTRY_SILENT: self._silent(session, now),
            AlertKind.SECOND_LOOK_WAITS: self._not_looked_at(session, now),
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

    def _missing(self, session: Session, now: datetime) -> Mapping[tuple[str, str], Sequence[date]]:
        last = self._calendar.day_of(now - timedelta(days=1, hours=self._limits.statement_hours))
        return missing_days(session, self._calendar, last=last, days_max=MISSED_DAYS_MAX)

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

    def _not_looked_at(self, session: Session, now: datetime) -> str:
        before = now - self._limits.second_look
        hours = self._limits.second_look // timedelta(hours=1)
        of_files = (StatementImport.state == "held", StatementImport.finished_at < before)
        waiting = [select(func.count()).select_from(StatementImport).where(*of_files)] + [
            select(func.count())
            .select_from(table)
            .where(table.state == DecisionState.PROPOSED, table.made_at < before)
            for table in (Decision, PairDecision)
        ]
        count = sum(session.scalar(one) or 0 for one in waiting)
        return f"{count} for more than {hours} hours" if count else ""

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
