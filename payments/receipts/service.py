"""Recording money: a receipt row and its ledger transfer, once, whoever brings the news first."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.database import vault_of
from core.ids import new_id
from payments.ledger import service as ledger
from payments.ledger.model import Account, AccountKind, Leg, Reason
from payments.model import MatchStep
from payments.particulars import Particulars
from payments.payers import payer_index
from payments.receipts.model import Arrival, Owner
from payments.receipts.parts import family, is_live
from payments.receipts.tables import PARTICULARS_PLACE, Receipt
from payments.registry_postings.corrections import queue_correction
from payments.registry_postings.service import queue_if_confirmed, queue_receipts
from payments.telling import Told, tell_receipt, tell_receipts, tell_reversal
from payments.wallet_lines.asking import ask_for_pull

_WHY_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Recorded:
    """The receipt row, and whether this evidence was the first to bring it."""

    receipt: Receipt
    is_new: bool


def find(session: Session, arrival: Arrival, *, lock: bool = False) -> Receipt | None:
    """The receipt an arrival speaks of, if it is known."""
    query = select(Receipt).where(
        Receipt.wallet == arrival.wallet,
        Receipt.shortcode == arrival.shortcode,
        Receipt.receipt == arrival.receipt,
    )
    if lock:
        query = query.with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).first()


def record(
    session: Session, arrival: Arrival, owner: Owner, *, pull_delay: timedelta, now: datetime
) -> Recorded:
    """Credit an arrival to its owner, or to suspense, unless this receipt was credited before.

    The database decides races: of two channels with the same receipt, one inserts and the other finds it.
    """
    statement = insert(Receipt).values(_values(session, arrival, owner, now=now))
    receipt = session.scalars(
        statement.on_conflict_do_nothing(index_elements=["wallet", "shortcode", "receipt"]).returning(Receipt)
    ).first()
    if receipt is None:
        known = find(session, arrival, lock=True)
        assert known is not None  # Receipts are never deleted, so what we ran into is there.
        return Recorded(known, is_new=False)
    _credit(session, receipt, now=now)
    ask_for_pull(session, receipt.wallet, receipt.shortcode, delay=pull_delay, now=now)
    if receipt.member_id is not None:
        _tell_and_post(session, receipt, receipt.member_id, now=now)
    return Recorded(receipt, is_new=True)


def record_many(
    session: Session, owned: Sequence[tuple[Arrival, Owner]], *, pull_delay: timedelta, now: datetime
) -> list[uuid.UUID | None]:
    """Credit many arrivals, each receipt once, as `record` does; the new receipts' ids in order.

    None stands for a receipt that was known: nothing was done about it. `owned` names no receipt twice.
    """
    rows = [_values(session, arrival, owner, now=now) for arrival, owner in owned]
    connection = session.connection()
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns["particulars"] = [vault_of(session).seal(PARTICULARS_PLACE, row["particulars"]) for row in rows]
    new = {row.id for row in connection.exec_driver_sql(_INSERT_RECEIPTS, columns)}
    fresh = [row for row in rows if row["id"] in new]
    if fresh:
        _credit_many(session, fresh, now=now)
        for wallet, shortcode in sorted({(row["wallet"], row["shortcode"]) for row in fresh}):
            ask_for_pull(session, wallet, shortcode, delay=pull_delay, now=now)
        queue_receipts(session, new, now=now)
    return [row["id"] if row["id"] in new else None for row in rows]


def _credit_many(session: Session, rows: Sequence[dict[str, Any]], *, now: datetime) -> None:
    transfers = [
        ledger.Transfer(
            f"credit:{row['wallet']}:{row['shortcode']}:{row['receipt']}",
            (Leg(_float_of(row), row["amount_cents"]), Leg(_holder_of(row), -row["amount_cents"])),
            Reason.SUSPENSE if row["member_id"] is None else Reason.CREDIT,
            row["paid_at"],
        )
        for row in rows
    ]
    balances = ledger.post_many(session, transfers, now=now)
    # Each is told the balance it made: the last of a member's the balance now, the one before that less.
    told = []
    for row in reversed(rows):
        if row["member_id"] is None:
            continue
        told.append(Told(row["id"], row["member_id"], row, -balances[_holder_of(row)]))
        balances[_holder_of(row)] += row["amount_cents"]
    tell_receipts(session, told, now=now)


def _float_of(row: dict[str, Any]) -> Account:
    return Account.of_shortcode(AccountKind.WALLET_FLOAT, row["wallet"], row["shortcode"], row["currency"])


def _holder_of(row: dict[str, Any]) -> Account:
    if row["member_id"] is not None:
        return Account.of_member(row["member_id"], row["currency"])
    return Account.of_shortcode(AccountKind.SUSPENSE, row["wallet"], row["shortcode"], row["currency"])


_INSERT_RECEIPTS = """
INSERT INTO receipts (id, wallet, shortcode, receipt, amount_cents, currency, member_id, source, match_step,
  match_why, payer_index, particulars, paid_at, recorded_at)
SELECT * FROM unnest(%(id)s::uuid[], %(wallet)s::text[], %(shortcode)s::text[], %(receipt)s::text[],
  %(amount_cents)s::bigint[], %(currency)s::text[], %(member_id)s::uuid[], %(source)s::text[],
  %(match_step)s::text[], %(match_why)s::text[], %(payer_index)s::text[], %(particulars)s::text[],
  %(paid_at)s::timestamptz[], %(recorded_at)s::timestamptz[]) AS u (id, wallet, shortcode, receipt)
ORDER BY u.wallet, u.shortcode, u.receipt
ON CONFLICT (wallet, shortcode, receipt) DO NOTHING
RETURNING id
"""


def _values(session: Session, arrival: Arrival, owner: Owner, *, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "wallet": arrival.wallet,
        "shortcode": arrival.shortcode,
        "receipt": arrival.receipt,
        "amount_cents": arrival.amount.amount_cents,
        "currency": arrival.amount.currency,
        "member_id": owner.member_id,
        "source": arrival.source,
        "match_step": owner.step,
        "match_why": owner.why[:_WHY_CHARACTERS_MAX],
        "payer_index": payer_index(session, arrival.payer, arrival.payer_hash),
        "particulars": arrival.particulars.to_json(),
        "paid_at": arrival.paid_at,
        "recorded_at": now,
    }


def allocate(session: Session, receipt: Receipt, owner: Owner, *, now: datetime) -> None:
    """Give money out of suspense to the member it belongs to. `receipt` is locked and has no member yet."""
    assert owner.member_id is not None
    assert receipt.member_id is None
    assert receipt.staff_place is None
    ledger.post(
        session,
        f"allocate:{name_of(receipt)}",
        [
            Leg(_shortcode_account(receipt, AccountKind.SUSPENSE), receipt.amount_cents),
            Leg(Account.of_member(owner.member_id, receipt.currency), -receipt.amount_cents),
        ],
        reason=Reason.ALLOCATION,
        occurred_at=now,
        now=now,
        corrects=f"credit:{name_of(receipt)}",
    )
    receipt.member_id = owner.member_id
    receipt.match_step = owner.step
    receipt.match_why = owner.why[:_WHY_CHARACTERS_MAX]
    session.flush()
    _tell_and_post(session, receipt, owner.member_id, now=now)


def still_waits(session: Session, receipt: Receipt, owner: Owner) -> None:
    """Keep the newest reason why money is in suspense. `receipt` is locked and `owner` is nobody."""
    assert owner.member_id is None
    receipt.match_why = owner.why[:_WHY_CHARACTERS_MAX]
    session.flush()


def learn_payer(session: Session, receipt: Receipt, arrival: Arrival) -> None:
    """Keep who paid when the first message hid it: a pull names the payer that a confirmation masked."""
    if receipt.payer_index is None:
        receipt.payer_index = payer_index(session, arrival.payer, arrival.payer_hash)
        if arrival.payer is not None:
            known = Particulars.from_json(receipt.particulars)
            receipt.particulars = replace(known, payer=arrival.payer.e164).to_json()
        session.flush()


def reverse(session: Session, receipt: Receipt, *, occurred_at: datetime, now: datetime) -> None:
    """Take back what the wallet took back. `receipt` is locked; a second call changes nothing.

    What was divided is taken from wherever its parts are by now, and none of the parts that it ever had can
    be moved after that.
    """
    if receipt.reversed_at is not None:
        return
    if receipt.staff_place == "written_off":
        # Its money left the float already, when staff found that it never came.
        receipt.reversed_at = occurred_at
        session.flush()
        return
    everyone = family(session, receipt)
    holders = [one for one in everyone if is_live(one)]
    taken: dict[Account, int] = defaultdict(int)
    for one in holders:
        taken[_holder(one)] += one.amount_cents
    ledger.post(
        session,
        f"reverse:{name_of(receipt)}",
        [
            *(Leg(account, cents) for account, cents in taken.items()),
            Leg(_shortcode_account(receipt, AccountKind.WALLET_FLOAT), -receipt.amount_cents),
        ],
        reason=Reason.REVERSAL,
        occurred_at=occurred_at,
        now=now,
        corrects=f"credit:{name_of(receipt)}",
    )
    for one in everyone:
        one.reversed_at = occurred_at
    session.flush()
    for one in holders:
        if one.member_id is not None:
            queue_correction(session, one, one.member_id, "reversed", now=now)
            tell_reversal(session, one, one.member_id, now=now)


def name_of(receipt: Receipt) -> str:
    """What makes money one: `<wallet>:<shortcode>:<receipt>`."""
    return f"{receipt.wallet}:{receipt.shortcode}:{receipt.receipt}"


def _credit(session: Session, receipt: Receipt, *, now: datetime) -> None:
    ledger.post(
        session,
        f"credit:{name_of(receipt)}",
        [
            Leg(_shortcode_account(receipt, AccountKind.WALLET_FLOAT), receipt.amount_cents),
            Leg(_holder(receipt), -receipt.amount_cents),
        ],
        reason=Reason.SUSPENSE if receipt.match_step == MatchStep.SUSPENSE else Reason.CREDIT,
        occurred_at=receipt.paid_at,
        now=now,
    )


def _holder(receipt: Receipt) -> Account:
    if receipt.member_id is not None:
        return Account.of_member(receipt.member_id, receipt.currency)
    to_refund = receipt.staff_place == "refund"
    return _shortcode_account(receipt, AccountKind.REFUNDS_PAYABLE if to_refund else AccountKind.SUSPENSE)


def _shortcode_account(receipt: Receipt, kind: AccountKind) -> Account:
    return Account.of_shortcode(kind, receipt.wallet, receipt.shortcode, receipt.currency)


def _tell_and_post(session: Session, receipt: Receipt, member_id: uuid.UUID, *, now: datetime) -> None:
    tell_receipt(session, receipt, member_id, now=now)
    queue_if_confirmed(session, receipt, now=now)
