"""Whose money it is when nobody told us before: the reference typed, the payer, and never a guess."""

import re
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from core.database import vault_of
from core.errors import InvalidValue
from core.phone import PhoneNumber
from members.indexes import MemberIndexes
from members.model import NATIONAL_ID, Status
from members.numbers import MemberNumber, NationalId
from members.tables import MemberRow
from payments.contributions.tables import Contribution
from payments.model import ContributionState, MatchStep
from payments.payers import payer_index
from payments.receipts.model import Arrival, Owner
from payments.receipts.tables import Receipt
from payments.suspense.suggesting import name_fits
from payments.suspense.typing_slips import near

# What people type when they do not know what to type (letters and digits only, upper case).
GENERIC_REFERENCES = frozenset(
    {"", "0", "00", "SAVE", "SAVING", "SAVINGS", "AKIBA", "WEKA", "HABA", "HABAHABA", "MPESA", "ACCOUNT"}
    | {"NSSF", "PENSION", "PENSHENI", "MCHANGO", "CONTRIBUTION", "NONE", "NA"}
)
NAMED = "the reference names the member"
# Why money is in suspense although its reference names somebody; reconciliation knows it by these words.
TWO_MEMBERS = "reference and payer point to two members"
# Fewer names than this are anybody's.
_NAMES_MIN = 2
_BEFORE = timedelta(hours=24)
# The wallet's clock and ours may differ by this much.
_SKEW = timedelta(minutes=5)
# In these states a prompt may have been paid without our knowing.
_MAYBE_PAID = (
    ContributionState.PROMPTING,
    ContributionState.PROMPTED,
    ContributionState.UNKNOWN,
    ContributionState.EXPIRED,
)


@dataclass(frozen=True, slots=True)
class _Candidate:
    id: uuid.UUID
    is_open: bool


@dataclass(frozen=True, slots=True)
class _Pointed:
    """Who the reference and the payer point to. `step` is None for a reference of no known form."""

    step: MatchStep | None
    by_reference: _Candidate | None
    by_payer: _Candidate | None
    is_generic: bool


def owner_of(session: Session, arrival: Arrival) -> Owner:
    """The owner of a hand payment, with the reason; suspense whenever evidence is missing or disagrees."""
    pointed = _point(session, arrival)
    if pointed.is_generic:
        member, why = pointed.by_payer, "no reference; the payer is a member"
        doubt = "no reference, and the payer is not known" if member is None else ""
    else:
        member, why = pointed.by_reference, NAMED
        doubt = _doubt_about_reference(session, arrival, pointed)
        slip = _slip_of_payer(session, arrival.account, pointed) if doubt else None
        if slip is not None and pointed.by_payer is not None:
            member, why, doubt = pointed.by_payer, "one slip from the payer's own, paid from their phone", ""
            pointed = replace(pointed, step=slip)
    if not doubt and member is not None and not member.is_open:
        doubt = "the membership is closed"
    if doubt or member is None:
        return Owner(None, MatchStep.SUSPENSE, doubt)
    return Owner(member.id, pointed.step or MatchStep.PHONE, why)


def owners_by_number(session: Session, arrivals: Sequence[Arrival]) -> dict[tuple[str, str, str], Owner]:
    """The owners of those arrivals that name a member's number and nothing speaks against it.

    By wallet, shortcode and receipt. What may answer a prompt, or has any other form, is not among them.
    """
    numbered = {}
    for arrival in arrivals:
        with suppress(InvalidValue):
            name = (arrival.wallet, arrival.shortcode, arrival.receipt)
            numbered[name] = (arrival, MemberNumber.parse(arrival.account).digits)
    if not numbered:
        return {}
    payers = {
        name: payer_index(session, arrival.payer, arrival.payer_hash)
        for name, (arrival, _) in numbered.items()
    }
    numbers = {number for _, number in numbered.values()}
    rows = session.execute(
        select(MemberRow.id, MemberRow.number, MemberRow.status, MemberRow.wallet_hash_index).where(
            MemberRow.number.in_(numbers) | MemberRow.wallet_hash_index.in_({p for p in payers.values() if p})
        )
    ).all()
    by_number = {row.number: row for row in rows}
    by_payer = {row.wallet_hash_index: row for row in rows if row.wallet_hash_index}
    prompted = set(
        session.scalars(
            select(MemberRow.number)
            .join(Contribution, Contribution.member_id == MemberRow.id)
            .where(
                MemberRow.number.in_(numbers),
                Contribution.receipt_id.is_(None),
                _may_be_paid(),
                Contribution.requested_at >= min(one.paid_at for one, _ in numbered.values()) - _BEFORE,
            )
        )
    )
    owners = {}
    for name, (_, number) in numbered.items():
        member, payer = by_number.get(number), by_payer.get(payers[name])
        is_sure = member is not None and Status(member.status).is_open and number not in prompted
        if member is not None and is_sure and (payer is None or payer.id == member.id):
            owners[name] = Owner(member.id, MatchStep.MEMBER_NUMBER, NAMED)
    return owners


def _slip_of_payer(session: Session, account: str, pointed: _Pointed) -> MatchStep | None:
    """What of the payer's own the reference is one slip away from, when it names nobody else.

    Nearness alone never credits: the phone that paid must be the member's, and no other member may be named.
    """
    if pointed.by_payer is None or pointed.by_reference is not None:
        return None
    digits = re.sub(r"[^0-9]", "", account)
    row = session.get_one(MemberRow, pointed.by_payer.id)
    own = (
        (MatchStep.MEMBER_NUMBER, {row.number}),
        (MatchStep.NATIONAL_ID, {row.identifier}),
        (MatchStep.PHONE, {row.phone[1:], f"0{row.phone[4:]}", row.phone[4:]}),
    )
    slips = near(digits)
    return next((step for step, texts in own if not texts.isdisjoint(slips)), None)


def _doubt_about_reference(session: Session, arrival: Arrival, pointed: _Pointed) -> str:
    if pointed.step is None:
        return "the reference has no known form"
    if pointed.by_reference is None:
        return f"no member has this {pointed.step}".replace("_", " ")
    if pointed.by_payer is not None and pointed.by_payer.id != pointed.by_reference.id:
        return TWO_MEMBERS
    if pointed.step is MatchStep.PHONE and pointed.by_payer is None:
        return "a phone as reference, paid from a phone we do not know"
    if pointed.step is MatchStep.NATIONAL_ID and pointed.by_payer is None:
        # An ID has no check digit: one wrong digit may well be somebody else's.
        is_backed = _payer_speaks_for(session, arrival, pointed.by_reference.id)
        return "" if is_backed else "an ID as reference, and nothing about the payer speaks for the member"
    return ""


def _payer_speaks_for(session: Session, arrival: Arrival, member_id: uuid.UUID) -> bool:
    """Whether a payer who is no member has this member's whole name, or paid for them before."""
    masked_name = session.get_one(MemberRow, member_id).masked_name or ""
    if len(masked_name.split()) >= _NAMES_MIN and name_fits(arrival.payer_name, masked_name):
        return True
    payer = payer_index(session, arrival.payer, arrival.payer_hash)
    if payer is None:
        return False
    before = exists().where(
        Receipt.payer_index == payer,
        Receipt.member_id == member_id,
        Receipt.reversed_at.is_(None),
        Receipt.receipt != arrival.receipt,
    )
    return bool(session.scalar(select(before)))


def _point(session: Session, arrival: Arrival) -> _Pointed:
    indexes = MemberIndexes(vault_of(session))
    step, condition = read_reference(arrival.account, indexes)
    payer = payer_index(session, arrival.payer, arrival.payer_hash)
    conditions = [] if condition is None else [condition]
    if payer is not None:
        conditions.append(MemberRow.wallet_hash_index == payer)
    by_reference = by_payer = None
    if conditions:
        named = condition.label("named") if condition is not None else MemberRow.id.is_(None).label("named")
        # Who knows the old number of two that were made one still saves: for the one that stayed.
        stayed = aliased(MemberRow)
        rows = session.execute(
            select(
                func.coalesce(stayed.id, MemberRow.id),
                func.coalesce(stayed.status, MemberRow.status),
                MemberRow.wallet_hash_index,
                named,
            )
            .outerjoin(stayed, stayed.id == MemberRow.merged_into)
            .where(or_(*conditions))
        )
        for member_id, status, index, is_named in rows:
            candidate = _Candidate(member_id, Status(status).is_open)
            by_reference = candidate if is_named else by_reference
            by_payer = candidate if index == payer else by_payer
    return _Pointed(step, by_reference, by_payer, _is_generic(arrival.account))


def read_reference(
    account: str, indexes: MemberIndexes
) -> tuple[MatchStep | None, ColumnElement[bool] | None]:
    """What form a typed reference has, and which members it names. The forms exclude each other."""
    with suppress(InvalidValue):
        return MatchStep.MEMBER_NUMBER, MemberRow.number == MemberNumber.parse(account).digits
    with suppress(InvalidValue):
        index = indexes.identifier(NationalId.parse(account))
        same = and_(MemberRow.identifier_type == NATIONAL_ID, MemberRow.identifier_index == index)
        return MatchStep.NATIONAL_ID, same
    with suppress(InvalidValue):
        return MatchStep.PHONE, MemberRow.phone_index == indexes.phone(PhoneNumber.parse(account))
    return None, None


def _is_generic(account: str) -> bool:
    return re.sub(r"[^0-9A-Z]", "", account.upper()) in GENERIC_REFERENCES


def _may_be_paid() -> ColumnElement[bool]:
    failed = (Contribution.state == ContributionState.FAILED) & Contribution.may_still_pay
    return Contribution.state.in_(_MAYBE_PAID) | failed


def find_intent(session: Session, arrival: Arrival) -> Contribution | None:
    """An unfinished prompt of ours that this money may well be the answer to, locked.

    Member number, amount and, where the payer is known, the phone must be those that we asked.
    """
    try:
        number = MemberNumber.parse(arrival.account)
    except InvalidValue:
        return None
    query = (
        select(Contribution)
        .join(MemberRow, MemberRow.id == Contribution.member_id)
        .where(
            MemberRow.number == number.digits,
            Contribution.wallet == arrival.wallet,
            Contribution.shortcode == arrival.shortcode,
            Contribution.amount_cents == arrival.amount.amount_cents,
            Contribution.receipt_id.is_(None),
            _may_be_paid(),
            Contribution.requested_at.between(arrival.paid_at - _BEFORE, arrival.paid_at + _SKEW),
        )
        # The newest wish before the payment; a later one only when clocks must have differed.
        .order_by((Contribution.requested_at <= arrival.paid_at).desc(), Contribution.requested_at.desc())
        .limit(1)
        .with_for_update(of=Contribution)
    )
    payer = payer_index(session, arrival.payer, arrival.payer_hash)
    if payer is not None:
        query = query.where(Contribution.payer_index == payer)
    return session.scalars(query.execution_options(populate_existing=True)).first()
