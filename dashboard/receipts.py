"""Receipts as lists and as one payment, with their state worked out and personal data masked."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Row, Select, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from dashboard.paging import cursor, instant_in, read_cursor
from members.tables import MemberRow
from payments.contributions.tables import Contribution
from payments.model import ContributionState, PaymentState
from payments.particulars import Particulars
from payments.receipts.parts import SPLIT, is_live_part, is_whole
from payments.receipts.tables import Receipt
from payments.reconciliation.tables import Break
from payments.registry_postings.tables import RegistryPosting
from payments.suspense.giving_back import GivenBack, GivingBack, given_back, given_back_of
from payments.suspense.places import standing_of
from payments.view import INTENT_STATES, Payment, is_confirmed, posting_of_parts, receipt_state
from payments.wallets.choosing import WalletAccount

ROWS_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """One receipt in a list; without a member it is in suspense, or divided into that many parts."""

    receipt_id: uuid.UUID
    receipt: str
    amount_cents: int
    paid_at: datetime
    member_id: uuid.UUID | None
    member_number: str | None
    place: str
    state: PaymentState | GivingBack
    part_count: int


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """The head of one payment's page. `receipt` is None while only the wish to save exists.

    `parts`: what it was divided into; `whole_id`: the payment that it is a part of. `had_by`: who had it
    before it was given back, by id and number.
    """

    payment_id: uuid.UUID
    receipt: str | None
    amount_cents: int
    at: datetime
    member_id: uuid.UUID | None
    member_number: str | None
    state: PaymentState | GivingBack
    source: str
    match_step: str
    match_why: str
    payer_masked: str
    account_masked: str
    place: str = "suspense"
    whole_id: uuid.UUID | None = None
    parts: Sequence[PaymentRow] = ()
    had_by: tuple[uuid.UUID, str] | None = None


def latest(session: Session, after: str | None) -> tuple[list[PaymentRow], str | None]:
    """One page, newest first, and where the next begins. Raises InvalidValue for a bad place."""
    query = _rows().where(is_whole()).order_by(Receipt.paid_at.desc(), Receipt.id.desc())
    query = query.limit(ROWS_PER_PAGE + 1)
    if after:
        value, row_id = read_cursor(after)
        query = query.where(tuple_(Receipt.paid_at, Receipt.id) < tuple_(instant_in(value), row_id))
    rows = _listed(session, session.execute(query))
    if len(rows) <= ROWS_PER_PAGE:
        return rows, None
    last = rows[ROWS_PER_PAGE - 1]
    return rows[:ROWS_PER_PAGE], cursor(last.paid_at.isoformat(), last.receipt_id)


def by_receipt(session: Session, accounts: Sequence[WalletAccount], typed: str) -> uuid.UUID | None:
    """The payment with this receipt code, as read from an SMS; of the first wallet that has it."""
    for account in accounts:
        found = session.scalar(
            select(Receipt.id).where(
                Receipt.wallet == account.wallet,
                Receipt.shortcode == account.shortcode,
                Receipt.receipt == typed.strip().upper(),
            )
        )
        if found is not None:
            return found
    return None


def facts(session: Session, payment_id: uuid.UUID) -> PaymentFacts | None:
    """A payment by the id of its receipt, or of the wish to save while there is none."""
    found = session.execute(_rows().where(Receipt.id == payment_id)).first()
    if found is not None:
        back = given_back(session, found[0])
        known = replace(_of_receipt(*found, back), had_by=_had_by(session, back))
        return replace(known, parts=parts_of(session, payment_id)) if known.place == SPLIT else known
    wish = session.execute(
        select(Contribution, MemberRow.number)
        .join(MemberRow, MemberRow.id == Contribution.member_id)
        .where(Contribution.id == payment_id)
    ).first()
    if wish is None:
        return None
    contribution, number = wish
    if contribution.receipt_id is not None:
        return facts(session, contribution.receipt_id)
    return PaymentFacts(
        payment_id=contribution.id,
        receipt=None,
        amount_cents=contribution.amount_cents,
        at=contribution.requested_at,
        member_id=contribution.member_id,
        member_number=number,
        state=INTENT_STATES[ContributionState(contribution.state)],
        source=contribution.channel,
        match_step="",
        match_why="",
        payer_masked=Particulars(payer=contribution.phone).payer_masked,
        account_masked="",
    )


def parts_of(session: Session, whole_id: uuid.UUID) -> list[PaymentRow]:
    """What a payment was divided into, as it stands now, with the parts of a rest divided further."""
    query = _rows().where(is_live_part(Receipt, whole_id)).order_by(Receipt.id)
    return _listed(session, session.execute(query))


def breaks_about(session: Session, payment_id: uuid.UUID) -> Sequence[Break]:
    """Differences about a payment, open ones first."""
    about = (Break.receipt_id == payment_id) | (Break.contribution_id == payment_id)
    return session.scalars(select(Break).where(about).order_by(Break.state, Break.first_seen)).all()


def _rows() -> Select[Receipt, str | None, str | None, bool, int]:
    part = aliased(Receipt)
    count = (
        select(func.count())
        .select_from(part)
        .where(is_live_part(part, Receipt.id.expression), Receipt.staff_place == SPLIT)
        .correlate(Receipt)
        .scalar_subquery()
    )
    return (
        select(
            Receipt,
            MemberRow.number,
            func.coalesce(RegistryPosting.state, posting_of_parts()),
            is_confirmed(),
            count,
        )
        .outerjoin(MemberRow, MemberRow.id == Receipt.member_id)
        .outerjoin(RegistryPosting, RegistryPosting.receipt_id == Receipt.id)
    )


def _listed(
    session: Session, found: Iterable[Row[Receipt, str | None, str | None, bool, int]]
) -> list[PaymentRow]:
    kept = list(found)
    back = given_back_of(session, [row[0] for row in kept])
    return [_row(*row, back.get(row[0].id)) for row in kept]


def _row(
    receipt: Receipt,
    number: str | None,
    posting: str | None,
    confirmed: bool,
    part_count: int,
    back: GivenBack | None,
) -> PaymentRow:
    return PaymentRow(
        receipt_id=receipt.id,
        receipt=receipt.receipt,
        amount_cents=receipt.amount_cents,
        paid_at=receipt.paid_at,
        member_id=receipt.member_id,
        member_number=number,
        place=place_of(receipt, back),
        state=back.stands if back else receipt_state(receipt.reversed_at, posting, confirmed=confirmed),
        part_count=part_count,
    )


def given_back_among(session: Session, payments: Iterable[Payment]) -> dict[uuid.UUID, GivingBack]:
    """How the giving back stands of those of a member's payments that are given back, by receipt."""
    ids = [payment.receipt_id for payment in payments if payment.receipt_id is not None]
    found = given_back_of(session, session.scalars(select(Receipt).where(Receipt.id.in_(ids))))
    return {receipt_id: back.stands for receipt_id, back in found.items()}


def place_of(receipt: Receipt, back: GivenBack | None) -> str:
    """Where staff see the money: what was paid out is nowhere in this house any more."""
    return "given_back" if back and back.stands is GivingBack.PAID else standing_of(receipt).place


def _had_by(session: Session, back: GivenBack | None) -> tuple[uuid.UUID, str] | None:
    if back is None or back.member_id is None:
        return None
    number = session.scalar(select(MemberRow.number).where(MemberRow.id == back.member_id))
    return (back.member_id, number) if number else None


def _of_receipt(
    receipt: Receipt,
    number: str | None,
    posting: str | None,
    confirmed: bool,
    _: int,
    back: GivenBack | None,
) -> PaymentFacts:
    known = Particulars.from_json(receipt.particulars)
    return PaymentFacts(
        payment_id=receipt.id,
        receipt=receipt.receipt,
        amount_cents=receipt.amount_cents,
        at=receipt.paid_at,
        member_id=receipt.member_id,
        member_number=number,
        state=back.stands if back else receipt_state(receipt.reversed_at, posting, confirmed=confirmed),
        source=receipt.source,
        match_step=receipt.match_step,
        match_why=receipt.match_why,
        payer_masked=known.payer_masked,
        account_masked=known.account_masked,
        place=place_of(receipt, back),
        whole_id=receipt.part_of,
    )
