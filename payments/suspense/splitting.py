"""Dividing one payment among several members, and joining it again: each one transfer, to the cent."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.ids import new_id
from payments.ledger import service as ledger
from payments.ledger.model import Account, Leg, Reason
from payments.particulars import Particulars
from payments.receipts.parts import new_codes, was_taken_back, whole_of
from payments.receipts.service import name_of
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.refunds.service import payer_of
from payments.registry_postings.corrections import SPLIT
from payments.registry_postings.restating import post_again, withdraw
from payments.registry_postings.service import queue_if_confirmed
from payments.suspense.model import NotPossible, Place, Share
from payments.suspense.places import Standing, account_of, is_listed, stand, standing_of, tell
from payments.suspense.tables import Decision

SHARES_MAX = 20


def check_shares(amount_cents: int, shares: Sequence[Share]) -> int:
    """The cents that are left over of an amount so divided. Raises NotPossible unless it is a division."""
    if not shares:
        raise NotPossible("no_shares")
    if len(shares) > SHARES_MAX:
        raise NotPossible("too_many_shares")
    if any(share.amount_cents <= 0 for share in shares):
        raise NotPossible("empty_share")
    if len({share.member_id for share in shares}) < len(shares):
        raise NotPossible("member_twice")
    rest_cents = amount_cents - sum(share.amount_cents for share in shares)
    if rest_cents < 0:
        raise NotPossible("more_than_there_is")
    if len(shares) == 1 and not rest_cents:
        # Nothing is divided: all of it is one member's, which is another decision.
        raise NotPossible("all_to_one")
    return rest_cents


def split(
    session: Session,
    receipt: Receipt,
    shares: Sequence[Share],
    *,
    key: str,
    corrects: str | None,
    now: datetime,
) -> list[Receipt]:
    """Divide a locked receipt's money among members who may get it; what is left waits in suspense.

    Returns the parts in their order, the rest last. `key` names the transfer. Raises NotPossible, also while
    the central registry is being told of this receipt.
    """
    here = standing_of(receipt)
    rest_cents = check_shares(receipt.amount_cents, shares)
    if was_taken_back(session, receipt):
        raise NotPossible("reversed")
    if here.place not in {Place.MEMBER, Place.SUSPENSE}:
        raise NotPossible("not_to_split")
    if not is_listed(session, receipt):
        # A message can be forged: only what the wallet's own list has is given to several.
        raise NotPossible("not_confirmed")
    if not withdraw(session, receipt, SPLIT, now=now):
        raise NotPossible("at_registry_now")
    wanted = [(Standing(Place.MEMBER, share.member_id), share.amount_cents) for share in shares]
    wanted += [(Standing(Place.SUSPENSE), rest_cents)] if rest_cents else []
    parts = _made(session, receipt, wanted)
    given, taken = _held([receipt]), _held(parts)
    _post(session, receipt, given, taken, key=key, corrects=corrects, now=now)
    stand(receipt, Standing(Place.SPLIT))
    session.add_all(parts)
    session.flush()
    for part in parts:
        if part.member_id is not None:
            tell(session, part, part.member_id, key, template="part", now=now)
            queue_if_confirmed(session, part, now=now)
    if here.member_id is not None and here.member_id not in {part.member_id for part in parts}:
        tell(session, receipt, here.member_id, key, template="taken_out", now=now)
    return parts


def rejoin(session: Session, receipt: Receipt, undone: Decision, *, key: str, now: datetime) -> None:
    """Put what a decision divided back together where it was. `receipt` is locked.

    Raises NotPossible when a part was moved on, the wallet took the payment back, or the registry is being
    told of a part.
    """
    if was_taken_back(session, receipt):
        raise NotPossible("reversed")
    told = {uuid.UUID(part["id"]): Standing.of_details(part) for part in undone.after["parts"]}
    parts = _locked(session, told)
    if standing_of(receipt).place is not Place.SPLIT or any(
        standing_of(part) != told[part.id] for part in parts
    ):
        raise NotPossible("moved_since")
    if not all(withdraw(session, part, SPLIT, now=now) for part in parts):
        raise NotPossible("at_registry_now")
    back = Standing.of_details(undone.before)
    losers = [(part, part.member_id) for part in parts if part.member_id not in {None, back.member_id}]
    given = _held(parts)
    stand(receipt, back)
    # The transfer that made the parts has the key of its decision.
    _post(session, receipt, given, _held([receipt]), key=key, corrects=f"decision:{undone.id}", now=now)
    for part in parts:
        stand(part, Standing(Place.REJOINED))
    session.flush()
    for part, member_id in losers:
        assert member_id is not None
        tell(session, part, member_id, key, template="taken_out", now=now)
    _end_differences_of(session, parts, now=now)
    if back.member_id is not None:
        tell(session, receipt, back.member_id, key, now=now)
        queue_if_confirmed(session, receipt, now=now)
        post_again(session, receipt.id, back.member_id, now=now)


def parts_as_details(parts: Iterable[Receipt]) -> list[dict[str, Any]]:
    """What the audit trail and an undo need to know of parts: plain JSON."""
    return [
        {
            "id": str(part.id),
            "receipt": part.receipt,
            "amount_cents": part.amount_cents,
            **standing_of(part).as_details(),
        }
        for part in parts
    ]


def _made(session: Session, receipt: Receipt, wanted: Sequence[tuple[Standing, int]]) -> list[Receipt]:
    whole = whole_of(session, receipt)
    payer = payer_of(session, receipt)
    known = Particulars.from_json(receipt.particulars)
    particulars = replace(known, payer=payer.e164 if payer else known.payer).to_json()
    # Of ids of one millisecond the order is chance.
    ids = sorted(new_id() for _ in wanted)
    codes = new_codes(session, whole, len(wanted))
    parts = []
    for part_id, code, (standing, cents) in zip(ids, codes, wanted, strict=True):
        part = Receipt(
            id=part_id,
            wallet=receipt.wallet,
            shortcode=receipt.shortcode,
            receipt=code,
            amount_cents=cents,
            currency=receipt.currency,
            source=receipt.source,
            payer_index=receipt.payer_index,
            particulars=particulars,
            paid_at=receipt.paid_at,
            recorded_at=receipt.recorded_at,
            part_of=whole.id,
        )
        stand(part, standing)
        parts.append(part)
    return parts


def _held(receipts: Iterable[Receipt]) -> list[tuple[Account, int]]:
    return [(account_of(one, standing_of(one)), one.amount_cents) for one in receipts]


def _post(
    session: Session,
    receipt: Receipt,
    given: Iterable[tuple[Account, int]],
    taken: Iterable[tuple[Account, int]],
    *,
    key: str,
    corrects: str | None,
    now: datetime,
) -> None:
    """One transfer; an account that gives and takes moves the difference."""
    moved: dict[Account, int] = defaultdict(int)
    for account, cents in given:
        moved[account] += cents
    for account, cents in taken:
        moved[account] -= cents
    ledger.post(
        session,
        key,
        [Leg(account, cents) for account, cents in moved.items() if cents],
        reason=Reason.ALLOCATION,
        occurred_at=receipt.paid_at,
        now=now,
        corrects=corrects or f"credit:{name_of(receipt)}",
    )


def _locked(session: Session, ids: Iterable[uuid.UUID]) -> Sequence[Receipt]:
    return session.scalars(
        select(Receipt)
        .where(Receipt.id.in_(list(ids)))
        .order_by(Receipt.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _end_differences_of(session: Session, parts: Sequence[Receipt], *, now: datetime) -> None:
    session.execute(
        update(Break)
        .where(Break.receipt_id.in_([part.id for part in parts]), Break.state == "open")
        .values(state="resolved", resolved_at=now, resolution="joined to its whole again by staff")
        .execution_options(synchronize_session=False)
    )
