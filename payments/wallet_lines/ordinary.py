"""Lines of money that nobody told us of, by the hundred: the ordinary ones by a few statements."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import vault_of
from members.notices import USUAL_LANGUAGE, News, tell_phones
from payments import matching
from payments.receipts import service as receipts
from payments.receipts.model import Arrival, Owner
from payments.receipts.tables import Receipt
from payments.strangers import owners_of_strangers
from payments.wallet_lines.service import arrival_of, told_first
from payments.wallet_lines.tables import StoredLine
from payments.wallets.protocol import LineKind


def apply_ordinary(
    session: Session, lines: Sequence[StoredLine], *, pull_delay: timedelta, now: datetime
) -> set[int]:
    """Credit what names a member's number, and put into suspense what strangers sent.

    Returns the ids of these lines. Whatever may answer a prompt, is known in part, or needs a closer look, is
    left for `apply_line`.
    """
    new = _new(session, lines)
    owners = matching.owners_by_number(session, list(new.values())) if new else {}
    others = [arrival for arrival in new.values() if _name(arrival) not in owners]
    owners |= owners_of_strangers(session, others)
    ordinary = {line_id: arrival for line_id, arrival in new.items() if _name(arrival) in owners}
    if not ordinary:
        return set()
    owned = [(arrival, owners[_name(arrival)]) for arrival in ordinary.values()]
    ids = receipts.record_many(session, owned, pull_delay=pull_delay, now=now)
    _tell_strangers(session, owned, ids, now=now)
    return {line_id for line_id, receipt_id in zip(ordinary, ids, strict=True) if receipt_id is not None}


def _new(session: Session, lines: Sequence[StoredLine]) -> dict[int, Arrival]:
    """What the credits among these lines tell, as far as no receipt has their codes."""
    by_name: dict[tuple[str, str, str], tuple[int, Arrival]] = {}
    # Of two lines of one payment the wallet's own counts, else the first.
    for line in sorted(lines, key=told_first):
        if line.kind == LineKind.CREDIT:
            arrival = arrival_of(line)
            by_name.setdefault(_name(arrival), (line.id, arrival))
    known = select(Receipt.wallet, Receipt.shortcode, Receipt.receipt).where(
        Receipt.receipt.in_([receipt for *_, receipt in by_name])
    )
    for row in session.execute(known):
        by_name.pop((row.wallet, row.shortcode, row.receipt), None)
    return dict(by_name.values())


def _tell_strangers(
    session: Session,
    owned: Sequence[tuple[Arrival, Owner]],
    receipt_ids: Sequence[uuid.UUID | None],
    *,
    now: datetime,
) -> None:
    news = [
        News(arrival.payer, str(receipt_id), _values(arrival))
        for (arrival, owner), receipt_id in zip(owned, receipt_ids, strict=True)
        if owner.member_id is None and receipt_id is not None and arrival.payer is not None
    ]
    tell_phones(session, vault_of(session), "suspense", news, language=USUAL_LANGUAGE, now=now)


def _values(arrival: Arrival) -> dict[str, int | str]:
    amount = arrival.amount
    return {
        "amount_cents": amount.amount_cents,
        "currency": amount.currency,
        "receipt": arrival.receipt,
    }


def _name(arrival: Arrival) -> tuple[str, str, str]:
    return arrival.wallet, arrival.shortcode, arrival.receipt
