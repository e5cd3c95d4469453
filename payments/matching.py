"""Whose money it is when nobody told us before: the reference typed, the payer, and never a guess."""

import re
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from core.database import vault_of
from core.errors import InvalidValue
from core.phone import PhoneNumber
from members.indexes import MemberIndexes
from members.model import NATIONAL_ID, Status
from members.numbers import MemberNumber, NationalId
from members.tables import MemberRow
from payments.contributions.tables import Contribution
from payments.model import ContributionState, EvidenceChannel, MatchStep
from payments.particulars import Particulars
from payments.payer_history import PaidBefore, paid_before
from payments.payers import payer_index
from payments.receipts.model import PAYER_UNNAMED, TWO_MEMBERS, Arrival, Owner
from payments.receipts.tables import Receipt
from payments.suspense.suggesting import fits_mask, name_fits
from payments.suspense.typing_slips import near

# What people type when they do not know what to type (letters and digits only, upper case).
GENERIC_REFERENCES = frozenset(
    {"", "0", "00", "SAVE", "SAVING", "SAVINGS", "AKIBA", "WEKA", "HABA", "HABAHABA", "MPESA", "ACCOUNT"}
    | {"NSSF", "PENSION", "PENSHENI", "MCHANGO", "CONTRIBUTION", "NONE", "NA"}
)
NAMED = "the reference names the member"
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
class _Told:
    """All that the messages about one payment say of its owner. `payer` is a blind index."""

    account: str
    payer: str | None
    mask: str
    name: str
    receipt: str


@dataclass(frozen=True, slots=True)
class _Pointed:
    """Who the reference and the payer point to. `step` is None for a reference of no known form."""

    step: MatchStep | None
    by_reference: _Candidate | None
    by_payer: _Candidate | None
    is_generic: bool


def owner_of(
    session: Session, arrival: Arrival, known: Receipt | None = None, *, is_last: bool = False
) -> Owner:
    """The owner of a hand payment, with the reason; suspense whenever evidence is missing or disagrees.

    `known`: the receipt with what earlier messages told. `is_last`: no better evidence is to come; otherwise
    a payer whom the wallet hides is waited for (`PAYER_UNNAMED`), unless the mask fits the member named.
    """
    told = _put_together(session, arrival, known)
    pointed = _point(session, told)
    if pointed.is_generic:
        member, why = pointed.by_payer, "no reference; the payer is a member"
        doubt = _doubt_without_reference(session, told, pointed)
    else:
        member, why = pointed.by_reference, NAMED
        doubt = _doubt_about_reference(session, told, pointed)
        if not doubt and member is not None and not is_last and not _is_list(arrival):
            doubt = _doubt_while_unnamed(session, told, member)
        slip = _slip_of_payer(session, told.account, pointed) if doubt else None
        if slip is not None and pointed.by_payer is not None:
            member, why, doubt = pointed.by_payer, "one slip from the payer's own, paid from their phone", ""
            pointed = replace(pointed, step=slip)
        if doubt and _is_payers_name(session, told, pointed):
            member, why, doubt = pointed.by_payer, "the payer's own name, paid from their phone", ""
    if known is not None and _are_two_payers(session, arrival, known):
        doubt = "the messages about it name two payers"
    if not doubt and member is not None and not member.is_open:
        doubt = "the membership is closed"
    if doubt or member is None:
        return Owner(None, MatchStep.SUSPENSE, doubt)
    return Owner(member.id, pointed.step or MatchStep.PHONE, why)


def _put_together(session: Session, arrival: Arrival, known: Receipt | None) -> _Told:
    payer = payer_index(session, arrival.payer, arrival.payer_hash)
    now = arrival.particulars
    if known is None:
        return _Told(now.account, payer, now.payer_mask, now.name, arrival.receipt)
    before = Particulars.from_json(known.particulars)
    return _Told(
        now.account or before.account,
        payer or known.payer_index,
        now.payer_mask or before.payer_mask,
        now.name or before.name,
        arrival.receipt,
    )


def _are_two_payers(session: Session, arrival: Arrival, known: Receipt) -> bool:
    payer = payer_index(session, arrival.payer, arrival.payer_hash)
    return None not in {payer, known.payer_index} and payer != known.payer_index


def _is_list(arrival: Arrival) -> bool:
    return arrival.source in {EvidenceChannel.PULL, EvidenceChannel.STATEMENT}


def _doubt_while_unnamed(session: Session, told: _Told, named: _Candidate) -> str:
    if told.payer is not None:
        return ""
    fits = bool(told.mask) and fits_mask(session.get_one(MemberRow, named.id).phone, told.mask)
    return "" if fits else PAYER_UNNAMED


def owners_by_number(session: Session, arrivals: Sequence[Arrival]) -> dict[tuple[str, str, str], Owner]:
    """The owners of those arrivals that name a member's number and nothing speaks against it.

    By wallet, shortcode and receipt. What may answer a prompt, hides its payer, is paid from a phone that
    names several members at once, or has any other form, is not among them.
    """
    numbered: dict[tuple[str, str, str], tuple[str, str]] = {}
    named_by: dict[str, set[str]] = {}
    for arrival in arrivals:
        payer = payer_index(session, arrival.payer, arrival.payer_hash)
        with suppress(InvalidValue):
            number = MemberNumber.parse(arrival.account).digits
            if payer is not None:
                numbered[arrival.wallet, arrival.shortcode, arrival.receipt] = (number, payer)
                named_by.setdefault(payer, set()).add(number)
    if not numbered:
        return {}
    rows = session.execute(
        select(MemberRow.id, MemberRow.number, MemberRow.status, MemberRow.wallet_hash_index).where(
            MemberRow.number.in_({number for number, _ in numbered.values()})
            | MemberRow.wallet_hash_index.in_(named_by)
        )
    ).all()
    by_number = {row.number: row for row in rows}
    by_payer = {row.wallet_hash_index: row for row in rows if row.wallet_hash_index}
    prompted = _prompted(session, set(by_number), min(one.paid_at for one in arrivals))
    before = paid_before(session, named_by.keys() - by_payer.keys(), but=[name[2] for name in numbered])
    owners = {}
    for name, (number, payer) in numbered.items():
        member, own = by_number.get(number), by_payer.get(payer)
        if member is None or not Status(member.status).is_open or number in prompted:
            continue
        is_sure = own.id == member.id if own is not None else len(named_by[payer]) == 1
        if is_sure and not before.get(payer, PaidBefore()).speaks_against(member.id):
            owners[name] = Owner(member.id, MatchStep.MEMBER_NUMBER, NAMED)
    return owners


def _prompted(session: Session, numbers: set[str], first_at: datetime) -> set[str]:
    """Which member numbers have a prompt that money of about this time may answer."""
    return set(
        session.scalars(
            select(MemberRow.number)
            .join(Contribution, Contribution.member_id == MemberRow.id)
            .where(
                MemberRow.number.in_(numbers),
                Contribution.receipt_id.is_(None),
                _may_be_paid(),
                Contribution.requested_at >= first_at - _BEFORE,
            )
        )
    )


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


def _is_payers_name(session: Session, told: _Told, pointed: _Pointed) -> bool:
    """Whether words typed are of the payer's name, as the wallet tells it and as the member's mask has it.

    A name alone never credits: the phone that paid must be the member's, and be used by nobody else.
    """
    if pointed.step is not None or pointed.by_payer is None:
        return False
    typed = re.sub(r"[^A-Z]+", " ", told.account.upper()).split()
    theirs = re.sub(r"[^A-Z]+", " ", told.name.upper()).split()
    masked = (session.get_one(MemberRow, pointed.by_payer.id).masked_name or "").split()
    shapes = [(word[0], len(word)) for word in masked]
    if not typed or not all(word in theirs and (word[0], len(word)) in shapes for word in typed):
        return False
    return not _paid_before(session, told).pays_for_others_than(pointed.by_payer.id)


def _doubt_without_reference(session: Session, told: _Told, pointed: _Pointed) -> str:
    if pointed.by_payer is None:
        return "no reference, and the payer is not known"
    if _paid_before(session, told).pays_for_others_than(pointed.by_payer.id):
        return "no reference, and the payer's phone pays for others too"
    return ""


def _doubt_about_reference(session: Session, told: _Told, pointed: _Pointed) -> str:
    named, payer = pointed.by_reference, pointed.by_payer
    if pointed.step is None:
        return "the reference has no known form"
    if named is None:
        return f"no member has this {pointed.step}".replace("_", " ")
    if payer is not None and payer.id == named.id:
        return ""
    before = _paid_before(session, told)
    if before.speaks_for(named.id):
        return ""
    if payer is not None or before.speaks_against(named.id):
        return TWO_MEMBERS
    return _doubt_about_stranger(session, told, pointed.step, named)


def _doubt_about_stranger(session: Session, told: _Told, step: MatchStep, named: _Candidate) -> str:
    if step is MatchStep.PHONE:
        return "a phone as reference, paid from a phone we do not know"
    if step is MatchStep.NATIONAL_ID and not _has_whole_name(session, told, named):
        # An ID has no check digit: one wrong digit may well be somebody else's.
        return "an ID as reference, and nothing about the payer speaks for the member"
    return ""


def _has_whole_name(session: Session, told: _Told, named: _Candidate) -> bool:
    """Whether a payer who is no member has this member's whole name."""
    masked_name = session.get_one(MemberRow, named.id).masked_name or ""
    return len(masked_name.split()) >= _NAMES_MIN and name_fits(told.name, masked_name)


def _paid_before(session: Session, told: _Told) -> PaidBefore:
    if told.payer is None:
        return PaidBefore()
    return paid_before(session, [told.payer], but=[told.receipt]).get(told.payer, PaidBefore())


def _point(session: Session, told: _Told) -> _Pointed:
    indexes = MemberIndexes(vault_of(session))
    step, condition = read_reference(told.account, indexes)
    conditions = [] if condition is None else [condition]
    if told.payer is not None:
        conditions.append(MemberRow.wallet_hash_index == told.payer)
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
            # Without a payer, a member without a wallet is not "the same" as nobody.
            by_payer = candidate if told.payer is not None and index == told.payer else by_payer
    return _Pointed(step, by_reference, by_payer, is_generic(told.account))


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


def is_generic(account: str) -> bool:
    """Whether it is what people type when they do not know what to type."""
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
