"""Giving a line of the wallet's list that nothing explains its place in the ledger, and taking that back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from payments.ledger import service as ledger
from payments.ledger.model import Account, AccountKind, Leg, Reason
from payments.model import BreakClass
from payments.reconciliation.tables import Break
from payments.suspense.model import Act, NotPossible
from payments.suspense.tables import Decision
from payments.wallet_lines.service import apply_reversals, hold_reversed
from payments.wallet_lines.unbooked import (
    Movement,
    booked_cents,
    hold_movements,
    key_of_line,
    unbooked_movements,
)

# Not into suspense: what waits there waits by its receipt, and money without one would never be found again.
_ACCOUNTS: Final[Mapping[Act, AccountKind]] = {
    Act.BOOK_COST: AccountKind.CHARGES,
    Act.BOOK_BANK: AccountKind.BANK_IN_TRANSIT,
}


def book(session: Session, decision: Decision, found: Break | None, *, key: str, now: datetime) -> None:
    """Book what a difference is about, each movement by one transfer; the decision keeps what was booked.

    `found` is locked. A movement is booked once by the key of its line; what was undone is booked anew by
    `key`, the decision's. Raises NotPossible, also when the list tells of another sum than was decided about.
    """
    if found is None or found.state != "open":
        raise NotPossible("not_open")
    if found.break_class != BreakClass.UNBOOKED_LINE:
        raise NotPossible("not_to_book")
    hold_movements(session, found.wallet, found.shortcode, found.subject)
    movements = unbooked_movements(session, found.wallet, found.shortcode, found.subject)
    if sum(abs(movement.amount_cents) for movement in movements) != decision.amount_cents:
        raise NotPossible("line_changed")
    account = _ACCOUNTS[Act(decision.act)]
    booked = []
    for movement in movements:
        before = ledger.was_posted(session, movement.key)
        _post(
            session,
            f"{key}:{movement.line_id}" if before else movement.key,
            found,
            movement,
            account,
            corrects=movement.key if before else None,
            now=now,
        )
        booked.append(
            {
                "line_id": movement.line_id,
                "amount_cents": movement.amount_cents,
                "currency": movement.currency,
                "at": movement.at.isoformat(),
            }
        )
    decision.after = {"account": account.value, "booked": booked}


def unbook(session: Session, undone: Decision, *, key: str, now: datetime) -> None:
    """The opposite transfers of a booking; `undone` is locked. The difference is open again.

    What a list calls the reversal of a payment of ours by now is taken back instead. A line that was a refund
    of ours is booked as that and stays so. Raises NotPossible when nothing else was booked.
    """
    receipt = session.get_one(Break, undone.break_id).subject
    hold_movements(session, undone.wallet, undone.shortcode, receipt)
    hold_reversed(session, undone.wallet, undone.shortcode, receipt)
    booked = [
        each
        for each in undone.after["booked"]
        if booked_cents(session, key_of_line(each["line_id"])) == each["amount_cents"]
    ]
    if not booked:
        raise NotPossible("not_booked_now")
    for each in booked:
        movement = Movement(
            each["line_id"], -each["amount_cents"], each["currency"], datetime.fromisoformat(each["at"])
        )
        _post(
            session,
            f"{key}:{movement.line_id}",
            undone,
            movement,
            AccountKind(undone.after["account"]),
            # All that is put right about a line hangs on its first transfer: their sum says what is booked.
            corrects=key_of_line(movement.line_id),
            now=now,
        )
    apply_reversals(session, undone.wallet, undone.shortcode, receipt, now=now)


def _post(
    session: Session,
    key: str,
    of: Break | Decision,
    movement: Movement,
    kind: AccountKind,
    *,
    corrects: str | None,
    now: datetime,
) -> None:
    held, other = (
        Account.of_shortcode(each, of.wallet, of.shortcode, movement.currency)
        for each in (AccountKind.WALLET_FLOAT, kind)
    )
    ledger.post(
        session,
        key,
        [Leg(held, movement.amount_cents), Leg(other, -movement.amount_cents)],
        reason=Reason.CORRECTION,
        occurred_at=movement.at,
        now=now,
        corrects=corrects,
    )
