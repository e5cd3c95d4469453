"""Opening refunds: for a member who paid twice, and for what staff decided to give back. Nothing here calls
a wallet.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core import outbox
from core.database import advisory_lock
from core.ids import new_id
from core.money import Money
from core.phone import PhoneNumber
from payments.ledger import service as ledger
from payments.ledger.model import Account, AccountKind, Leg, Reason
from payments.model import EvidenceChannel
from payments.particulars import Particulars
from payments.receipts.parts import is_whole, whole_of
from payments.receipts.service import name_of
from payments.receipts.tables import Receipt
from payments.refunds.model import (
    ASK_WITHIN,
    DOUBLE_WITHIN,
    PAYER_LINE,
    REFUND_PLACE,
    NoRefund,
    RefundOpened,
    RefundOutcome,
    RefundState,
    RefundWay,
)
from payments.refunds.tables import Refund
from payments.registry_postings.corrections import queue_correction
from payments.suspense.model import Act, DecisionState
from payments.suspense.tables import Decision
from payments.view import is_confirmed
from payments.wallet_lines.tables import StoredLine
from payments.wallets.protocol import LineKind

# With another namespace, or another name below it, a restored house pays again what it has paid.
_REFUNDS = uuid.UUID("01e27b4c-bc91-413d-8719-47f5d48bc7e1")


def refund_double(session: Session, member_id: uuid.UUID, code: str, *, now: datetime) -> RefundOutcome:
    """Give back one of two payments that a member says was made twice.

    The receipt must be the member's, and another of the same amount must lie within 15 minutes of it and
    stay. The same wish again gives the same refund.
    """
    # Two wishes at once, one for each of two payments, would each find the other one staying.
    with advisory_lock(session, f"refund:{member_id}"):
        return _refund_double(session, member_id, code, now=now)


def _refund_double(session: Session, member_id: uuid.UUID, code: str, *, now: datetime) -> RefundOutcome:
    receipt = session.scalars(
        select(Receipt).where(Receipt.receipt == code.strip().upper(), is_whole()).with_for_update()
    ).first()
    if receipt is None:
        return NoRefund(_not_theirs(session, code.strip().upper(), None, member_id))
    before = _open_refund_of(session, receipt)
    if before is not None and before.member_id == member_id:
        return RefundOpened(before.id, Money(before.amount_cents, before.currency))
    why = _why_not(session, receipt, member_id, now=now)
    if why:
        return NoRefund(why)
    refund = open_refund(session, receipt, member_id=member_id, why="paid twice, says the member", now=now)
    if refund is None:
        return NoRefund("not_confirmed")
    _to_refunds_payable(session, receipt, member_id, now=now)
    return RefundOpened(refund.id, Money(refund.amount_cents, refund.currency))


def open_decided(session: Session, *, now: datetime, limit: int = 100) -> int:
    """Open a refund for each receipt that staff put among the refunds payable; returns how many.

    What failed is tried again only when staff decided so since. What may have been paid never is. What waits
    for two people (`waits_for_two`) is passed by, and keeps nothing behind it waiting.
    """
    decided_since = exists(
        select(Decision.id).where(
            Decision.receipt_id == Receipt.id,
            Decision.act == Act.REFUND,
            Decision.state == DecisionState.DONE,
            Decision.done_at > Refund.finished_at,
        )
    ).correlate(Receipt, Refund)
    is_over = (Refund.state == RefundState.FAILED) & decided_since
    has_one = exists(select(Refund.id).where(Refund.receipt_id == Receipt.id, ~is_over)).correlate(Receipt)
    query = (
        select(Receipt)
        .where(Receipt.staff_place == REFUND_PLACE, Receipt.reversed_at.is_(None), ~has_one)
        .order_by(Receipt.paid_at)
        .with_for_update(skip_locked=True)
        .execution_options(yield_per=limit)
    )
    opened = 0
    with session.scalars(query) as receipts:
        for receipt in receipts:
            refund = open_refund(session, receipt, member_id=None, why="decided by staff", now=now)
            opened += refund is not None
            if opened == limit:
                break
    return opened


def open_refund(
    session: Session, receipt: Receipt, *, member_id: uuid.UUID | None, why: str, now: datetime
) -> Refund | None:
    """Remember to give a locked receipt back, once. To whom is settled here; None while it waits for two."""
    payee = _payee_of(session, receipt)
    if not _may_be_paid(session, receipt, payee):
        return None
    phone = payee.phone if payee else None
    values = {
        "id": _id_of(session, receipt),
        "receipt_id": receipt.id,
        "member_id": member_id,
        "wallet": receipt.wallet,
        "shortcode": receipt.shortcode,
        "way": RefundWay.REVERSAL if phone is None else RefundWay.PAYOUT,
        "phone": phone.e164 if phone else None,
        "amount_cents": receipt.amount_cents,
        "currency": receipt.currency,
        "why": why,
        "state": RefundState.REQUESTED,
        "asked_at": now,
    }
    session.execute(insert(Refund).values(values).on_conflict_do_nothing())
    refund = _open_refund_of(session, receipt)
    assert refund is not None
    outbox.add(session, "refund", str(refund.id), {"refund_id": str(refund.id)}, now=now)
    return refund


def _id_of(session: Session, receipt: Receipt) -> uuid.UUID:
    """The id of a locked receipt's next refund: the same whenever the same refund is opened.

    The wallet carries out one payout for each id. A house that was restored from before a refund opens it
    again, and must give it the id that the wallet knows.
    """
    failed = select(func.count()).where(Refund.receipt_id == receipt.id, Refund.state == RefundState.FAILED)
    number = session.scalar(failed.select_from(Refund))
    return uuid.uuid5(_REFUNDS, f"{receipt.wallet}:{receipt.shortcode}:{receipt.receipt}:{number}")


def only_a_file_tells(session: Session, receipt: Receipt) -> bool:
    """Whether a statement file is all that tells of the payment that a receipt is, or is a part of."""
    whole = whole_of(session, receipt)
    return whole.source == EvidenceChannel.STATEMENT and not _is_pulled(_lines_of(session, whole))


def a_file_decides(session: Session, receipt: Receipt) -> bool:
    """Whether nothing but a statement file, which goes through hands, tells of the payment, or names the
    phone that it would be paid out to.
    """
    return file_line_of(session, receipt) is not None or only_a_file_tells(session, receipt)


def named_by_a_file(session: Session, receipt: Receipt) -> PhoneNumber | None:
    """The phone a refund would be paid to, when only a statement file names it."""
    payee = _payee_of(session, receipt)
    return payee.phone if payee and payee.file_line is not None else None


def file_line_of(session: Session, receipt: Receipt) -> int | None:
    """The line of a statement file that names the phone a refund would be paid to; None when the wallet's own
    answer or the first message names it, or nobody does.
    """
    payee = _payee_of(session, receipt)
    return payee.file_line if payee else None


def waits_for_two(session: Session, receipt: Receipt) -> bool:
    """Whether no refund is opened because only a file names the phone, and no two people decided knowing it.

    It ends when they do (to suspense, and to the refunds again), or when the wallet itself names who paid.
    """
    if _open_refund_of(session, receipt) is not None:
        return False
    return not _may_be_paid(session, receipt, _payee_of(session, receipt))


def _is_pulled(lines: Sequence[StoredLine]) -> bool:
    return any(line.source != EvidenceChannel.STATEMENT for line in lines)


def _lines_of(session: Session, whole: Receipt) -> Sequence[StoredLine]:
    """What lists have of a payment, the wallet's own answer before files."""
    return session.scalars(
        select(StoredLine)
        .where(
            StoredLine.wallet == whole.wallet,
            StoredLine.shortcode == whole.shortcode,
            StoredLine.receipt == whole.receipt,
            StoredLine.kind == LineKind.CREDIT,
        )
        .order_by(StoredLine.source == EvidenceChannel.STATEMENT, StoredLine.id)
    ).all()


def payer_of(session: Session, receipt: Receipt) -> PhoneNumber | None:
    """Who paid, in full: from the wallet's own answer, else a statement file, else the first message, which
    can be forged.
    """
    payee = _payee_of(session, receipt)
    return payee.phone if payee else None


@dataclass(frozen=True, slots=True)
class _Payee:
    """Whom a refund would be paid to. `file_line`: the id of the line, when a statement file's named them."""

    phone: PhoneNumber
    file_line: int | None = None


def _payee_of(session: Session, receipt: Receipt) -> _Payee | None:
    for line in _lines_of(session, whole_of(session, receipt)):
        phone = Particulars.from_json(line.particulars).payer_phone
        if phone is not None:
            return _Payee(phone, line.id if line.source == EvidenceChannel.STATEMENT else None)
    phone = Particulars.from_json(receipt.particulars).payer_phone
    return _Payee(phone) if phone else None


def _may_be_paid(session: Session, receipt: Receipt, payee: _Payee | None) -> bool:
    """Whether it is not a file alone that says to whom, or two people decided when that line was known.

    Who decides alone could bring the file afterwards. That a line was known once is enough: since then
    nothing puts the money to the refunds without two people.
    """
    if payee is None or payee.file_line is None:
        return True
    knew = select(Decision.id).where(
        Decision.receipt_id == receipt.id,
        Decision.state == DecisionState.DONE,
        Decision.checker.is_not(None),
        Decision.after.contains({"place": REFUND_PLACE, PAYER_LINE: payee.file_line}),
    )
    return session.scalar(knew.limit(1)) is not None


def _open_refund_of(session: Session, receipt: Receipt) -> Refund | None:
    return session.scalars(
        select(Refund).where(Refund.receipt_id == receipt.id, Refund.state != RefundState.FAILED)
    ).first()


def _why_not(session: Session, receipt: Receipt, member_id: uuid.UUID, *, now: datetime) -> str:
    if receipt.member_id != member_id:
        return _not_theirs(session, receipt.receipt, receipt, member_id)
    if receipt.reversed_at is not None:
        return "reversed"
    if now - receipt.paid_at > ASK_WITHIN:
        return "too_late"
    if not _has_twin(session, receipt):
        return "not_double"
    is_listed = session.scalar(select(is_confirmed()).select_from(Receipt).where(Receipt.id == receipt.id))
    if not is_listed or a_file_decides(session, receipt):
        # Only the wallet's own list proves that there is money to give back: a message can be forged. So can
        # a file; where all hangs on one, two people of the fund decide.
        return "not_confirmed"
    saved = ledger.savings(session, member_id, receipt.currency)
    return "too_little" if saved.amount_cents < receipt.amount_cents else ""


def _not_theirs(session: Session, code: str, whole: Receipt | None, member_id: uuid.UUID) -> str:
    """Why what is no whole payment of theirs is not given back: they have a part of it, or nothing."""
    is_meant = Receipt.receipt == code
    if whole is not None:
        is_meant |= Receipt.part_of == whole.id
    part = select(Receipt.id).where(is_meant, Receipt.part_of.is_not(None), Receipt.member_id == member_id)
    return "unknown_receipt" if session.scalar(part.limit(1)) is None else "divided"


def _has_twin(session: Session, receipt: Receipt) -> bool:
    return (
        session.scalar(
            select(Receipt.id)
            .where(
                Receipt.member_id == receipt.member_id,
                Receipt.id != receipt.id,
                is_whole(),
                Receipt.amount_cents == receipt.amount_cents,
                Receipt.paid_at.between(receipt.paid_at - DOUBLE_WITHIN, receipt.paid_at + DOUBLE_WITHIN),
                Receipt.reversed_at.is_(None),
            )
            .limit(1)
        )
        is not None
    )


def _to_refunds_payable(session: Session, receipt: Receipt, member_id: uuid.UUID, *, now: datetime) -> None:
    payable = Account.of_shortcode(
        AccountKind.REFUNDS_PAYABLE, receipt.wallet, receipt.shortcode, receipt.currency
    )
    ledger.post(
        session,
        # What failed and was given back may be asked for again, and leaves the savings again each time. The
        # receipt's lock and its one open refund keep a wish to one transfer.
        f"refund:{name_of(receipt)}:{new_id()}",
        [
            Leg(Account.of_member(member_id, receipt.currency), receipt.amount_cents),
            Leg(payable, -receipt.amount_cents),
        ],
        reason=Reason.REFUND,
        occurred_at=now,
        now=now,
        corrects=f"credit:{name_of(receipt)}",
    )
    receipt.member_id = None
    receipt.staff_place = REFUND_PLACE
    session.flush()
    queue_correction(session, receipt, member_id, "refunded", now=now)
