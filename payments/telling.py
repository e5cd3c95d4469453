"""What members are told about their money: outbox rows for the message room, one per fact."""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import outbox
from core.clock import Clock
from core.database import Sessions, vault_of
from core.errors import InvalidValue
from core.outbox import Task
from core.phone import PhoneNumber
from members.indexes import MemberIndexes
from members.notices import USUAL_LANGUAGE, tell_member, tell_phone
from members.numbers import MemberNumber
from members.tables import MemberRow
from payments.contributions.tables import Contribution
from payments.ledger.service import savings
from payments.particulars import Particulars
from payments.receipts.model import Owner
from payments.receipts.tables import Receipt

_DEFAULT_TEMPLATE = "prompt_failed"
_LISTED_AFTER = timedelta(seconds=15)


def tell_receipt(session: Session, receipt: Receipt, member_id: uuid.UUID, *, now: datetime) -> None:
    """Say once that this money arrived, with the balance it made."""
    _tell(
        session,
        f"receipt:{receipt.id}",
        "receipt",
        member_id,
        _of_receipt(session, receipt, member_id, now),
        now=now,
    )


@dataclass(frozen=True, slots=True)
class Told:
    """A receipt to tell a member of: `row` has the columns of its table; the balance is what it made."""

    id: uuid.UUID
    member_id: uuid.UUID
    row: Mapping[str, Any]
    balance_cents: int


def tell_receipts(session: Session, told: Sequence[Told], *, now: datetime) -> None:
    """Say of each once that it arrived, as `tell_receipt` does, by one statement."""
    tasks = {}
    for one in told:
        values = {name: one.row[name] for name in ("amount_cents", "currency", "receipt", "wallet")}
        values |= {"balance_cents": one.balance_cents, "as_of": now.isoformat()}
        payload = {"template": "receipt", "member_id": str(one.member_id), "values": values}
        tasks[f"receipt:{one.id}"] = payload
    outbox.add_many(session, "message", tasks, now=now)


def tell_waiting(
    session: Session,
    receipt: Receipt,
    owner: Owner,
    payer: PhoneNumber | None,
    *,
    now: datetime,
    is_last: bool = False,
) -> None:
    """Say once, to the phone that paid, why this money waits and what to reply; `payer` None: it is hidden.

    Where it names a member other than the payer, both are asked; the word of one is enough. The member is
    not asked while the payer may still turn out to be themselves, unless this `is_last`.
    """
    values: dict[str, Any] = {"amount_cents": receipt.amount_cents, "currency": receipt.currency}
    template = "suspense"
    if owner.named is not None:
        if receipt.payer_index is not None or is_last:
            # Without its code: who was only named by mistake does not know it.
            tell_member(session, "named", owner.named, receipt.id, now=now, values=values)
        with suppress(InvalidValue):
            # Of these only a number has a check digit: what else was typed, the payer better looks up again.
            typed = Particulars.from_json(receipt.particulars).account
            template, values["number"] = "right_number", MemberNumber.parse(typed).digits
    values["receipt"] = receipt.receipt
    indexes = MemberIndexes(vault_of(session))
    index = receipt.payer_index if payer is None else indexes.wallet_hash(payer.wallet_hash)
    if index is None:
        return
    known = session.scalar(select(MemberRow.id).where(MemberRow.wallet_hash_index == index))
    if known is not None:
        tell_member(session, template, known, receipt.id, now=now, values=values)
    elif payer is not None:
        vault = vault_of(session)
        tell_phone(
            session, vault, template, payer, str(receipt.id), language=USUAL_LANGUAGE, now=now, values=values
        )
    else:
        # The wallet hashed a number that is no member's: its list will have it in full.
        payload, due_at = {"receipt_id": str(receipt.id)}, now + _LISTED_AFTER
        outbox.add(session, "hashed_payer", str(receipt.id), payload, now=now, due_at=due_at)


def tell_reversal(session: Session, receipt: Receipt, member_id: uuid.UUID, *, now: datetime) -> None:
    """Say once that the wallet took this money back."""
    values = _of_receipt(session, receipt, member_id, now)
    _tell(session, f"reversed:{receipt.id}", "reversed", member_id, values, now=now)


def tell_paid_for(session: Session, contribution: Contribution, receipt: Receipt, *, now: datetime) -> None:
    """Say once, to a member who paid for another, that it arrived; of the other's savings nothing is told."""
    if contribution.asked_by is None:
        return
    number = session.get_one(MemberRow, contribution.member_id).number
    values = {
        "amount_cents": receipt.amount_cents,
        "currency": receipt.currency,
        "receipt": receipt.receipt,
        "number": number,
    }
    _tell(session, f"paid-for:{receipt.id}", "paid_for", contribution.asked_by, values, now=now)


def tell_prompt_result(session: Session, contribution: Contribution, template: str, *, now: datetime) -> None:
    """Say once how a prompt ended without money. `template`: the wallet's word for it, or empty."""
    _tell_of_prompt(session, "prompt-result", template or _DEFAULT_TEMPLATE, contribution, now=now)


def tell_prompt_unknown(session: Session, contribution: Contribution, *, now: datetime) -> None:
    """Say once that nobody knows yet, so that they do not pay again; the end is told when it is known."""
    _tell_of_prompt(session, "prompt-unknown", "prompt_unknown", contribution, now=now)


class BalanceTelling:
    """Handles `balance` tasks: a member asked by SMS what they own. The task's key names the question."""

    def __init__(self, sessions: Sessions, clock: Clock, *, currency: str) -> None:
        self._sessions = sessions
        self._clock = clock
        self._currency = currency

    def run(self, task: Task) -> None:
        """Answer with the balance as it is now."""
        member_id = uuid.UUID(task.payload["member_id"])
        now = self._clock.now()
        with self._sessions.begin() as session:
            balance = savings(session, member_id, self._currency)
            values = {
                "balance_cents": balance.amount_cents,
                "currency": balance.currency,
                "as_of": now.isoformat(),
            }
            _tell(session, f"balance:{task.key}", "balance", member_id, values, now=now)


def _of_receipt(session: Session, receipt: Receipt, member_id: uuid.UUID, now: datetime) -> dict[str, Any]:
    return {
        "amount_cents": receipt.amount_cents,
        "balance_cents": savings(session, member_id, receipt.currency).amount_cents,
        "currency": receipt.currency,
        "receipt": receipt.receipt,
        "wallet": receipt.wallet,
        "as_of": now.isoformat(),
    }


def _tell_of_prompt(
    session: Session, key: str, template: str, contribution: Contribution, *, now: datetime
) -> None:
    values = {
        "amount_cents": contribution.amount_cents,
        "currency": contribution.currency,
        "wallet": contribution.wallet,
    }
    _tell(session, f"{key}:{contribution.id}", template, contribution.payer_id, values, now=now)


def _tell(
    session: Session, key: str, template: str, member_id: uuid.UUID, values: dict[str, Any], *, now: datetime
) -> None:
    payload = {"template": template, "member_id": str(member_id), "values": values}
    outbox.add(session, "message", key, payload, now=now)
