"""Keeping a wallet's lines, and giving money that only the list knows of its place in the ledger."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, ColumnElement, String, all_, and_, any_, exists, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from core.money import Money
from core.phone import PhoneNumber
from payments.crediting import Crediting
from payments.ledger import service as ledger
from payments.ledger.model import Account, AccountKind, Leg, Reason
from payments.ledger.tables import LedgerTransfer
from payments.model import EvidenceChannel
from payments.particulars import Particulars
from payments.payers import payer_index
from payments.receipts import service as receipts
from payments.receipts.model import Arrival
from payments.receipts.parts import family, is_whole
from payments.receipts.tables import Receipt
from payments.reconciliation.due_days import have_compared
from payments.refunds.model import RefundState, RefundWay
from payments.refunds.results import Taken, take_back
from payments.refunds.tables import Refund
from payments.wallet_lines.tables import StoredLine
from payments.wallet_lines.unbooked import hold_movements, is_booked, key_of_line
from payments.wallets.protocol import LineKind, WalletLine

_OUTSIDE_KINDS = {
    LineKind.CHARGE: (AccountKind.CHARGES, Reason.CHARGE),
    LineKind.SETTLEMENT: (AccountKind.BANK_IN_TRANSIT, Reason.SETTLEMENT),
}
_PAID_OUT = (Refund.way == RefundWay.PAYOUT, Refund.state == RefundState.PAID)
_SAME_WALLET = (Receipt.wallet == StoredLine.wallet, Receipt.shortcode == StoredLine.shortcode)


def keep_lines(
    session: Session, wallet: str, lines: Sequence[WalletLine], source: EvidenceChannel, *, now: datetime
) -> int:
    """Store lines that are not stored yet, by their row keys; returns how many were new."""
    rows = {
        (line.shortcode, line.row_key): {
            "wallet": wallet,
            "shortcode": line.shortcode,
            "row_key": line.row_key,
            "receipt": line.receipt.strip().upper(),
            "kind": line.kind,
            "amount_cents": line.amount.amount_cents,
            "currency": line.amount.currency,
            "balance_after_cents": line.balance_after.amount_cents if line.balance_after else None,
            "linked_receipt": line.linked_receipt.strip().upper(),
            "payer_index": payer_index(session, line.payer),
            "particulars": _particulars(line).to_json(),
            "source": source,
            "at": line.at,
            "seen_at": now,
        }
        for line in lines
    }
    if not rows:
        return 0
    # Sorted, so that two imports of the same lines do not wait for each other in a circle.
    ordered = [rows[key] for key in sorted(rows)]
    statement = insert(StoredLine).values(ordered).on_conflict_do_nothing()
    return len(session.execute(statement.returning(StoredLine.id)).all())


def _particulars(line: WalletLine) -> Particulars:
    payer = line.payer.e164 if line.payer else ""
    return Particulars(line.account, payer, "", line.payer_text, line.details)


def lines_to_apply(
    session: Session, wallet: str, shortcode: str, *, since: datetime, after: int, at_once: int
) -> Iterator[Sequence[StoredLine]]:
    """Lines since an instant, with ids above `after`, whose money the ledger does not know, in order; but for
    reversals, which come after the payments they take back (`reversals_to_apply`).

    They are looked for once, as they were then, and handed on so many at a time: the session's transaction
    stays open until the last is taken.
    """
    booked = exists(
        select(LedgerTransfer.id).where(LedgerTransfer.business_key == "line:" + StoredLine.id.cast(String))
    )
    is_outside = StoredLine.kind.in_(list(_OUTSIDE_KINDS)) & (StoredLine.amount_cents != 0) & ~booked
    # Said of both, as the index by time says it (`ix_wallet_lines_telling`).
    is_unknown = StoredLine.particulars.is_not(None) & (_is_unknown_credit() | is_outside)
    return _lines(session, wallet, shortcode, is_unknown, since=since, after=after, at_once=at_once)


def with_what_was_told(session: Session, lines: Sequence[StoredLine]) -> list[StoredLine]:
    """These lines, and beside credits of a file all others of the same payments that may be applied too: of
    each payment, what the wallet's own list says comes first, then what came first.

    The others may be kept and not applied yet: a pull applies after its last page, and may be cut off. Whose
    the money is, a file that came in between must not decide.
    """
    told = {line.receipt for line in lines if _is_credit_of_file(line)}
    if not told:
        return list(lines)
    others = session.scalars(
        select(StoredLine).where(
            StoredLine.wallet == lines[0].wallet,
            StoredLine.shortcode == lines[0].shortcode,
            StoredLine.receipt == any_(literal(sorted(told), ARRAY(String))),
            StoredLine.id != all_(literal([line.id for line in lines], ARRAY(BigInteger))),
            _is_unknown_credit(),
        )
    )
    every = sorted([*lines, *others], key=told_first)
    places: dict[str, int] = {}
    for line in sorted(lines, key=_id):
        places.setdefault(line.receipt, line.id)
    # Stable: payments stay in the order of coming.
    return sorted(every, key=lambda line: places[line.receipt])


def told_first(line: StoredLine) -> tuple[bool, int]:
    """To sort by: the wallet's own list before files, which go through hands; else in the order of coming."""
    return line.source != EvidenceChannel.PULL, line.id


def _id(line: StoredLine) -> int:
    return line.id


def _is_credit_of_file(line: StoredLine) -> bool:
    return line.kind == LineKind.CREDIT and line.source == EvidenceChannel.STATEMENT


def _is_unknown_credit() -> ColumnElement[bool]:
    """SQL: a payment to us that the ledger does not know, or money in suspense of which it may tell more."""
    # Money in suspense is looked at again when the list names the payer: it may tell whose it is. A statement
    # that hides whom the pull has named says no more. A line with the code of a part is not in the ledger,
    # and nothing here can put it there: it is a difference.
    naming = aliased(StoredLine)
    named_elsewhere = (
        select(naming.id)
        .where(
            naming.wallet == StoredLine.wallet,
            naming.shortcode == StoredLine.shortcode,
            naming.receipt == StoredLine.receipt,
            naming.kind == LineKind.CREDIT,
            naming.payer_index == Receipt.payer_index,
        )
        # Looked up: an EXISTS may be answered by hashing every line there ever was.
        .limit(1)
        .correlate(StoredLine, Receipt)
        .scalar_subquery()
        .is_not(None)
    )
    credited = exists(
        select(Receipt.id).where(
            *_SAME_WALLET,
            Receipt.receipt == StoredLine.receipt,
            Receipt.member_id.is_not(None)
            | Receipt.payer_index.is_not_distinct_from(StoredLine.payer_index)
            | Receipt.reversed_at.is_not(None)
            # What staff decided, no message decides again.
            | Receipt.staff_place.is_not(None)
            | (StoredLine.payer_index.is_(None) & named_elsewhere),
        )
    )
    # A line kept without particulars had a receipt that knew all of it, and its owner.
    return and_(
        StoredLine.particulars.is_not(None),
        StoredLine.kind == LineKind.CREDIT,
        StoredLine.amount_cents > 0,
        ~credited,
    )


def reversals_to_apply(
    session: Session, wallet: str, shortcode: str, *, since: datetime, after: int, at_once: int
) -> Iterator[Sequence[StoredLine]]:
    """As `lines_to_apply`: the reversals of payments that the ledger knows by now and has not taken back, and
    of payouts that it calls paid.
    """
    reversible = exists(
        select(Receipt.id).where(
            *_SAME_WALLET,
            Receipt.receipt == StoredLine.linked_receipt,
            Receipt.amount_cents == -StoredLine.amount_cents,
            Receipt.reversed_at.is_(None),
            is_whole(),
        )
    )
    was_paid_out = exists(
        select(Refund.id).where(
            Refund.payout_receipt == StoredLine.linked_receipt,
            Refund.amount_cents == StoredLine.amount_cents,
            Refund.wallet == StoredLine.wallet,
            Refund.shortcode == StoredLine.shortcode,
            *_PAID_OUT,
        )
    )
    is_unknown = (StoredLine.kind == LineKind.REVERSAL) & (reversible | was_paid_out)
    return _lines(session, wallet, shortcode, is_unknown, since=since, after=after, at_once=at_once)


def _lines(
    session: Session,
    wallet: str,
    shortcode: str,
    is_unknown: ColumnElement[bool],
    *,
    since: datetime,
    after: int,
    at_once: int,
) -> Iterator[Sequence[StoredLine]]:
    query = (
        select(StoredLine)
        .where(
            StoredLine.wallet == wallet,
            StoredLine.shortcode == shortcode,
            StoredLine.at >= since,
            StoredLine.id > after,
            is_unknown,
        )
        .order_by(StoredLine.id)
    )
    return session.scalars(query.execution_options(yield_per=at_once)).partitions()


def apply_line(session: Session, crediting: Crediting, line: StoredLine, *, now: datetime) -> None:
    """Give one line its place in the ledger; a line that has it already changes nothing."""
    if line.kind == LineKind.CREDIT:
        crediting.by_hand(session, arrival_of(line), now=now)
    elif line.kind == LineKind.REVERSAL:
        _reverse(session, line, now=now)
    else:
        _book_outside(session, line, now=now)


def hold_reversed(session: Session, wallet: str, shortcode: str, receipt: str) -> None:
    """Lock what `apply_reversals` would take back: for who posts before that, as balances are locked last."""
    for line in _reversals(session, wallet, shortcode, receipt):
        if line.amount_cents > 0:
            _paid_out(session, line)
        elif (whole := _reversible(session, line)) is not None:
            family(session, whole)


def apply_reversals(session: Session, wallet: str, shortcode: str, receipt: str, *, now: datetime) -> None:
    """Take back what reversals under one code name, as far as it was not taken back yet."""
    for line in _reversals(session, wallet, shortcode, receipt):
        _reverse(session, line, now=now)


def _reversals(session: Session, wallet: str, shortcode: str, receipt: str) -> Sequence[StoredLine]:
    lines = session.scalars(
        select(StoredLine)
        .where(
            StoredLine.wallet == wallet,
            StoredLine.shortcode == shortcode,
            StoredLine.receipt == receipt,
            StoredLine.kind == LineKind.REVERSAL,
            StoredLine.linked_receipt != "",
        )
        .order_by(StoredLine.id)
    )
    return lines.all()


def arrival_of(line: StoredLine) -> Arrival:
    """The payment that a line of kind `credit` tells of."""
    known = Particulars.from_json(line.particulars)
    return Arrival(
        wallet=line.wallet,
        shortcode=line.shortcode,
        receipt=line.receipt,
        amount=Money(line.amount_cents, line.currency),
        paid_at=line.at,
        source=EvidenceChannel(line.source),
        account=known.account,
        payer=PhoneNumber(known.payer) if known.payer else None,
        payer_name=known.name,
    )


def _reverse(session: Session, line: StoredLine, *, now: datetime) -> None:
    hold_movements(session, line.wallet, line.shortcode, line.receipt)
    if is_booked(session, line):
        # By staff, before a list said what it takes back: it would leave the float twice. They may undo that.
        return
    if line.amount_cents > 0:
        refund = _paid_out(session, line)
        if refund is not None:
            take_back(session, refund, Taken(key_of_line(line.id), line.receipt, line.at), now=now)
        return
    receipt = _reversible(session, line)
    if receipt is not None:
        receipts.reverse(session, receipt, occurred_at=line.at, now=now)
        have_compared(session, receipt, f"line:{line.id}", now=now)


def _reversible(session: Session, line: StoredLine) -> Receipt | None:
    """The payment that a reversal takes back, locked."""
    return session.scalars(
        select(Receipt)
        .where(
            Receipt.wallet == line.wallet,
            Receipt.shortcode == line.shortcode,
            Receipt.receipt == line.linked_receipt,
            Receipt.amount_cents == -line.amount_cents,
            is_whole(),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def _paid_out(session: Session, line: StoredLine) -> Refund | None:
    """The refund whose payout a reversal takes back, locked."""
    return session.scalars(
        select(Refund)
        .where(
            Refund.payout_receipt == line.linked_receipt,
            Refund.amount_cents == line.amount_cents,
            Refund.wallet == line.wallet,
            Refund.shortcode == line.shortcode,
            *_PAID_OUT,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def _book_outside(session: Session, line: StoredLine, *, now: datetime) -> None:
    kind, reason = _OUTSIDE_KINDS[LineKind(line.kind)]
    wallet_float = Account.of_shortcode(AccountKind.WALLET_FLOAT, line.wallet, line.shortcode, line.currency)
    other = Account.of_shortcode(kind, line.wallet, line.shortcode, line.currency)
    legs = [Leg(wallet_float, line.amount_cents), Leg(other, -line.amount_cents)]
    ledger.post(session, key_of_line(line.id), legs, reason=reason, occurred_at=line.at, now=now)
