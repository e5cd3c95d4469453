"""Pairs of memberships that may be one person's, as staff decide about them: masked, side by side."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.phone import PhoneNumber
from dashboard.deciding import names_of, numbers_of
from members.duplicates.model import CaseState
from members.duplicates.tables import DuplicateCaseRow
from members.model import Status
from members.tables import MemberRow
from payments.ledger.service import savings
from payments.merging.deciding import decisions_on
from payments.merging.tables import PairDecision
from payments.receipts.tables import Receipt
from payments.suspense.model import DecisionState

_ROWS_MAX = 200
_SETTLED_MAX = 50
_SHOWN_OF_IDENTIFIER = 3


@dataclass(frozen=True, slots=True)
class PairInList:
    """One pair in the list."""

    case_id: uuid.UUID
    numbers: tuple[str, str]
    masked_name: str
    reasons: Sequence[str]
    confidence: int
    state: str
    since: datetime
    waits_for_second: bool


@dataclass(frozen=True, slots=True)
class Half:
    """One of the two memberships."""

    member_id: uuid.UUID
    number: str
    masked_name: str
    phone_masked: str
    identifier_type: str
    identifier_masked: str
    status: Status
    joined_at: datetime
    saved_cents: int
    payments: int
    last_paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class Pair:
    """Everything that helps to decide. `key` makes the next click one decision."""

    case: DuplicateCaseRow
    halves: tuple[Half, Half]
    decisions: Sequence[PairDecision]
    names: Mapping[str, str]
    numbers: Mapping[uuid.UUID, str]
    proposal: PairDecision | None
    merge: PairDecision | None
    key: uuid.UUID


def listed(session: Session, state: CaseState) -> list[PairInList]:
    """Open pairs with the surest first, or the pairs settled last."""
    is_open = state is CaseState.OPEN
    order = DuplicateCaseRow.confidence.desc() if is_open else DuplicateCaseRow.settled_at.desc()
    cases = session.scalars(
        select(DuplicateCaseRow)
        .where(DuplicateCaseRow.state == state)
        .order_by(order, DuplicateCaseRow.opened_at, DuplicateCaseRow.id)
        .limit(_ROWS_MAX if is_open else _SETTLED_MAX)
    ).all()
    ids = {member_id for case in cases for member_id in (case.first_id, case.second_id)}
    members = {row.id: row for row in session.scalars(select(MemberRow).where(MemberRow.id.in_(ids)))}
    waiting = set(
        session.scalars(
            select(PairDecision.case_id).where(
                PairDecision.case_id.in_([case.id for case in cases]),
                PairDecision.state == DecisionState.PROPOSED,
            )
        )
    )
    return [
        PairInList(
            case.id,
            (members[case.first_id].number, members[case.second_id].number),
            members[case.first_id].masked_name or members[case.second_id].masked_name or "",
            case.reasons,
            case.confidence,
            case.state,
            case.settled_at or case.opened_at,
            case.id in waiting,
        )
        for case in cases
    ]


def waiting_for_second(session: Session) -> int:
    """How many decisions about pairs wait for a second person."""
    proposed = PairDecision.state == DecisionState.PROPOSED
    return session.scalar(select(func.count()).select_from(PairDecision).where(proposed)) or 0


def pair(session: Session, case_id: uuid.UUID) -> Pair | None:
    """One pair, the older membership first."""
    case = session.get(DuplicateCaseRow, case_id)
    if case is None:
        return None
    rows = session.scalars(
        select(MemberRow)
        .where(MemberRow.id.in_((case.first_id, case.second_id)))
        .order_by(MemberRow.joined_at, MemberRow.id)
    ).all()
    older, newer = (_half(session, row) for row in rows)
    decisions = decisions_on(session, case_id)
    merges = [row for row in decisions if row.act == "merge" and row.state == DecisionState.DONE]
    return Pair(
        case=case,
        halves=(older, newer),
        decisions=decisions,
        names=names_of(session, {actor for row in decisions for actor in (row.maker, row.checker) if actor}),
        numbers=numbers_of(session, {row.kept_id for row in decisions if row.kept_id}),
        proposal=next((row for row in decisions if row.state == DecisionState.PROPOSED), None),
        merge=merges[0] if merges else None,
        key=uuid.uuid4(),
    )


def _half(session: Session, row: MemberRow) -> Half:
    paid, last = session.execute(
        select(func.count(), func.max(Receipt.paid_at)).where(Receipt.member_id == row.id)
    ).one()
    hidden = max(0, len(row.identifier) - _SHOWN_OF_IDENTIFIER)
    return Half(
        row.id,
        row.number,
        row.masked_name or "",
        PhoneNumber(row.phone).masked,
        row.identifier_type,
        "•" * hidden + row.identifier[hidden:],
        Status(row.status),
        row.joined_at,
        savings(session, row.id).amount_cents,
        paid,
        last,
    )
