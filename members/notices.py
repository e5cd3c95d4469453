"""What members are told by SMS: outbox rows with topic `message`, or `reminder` for what stands behind all
others; the words are those of `messages`.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core import outbox
from core.phone import PhoneNumber
from core.vault import Vault

TOPIC = "message"
REMINDER_TOPIC = "reminder"
PHONE_PLACE = "outbox.phone"
# The country's usual one, for who is no member and has not written to us: nobody knows theirs.
USUAL_LANGUAGE = ""


def announce(session: Session, member_id: uuid.UUID, *, now: datetime) -> None:
    """Have those who subscribed told of a new member, and the civil registry asked to tell of changes."""
    payload = {"member_id": str(member_id)}
    outbox.add(session, "dci_event", f"joined:{member_id}", payload, now=now)
    outbox.add(session, "watch", str(member_id), {"subject": str(member_id)}, now=now)
    seek_doubles(session, member_id, "joined", now=now)


def seek_doubles(session: Session, member_id: uuid.UUID, occasion: str, *, now: datetime) -> None:
    """Have it looked whether this person has another membership, now that more is known of them."""
    payload = {"member_id": str(member_id)}
    outbox.add(session, "duplicates", f"{occasion}:{member_id}", payload, now=now)


def tell_member(
    session: Session,
    template: str,
    member_id: uuid.UUID,
    occasion: object,
    *,
    now: datetime,
    values: Mapping[str, Any] | None = None,
    topic: str = TOPIC,
) -> None:
    """Queue one SMS to a member, once per template and occasion. `values`: ids, amounts and codes only."""
    payload = {"template": template, "member_id": str(member_id), "values": dict(values or {})}
    outbox.add(session, topic, f"{template}:{occasion}", payload, now=now)


def tell_phone(
    session: Session,
    vault: Vault,
    template: str,
    phone: PhoneNumber,
    occasion: str,
    *,
    language: str,
    now: datetime,
    values: Mapping[str, Any] | None = None,
) -> None:
    """Queue one SMS to a phone, whoever owns it by the time it is sent."""
    news = News(phone, occasion, values or {})
    tell_phones(session, vault, template, [news], language=language, now=now)


@dataclass(frozen=True, slots=True)
class News:
    """What one phone is told: `values` are ids, amounts and codes only."""

    phone: PhoneNumber
    occasion: str
    values: Mapping[str, Any]


def tell_phones(
    session: Session, vault: Vault, template: str, news: Sequence[News], *, language: str, now: datetime
) -> None:
    """Queue an SMS to each of many phones, once per occasion, by one statement."""
    payloads = {
        f"{template}:{one.occasion}": {
            "template": template,
            "phone_sealed": vault.seal(PHONE_PLACE, one.phone.e164),
            "language": language,
            "values": dict(one.values),
        }
        for one in news
    }
    outbox.add_many(session, TOPIC, payloads, now=now)
