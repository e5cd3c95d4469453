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
from payments.model import EvidenceChannel, MatchStep
from payments.naming import references_of, waits_named
from payments.open_prompts import prompted_numbers
from payments.particulars import Particulars
from payments.payer_history import PaidBefore, paid_before
from payments.payers import payer_index
from payments.receipts.model import (
    ID_ALONE,
    NAMED_ONCE,
    NAMES_ANOTHER,
    PAYER_UNNAMED,
    PHONE_ALONE,
    TWO_MEMBERS,
    TWO_PAYERS,
    Arrival,
    Owner,
)
from payments.receipts.tables import Receipt
from payments.suspense.suggesting import fits_mask, name_fits
from payments.suspense.typing_slips import near

# What people type when they do not know what to type (letters and digits only, upper case).
GENERIC_REFERENCES = frozenset(
    {"", "0", "00", "SAVE", "SAVING", "SAVINGS", "AKIBA", "WEKA", "HABA", "HABAHABA", "MPESA", "ACCOUNT"}
    | {"NSSF", "PENSION", "PENSHENI", "MCHANGO", "CONTRIBUTION", "NONE", "NA"}
)
NAMED = "the reference names the member"
_CLOSED = "the membership is closed"
# Fewer names than this are anybody's.
_NAMES_MIN = 2
# Sooner than this, the same wrong number typed again is the same mistake.
_APART_MIN = timedelta(hours=1)
_LOOKED_AT_MAX = 10
# So many waiting payments of one phone are opened to see whom they name.
NAMINGS_MAX = 500


@dataclass(frozen=True, slots=True)
class _Candidate:
    id: uuid.UUID
    is_open: bool


@dataclass(frozen=True, slots=True)
class _Told:
    """All that the messages about one payment say of its owner. `payer` is a blind index.

    `may_be_named`: a payer whom the wallet hid may still be named by its list.
    """

    account: str
    payer: str | None
    mask: str
    name: str
    receipt: str
    paid_at: datetime
    may_be_named: bool


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
    told = _put_together(session, arrival, known, is_last=is_last)
    pointed = _point(session, told)
    if pointed.is_generic:
        member, why = pointed.by_payer, "no reference; the payer is a member, who said so before"
        doubt = _doubt_without_reference(session, told, pointed)
    else:
        member, why = pointed.by_reference, NAMED
        doubt = _doubt_about_reference(session, told, pointed)
        slip = _slip_of_known(session, told, pointed) if doubt else None
        if slip is not None:
            member, step, why, doubt = *slip, "one slip from a number of whom this phone pays for", ""
            pointed = replace(pointed, step=step)
        if doubt and _is_payers_name(session, told, pointed):
            member, why, doubt = pointed.by_payer, "the payer's own name, paid from their phone", ""
    # Once they did, a message that is repeated settles nothing.
    if known is not None and (known.match_why == TWO_PAYERS or _are_two_payers(session, arrival, known)):
        doubt = TWO_PAYERS
    if not doubt and member is not None and not member.is_open:
        doubt = _CLOSED
    if doubt or member is None:
        named = pointed.by_reference if doubt in NAMES_ANOTHER else None
        return Owner(None, MatchStep.SUSPENSE, doubt, named.id if named and named.is_open else None)
    return Owner(member.id, pointed.step or MatchStep.PHONE, why)


def _put_together(session: Session, arrival: Arrival, known: Receipt | None, *, is_last: bool) -> _Told:
    now, before = arrival.particulars, Particulars()
    payer = payer_index(session, arrival.payer, arrival.payer_hash)
    if known is not None:
        before = Particulars.from_json(known.particulars)
        if arrival.source is EvidenceChannel.STATEMENT:
            now = _without_contradiction(now, before, names_payer=payer not in {None, known.payer_index})
        payer = payer or known.payer_index
    is_list = arrival.source in {EvidenceChannel.PULL, EvidenceChannel.STATEMENT}
    return _Told(
        now.account or before.account,
        payer,
        now.payer_mask or before.payer_mask,
        now.name or before.name,
        arrival.receipt,
        arrival.paid_at,
        may_be_named=not (is_last or is_list),
    )


def _without_contradiction(now: Particulars, before: Particulars, *, names_payer: bool) -> Particulars:
    """What a file, which goes through hands, may add to what a message said: only what that left open.

    An account only together with a payer who was not known. A file that hides who paid, or names whom we
    know, nobody looks at a second time (`wallet_lines.told_alone`): it must not say whose the money is.
    """
    account = before.account or (now.account if names_payer else "")
    return replace(now, account=account, name=before.name or now.name)


def _are_two_payers(session: Session, arrival: Arrival, known: Receipt) -> bool:
    payer = payer_index(session, arrival.payer, arrival.payer_hash)
    return None not in {payer, known.payer_index} and payer != known.payer_index


def owners_by_number(session: Session, arrivals: Sequence[Arrival]) -> dict[tuple[str, str, str], Owner]:
    """The owners of those arrivals that name a member's number and nothing speaks against it.

    By wallet, shortcode and receipt. What may answer a prompt, hides its payer behind a mask that is not the
    member's, is paid from a phone that never paid for them, or has any other form, is not among them.
    """
    numbered: dict[tuple[str, str, str], tuple[str, str | None, Arrival]] = {}
    for arrival in arrivals:
        with suppress(InvalidValue):
            number = MemberNumber.parse(arrival.account).digits
            payer = payer_index(session, arrival.payer, arrival.payer_hash)
            numbered[arrival.wallet, arrival.shortcode, arrival.receipt] = (number, payer, arrival)
    if not numbered:
        return {}
    numbers = {number for number, *_ in numbered.values()}
    members = session.scalars(select(MemberRow).where(MemberRow.number.in_(numbers)))
    by_number = {row.number: row for row in members if Status(row.status).is_open}
    prompted = prompted_numbers(session, set(by_number), min(one.paid_at for one in arrivals))
    strangers = {
        payer
        for number, payer, _ in numbered.values()
        if payer is not None and number in by_number and by_number[number].wallet_hash_index != payer
    }
    before = paid_before(session, strangers, but=[name[2] for name in numbered])
    owners = {}
    for name, (number, payer, arrival) in numbered.items():
        member = by_number.get(number)
        if member is None or number in prompted:
            continue
        if payer is None:
            is_sure = _fits_own_mask(member, arrival.payer_mask, arrival.payer_name)
        else:
            paid = before.get(payer, PaidBefore())
            # Where money waits, it is to be looked at again.
            knows = paid.speaks_for(member.id) and not paid.is_doubtful
            is_sure = payer not in strangers or knows
        if is_sure:
            owners[name] = Owner(member.id, MatchStep.MEMBER_NUMBER, NAMED)
    return owners


def _slip_of_known(session: Session, told: _Told, pointed: _Pointed) -> tuple[_Candidate, MatchStep] | None:
    """Of the payer and those they paid for before, the one whose own the reference is one slip away from.

    Nearness alone never credits: the phone must be known, no member named, and nobody else as near.
    """
    if told.payer is None or pointed.by_reference is not None:
        return None
    ids = set(_paid_before(session, told).counts)
    if pointed.by_payer is not None:
        ids.add(pointed.by_payer.id)
    slips = near(re.sub(r"[^0-9]", "", told.account))
    found = []
    for row in session.scalars(select(MemberRow).where(MemberRow.id.in_(ids))) if ids and slips else ():
        own = (
            (MatchStep.MEMBER_NUMBER, {row.number}),
            (MatchStep.NATIONAL_ID, {row.identifier}),
            (MatchStep.PHONE, {row.phone[1:], f"0{row.phone[4:]}", row.phone[4:]}),
        )
        step = next((step for step, texts in own if not texts.isdisjoint(slips)), None)
        if step is not None:
            found.append((_Candidate(row.id, Status(row.status).is_open), step))
    return found[0] if len(found) == 1 else None


def _is_payers_name(session: Session, told: _Told, pointed: _Pointed) -> bool:
    """Whether words typed are of the payer's name, as the wallet tells it and as the member's mask has it.

    A name alone never credits: the phone that paid must be the member's, who paid from it before, and be
    used by nobody else.
    """
    if pointed.step is not None or pointed.by_payer is None:
        return False
    typed = re.sub(r"[^A-Z]+", " ", told.account.upper()).split()
    theirs = re.sub(r"[^A-Z]+", " ", told.name.upper()).split()
    masked = (session.get_one(MemberRow, pointed.by_payer.id).masked_name or "").split()
    shapes = [(word[0], len(word)) for word in masked]
    if not typed or not all(word in theirs and (word[0], len(word)) in shapes for word in typed):
        return False
    return _paid_before(session, told).is_only_used_by(pointed.by_payer.id)


def _doubt_without_reference(session: Session, told: _Told, pointed: _Pointed) -> str:
    if pointed.by_payer is None:
        return "no reference, and the payer is not known"
    if _paid_before(session, told).pays_for_others_than(pointed.by_payer.id):
        return "no reference, and the payer's phone pays for others too"
    if not _said_so_before(session, told, pointed.by_payer):
        # A friend's phone pays just so, and nothing tells the two apart.
        return "no reference, and the payer has not said that it is theirs"
    return ""


def _said_so_before(session: Session, told: _Told, payer: _Candidate) -> bool:
    """Whether the phone's owner claimed earlier money without a reference as their own."""
    claimed = session.scalars(
        select(Receipt.particulars)
        .where(
            Receipt.payer_index == told.payer,
            Receipt.member_id == payer.id,
            Receipt.match_step == MatchStep.CLAIM,
            Receipt.reversed_at.is_(None),
        )
        .order_by(Receipt.paid_at.desc())
        .limit(_LOOKED_AT_MAX)
    )
    return any(is_generic(Particulars.from_json(particulars).account) for particulars in claimed)


def _doubt_about_reference(session: Session, told: _Told, pointed: _Pointed) -> str:
    named, payer = pointed.by_reference, pointed.by_payer
    if pointed.step is None:
        return "the reference has no known form"
    if named is None:
        return f"no member has this {pointed.step}".replace("_", " ")
    if payer is not None and payer.id == named.id:
        return ""
    before = _paid_before(session, told)
    if before.speaks_for(named.id) or (before.is_doubtful and _is_named_again(session, told, pointed)):
        return ""
    if payer is not None or before.speaks_against(named.id):
        return TWO_MEMBERS
    return _doubt_about_stranger(session, told, pointed.step, named)


def _is_named_again(session: Session, told: _Told, pointed: _Pointed) -> bool:
    """Whether other money of this phone waits that names the same member, typed at another time.

    One of the two references must be a member number: an ID learnt wrong is typed wrong every time.
    """
    if told.payer is None or pointed.by_reference is None:
        return False
    own = references_of(session, pointed.by_reference.id)
    others = session.scalars(
        select(Receipt.particulars)
        .where(
            waits_named(told.payer),
            Receipt.receipt != told.receipt,
            or_(Receipt.paid_at <= told.paid_at - _APART_MIN, Receipt.paid_at >= told.paid_at + _APART_MIN),
        )
        .order_by(Receipt.paid_at.desc())
        .limit(NAMINGS_MAX)
    )
    steps = (own.step_of(Particulars.from_json(particulars).account) for particulars in others)
    return any(step is not None and MatchStep.MEMBER_NUMBER in {step, pointed.step} for step in steps)


def _doubt_about_stranger(session: Session, told: _Told, step: MatchStep, named: _Candidate) -> str:
    if not named.is_open:
        return _CLOSED
    if step is MatchStep.PHONE:
        return PHONE_ALONE
    has_name = _has_whole_name(session, told, named)
    if told.payer is None and (has_name or step is MatchStep.MEMBER_NUMBER):
        if _fits_own_mask(session.get_one(MemberRow, named.id), told.mask, told.name):
            return ""
        if told.may_be_named:
            return PAYER_UNNAMED
    # An ID has no check digit: one wrong digit may well be somebody else's.
    alone = ID_ALONE if step is MatchStep.NATIONAL_ID else NAMED_ONCE
    return "" if has_name else alone


def _fits_own_mask(member: MemberRow, mask: str, name: str) -> bool:
    """Whether the wallet's mask fits the member's own phone, and the payer's name may be theirs."""
    if not mask or not fits_mask(member.phone, mask):
        return False
    told_shapes = {(word[0], len(word)) for word in re.findall(r"[A-Z]+", name.upper())}
    own_shapes = {(word[0], len(word)) for word in (member.masked_name or "").upper().split()}
    return not told_shapes or not own_shapes or not told_shapes.isdisjoint(own_shapes)


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
