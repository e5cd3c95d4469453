"""Raising and clearing alerts. A trouble that lasts is one row, however often it is met."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.ids import new_id
from payments.alerts.tables import Alert

_SUBJECT_CHARACTERS_MAX = 120
_DETAIL_CHARACTERS_MAX = 300


class AlertKind(StrEnum):
    """What can be wrong."""

    PULL_FAILED = "pull_failed"
    EVIDENCE_FAILED = "evidence_failed"
    REFUND_FAILED = "refund_failed"
    REFUND_PAID_TWICE = "refund_paid_twice"
    REFUND_UNKNOWN = "refund_unknown"
    WALLET_REFUSES = "wallet_refuses"
    SMS_REFUSED = "sms_refused"
    SMS_LOST = "sms_lost"
    OLD_BREAKS = "old_breaks"
    MONEY_AT_RISK = "money_at_risk"
    STATEMENT_MISSING = "statement_missing"
    REGISTRY_SILENT = "registry_silent"
    SECOND_LOOK_WAITS = "second_look_waits"
    CORRECTION_REFUSED = "correction_refused"
    TASKS_GIVEN_UP = "tasks_given_up"


def raise_alert(session: Session, kind: AlertKind, subject: str, detail: str, *, now: datetime) -> None:
    """Open an alert, or count one more time of an open one. `detail` holds no personal data."""
    values = {
        "id": new_id(),
        "kind": kind,
        "subject": subject[:_SUBJECT_CHARACTERS_MAX],
        "detail": detail[:_DETAIL_CHARACTERS_MAX],
        "raised_at": now,
        "last_at": now,
    }
    statement = insert(Alert).values(values)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "subject"],
            index_where=text("cleared_at IS NULL"),
            set_={
                "times": Alert.times + 1,
                "last_at": statement.excluded.last_at,
                "detail": statement.excluded.detail,
            },
        )
    )


def refused_by_wallet(session: Session, wallet: str, shortcode: str, why: str, *, now: datetime) -> None:
    """A wallet refuses for a reason of ours, such as a wrong passkey: what every member will meet."""
    raise_alert(session, AlertKind.WALLET_REFUSES, f"{wallet}:{shortcode}", why, now=now)


def refused_by_sms_provider(session: Session, why: str, *, now: datetime) -> None:
    """SMS do not go out: credit, sender or key, or a provider that was away for half a day."""
    raise_alert(session, AlertKind.SMS_REFUSED, "all", why, now=now)


def lost_by_sms_provider(session: Session, why: str, *, now: datetime) -> None:
    """Of an SMS about money nobody knows whether it went out, and it is not sent again."""
    raise_alert(session, AlertKind.SMS_LOST, "all", why, now=now)


def clear_quiet_alerts(session: Session, kind: AlertKind, *, since: datetime) -> None:
    """Take it that a trouble is over that was not met since then."""
    session.execute(
        update(Alert)
        .where(Alert.kind == kind, Alert.last_at < since, Alert.cleared_at.is_(None))
        .values(cleared_at=Alert.last_at)
        .execution_options(synchronize_session=False)
    )


def clear_alert(session: Session, kind: AlertKind, subject: str, *, now: datetime) -> None:
    """Say that it works again; without an open alert nothing happens."""
    session.execute(
        update(Alert)
        .where(
            Alert.kind == kind,
            Alert.subject == subject[:_SUBJECT_CHARACTERS_MAX],
            Alert.cleared_at.is_(None),
        )
        .values(cleared_at=now)
        .execution_options(synchronize_session=False)
    )


def open_alerts(session: Session) -> Sequence[Alert]:
    """Every trouble that lasts, newest first."""
    return session.scalars(
        select(Alert).where(Alert.cleared_at.is_(None)).order_by(Alert.last_at.desc())
    ).all()
