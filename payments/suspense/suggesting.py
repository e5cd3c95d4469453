"""Whose money it may be: members near what was typed, the phone, the name, habits; never decides alone."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from core.database import vault_of
from core.errors import InvalidValue
from core.phone import PhoneNumber
from members.indexes import MemberIndexes
from members.model import NATIONAL_ID, Status
from members.numbers import MemberNumber, NationalId
from members.tables import MemberRow
from payments.particulars import Particulars
from payments.receipts.tables import Receipt
from payments.suspense.typing_slips import near

SHOWN_MAX = 5
_CONFIDENCE_MAX = 95
_CANDIDATES_MAX = 40
_NUMBER_DIGITS = 9
_LOOKS_LIKE = str.maketrans("OQDIL|SZBG", "0001115286")

# How much each piece of evidence is worth, in points of a hundred. What points elsewhere is subtracted.
_WORTH = {
    "number": 70,
    "national_id": 70,
    "phone_typed": 60,
    "number_near": 45,
    "national_id_near": 35,
    "phone_typed_near": 30,
    "payer_is": 45,
    "paid_for_before": 40,
    "mask_fits": 15,
    "name_fits": 15,
    "usual_amount": 8,
    "payer_is_other": -25,
    "mask_differs": -10,
    "closed": -60,
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One member it may be. `reasons` are codes pages have words for, strongest first; confidence 1 to 95."""

    member_id: uuid.UUID
    number: str
    masked_name: str
    status: Status
    confidence: int
    reasons: tuple[str, ...]


@dataclass
class _Found:
    row: MemberRow
    reasons: set[str] = field(default_factory=set)


def suggest(session: Session, receipt: Receipt, limit: int = SHOWN_MAX) -> Sequence[Suggestion]:
    """Ranked members for a receipt, best first; empty when nothing speaks for anybody."""
    known = Particulars.from_json(receipt.particulars)
    found = _by_reference(session, known.account)
    _by_payer(session, receipt, found)
    _corroborate(session, receipt, known, found)
    ranked = [_suggestion(each) for each in found.values()]
    ranked = [each for each in ranked if each.confidence > 0]
    return sorted(ranked, key=lambda each: (-each.confidence, each.number))[:limit]


def _suggestion(found: _Found) -> Suggestion:
    reasons = sorted(found.reasons, key=lambda reason: (-_WORTH[reason], reason))
    points = sum(_WORTH[reason] for reason in reasons)
    return Suggestion(
        member_id=found.row.id,
        number=found.row.number,
        masked_name=found.row.masked_name or "",
        status=Status(found.row.status),
        confidence=min(_CONFIDENCE_MAX, points),
        reasons=tuple(reasons),
    )


def _by_reference(session: Session, account: str) -> dict[uuid.UUID, _Found]:
    """Members that the typed reference names, or is one slip away from naming."""
    digits = re.sub(r"[^0-9]", "", account.upper().translate(_LOOKS_LIKE))
    if not digits:
        return {}
    indexes = MemberIndexes(vault_of(session))
    variants = {digits, *near(digits)}
    numbers = {number: text == digits for text in variants if (number := _number(text))}
    ids = {indexes.identifier(one): text == digits for text in variants if (one := _national_id(text))}
    phones = {indexes.phone(phone): text == digits for text in variants if (phone := _phone(text))}
    rows = session.scalars(
        select(MemberRow)
        .where(
            or_(
                MemberRow.number.in_(numbers),
                (MemberRow.identifier_type == NATIONAL_ID) & MemberRow.identifier_index.in_(ids),
                MemberRow.phone_index.in_(phones),
            )
        )
        .limit(_CANDIDATES_MAX)
    )
    found = {row.id: _Found(row) for row in rows}
    for each in found.values():
        for reason, exact in (
            ("number", numbers.get(each.row.number)),
            ("national_id", ids.get(each.row.identifier_index)),
            ("phone_typed", phones.get(each.row.phone_index)),
        ):
            if exact is not None:
                each.reasons.add(reason if exact else f"{reason}_near")
    return found


def _by_payer(session: Session, receipt: Receipt, found: dict[uuid.UUID, _Found]) -> None:
    """The owner of the phone that paid, and members whom it paid for before."""
    if receipt.payer_index is None:
        return
    before = session.execute(
        select(Receipt.member_id, func.count())
        .where(
            Receipt.payer_index == receipt.payer_index,
            Receipt.member_id.is_not(None),
            Receipt.reversed_at.is_(None),
            Receipt.id != receipt.id,
        )
        .group_by(Receipt.member_id)
        .order_by(func.count().desc())
        .limit(SHOWN_MAX)
    ).all()
    paid_for = {member_id for member_id, _ in before if member_id is not None}
    rows = session.scalars(
        select(MemberRow).where(
            (MemberRow.wallet_hash_index == receipt.payer_index) | MemberRow.id.in_(paid_for | found.keys())
        )
    ).all()
    someone_pays = any(row.wallet_hash_index == receipt.payer_index for row in rows)
    for row in rows:
        each = found.setdefault(row.id, _Found(row))
        if row.wallet_hash_index == receipt.payer_index:
            each.reasons.add("payer_is")
        elif someone_pays:
            each.reasons.add("payer_is_other")
        if row.id in paid_for:
            each.reasons.add("paid_for_before")


def _corroborate(
    session: Session, receipt: Receipt, known: Particulars, found: dict[uuid.UUID, _Found]
) -> None:
    """What never finds anybody by itself but speaks for or against those found."""
    usual = set(
        session.scalars(
            select(Receipt.member_id)
            .where(
                Receipt.member_id.in_(found),
                Receipt.amount_cents == receipt.amount_cents,
                Receipt.reversed_at.is_(None),
            )
            .distinct()
        )
    )
    for member_id, each in found.items():
        if member_id in usual:
            each.reasons.add("usual_amount")
        if receipt.payer_index is None and known.payer_mask:
            fits = fits_mask(each.row.phone, known.payer_mask)
            each.reasons.add("mask_fits" if fits else "mask_differs")
        if known.name and each.row.masked_name and name_fits(known.name, each.row.masked_name):
            each.reasons.add("name_fits")
        if not Status(each.row.status).is_open:
            each.reasons.add("closed")


def fits_mask(phone: str, mask: str) -> bool:
    """Whether a phone (E.164) may be behind a mask such as `2547 ***** 126`."""
    head, tail = (re.sub(r"[^0-9]", "", part) for part in (mask[: len(mask) // 2], mask[len(mask) // 2 :]))
    digits = phone.removeprefix("+")
    starts = digits.startswith(head) or f"0{digits[3:]}".startswith(head)
    return bool(tail) and starts and digits.endswith(tail)


def name_fits(name: str, masked: str) -> bool:
    """Whether every word of a masked name (`W***** M****`) has a word of the payer's name behind it.

    A mask shows a first letter and a length; a payer's name may come in any order, with more words.
    """
    words = [word for word in re.split(r"[^A-Z]+", name.upper()) if word]
    for hidden in masked.upper().split():
        fitting = next((word for word in words if word[0] == hidden[0] and len(word) == len(hidden)), None)
        if fitting is None:
            return False
        words.remove(fitting)
    return bool(masked.strip())


def _number(text: str) -> str | None:
    try:
        return MemberNumber.parse(text).digits if len(text) == _NUMBER_DIGITS else None
    except InvalidValue:
        return None


def _national_id(text: str) -> NationalId | None:
    try:
        return NationalId.parse(text)
    except InvalidValue:
        return None


def _phone(text: str) -> PhoneNumber | None:
    # Parsing is slow: only what can be a mobile number of the region is tried.
    if not re.fullmatch(r"(0|254)?[17][0-9]{8}", text):
        return None
    try:
        return PhoneNumber.parse(text)
    except InvalidValue:
        return None
