"""What staff can decide about one difference or receipt, as a form shows it and as a click sends it."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import InvalidValue
from core.reasons import on_one_line
from dashboard.staff.tables import Staff
from members.numbers import MemberNumber
from members.tables import MemberRow
from payments.model import BreakClass
from payments.receipts.tables import Receipt
from payments.reconciliation.view import BreakSummary
from payments.suspense.deciding import decisions_about, stake_of
from payments.suspense.giving_back import GivenBack, given_back
from payments.suspense.model import Act, NotPossible, Place, Wish
from payments.suspense.places import has_come, standing_of
from payments.suspense.suggesting import Suggestion, suggest
from payments.suspense.tables import Decision

_REPOSTABLE = frozenset(
    {
        BreakClass.NOT_POSTED,
        BreakClass.NOT_ACKNOWLEDGED,
        BreakClass.REJECTED_BY_REGISTRY,
        BreakClass.REGISTRY_AMOUNT_DIFFERS,
    }
)
_MOVING = frozenset({Act.MATCH, Act.SPLIT, Act.SUSPEND, Act.REFUND})
_STAFF = "staff:"


@dataclass(frozen=True, slots=True)
class Work:
    """Everything the decision part of a page shows. `key` makes the next click one decision.

    `owner`: by its number, the member who has the money.
    """

    key: uuid.UUID
    receipt_id: uuid.UUID | None
    acts: Sequence[Act]
    suggestions: Sequence[Suggestion]
    decisions: Sequence[Decision]
    names: Mapping[str, str]
    needs_second: bool
    is_waiting: bool
    member_numbers: Mapping[uuid.UUID | str, str]
    given_back: GivenBack | None
    owner: str | None

    def may_be_undone(self, decision: Decision) -> bool:
        """Whether undoing it could be done: money on its way to the payer, or there, stays."""
        return _may_be_undone(decision, self.given_back)


def work_on(
    session: Session, receipt: Receipt | None, found: BreakSummary | None, *, limit_cents: int
) -> Work:
    """Gather it."""
    decisions = decisions_about(
        session, receipt_id=receipt.id if receipt else None, break_id=found.id if found else None
    )
    acts = acts_on(session, receipt, found)
    at_stake = [stake_of(session, receipt)] if receipt else []
    at_stake += [found.amount_cents or 0, found.other_amount_cents or 0] if found else []
    return Work(
        key=uuid.uuid4(),
        receipt_id=receipt.id if receipt else None,
        acts=acts,
        suggestions=_suggestions(session, receipt) if receipt and Act.MATCH in acts else (),
        decisions=decisions,
        names=names_of(session, {actor for row in decisions for actor in (row.maker, row.checker) if actor}),
        needs_second=max(at_stake, default=0) > limit_cents,
        is_waiting=any(row.state == "proposed" for row in decisions),
        member_numbers=numbers_in(session, decisions),
        given_back=given_back(session, receipt) if receipt else None,
        owner=_owner_of(session, receipt),
    )


def _owner_of(session: Session, receipt: Receipt | None) -> str | None:
    if receipt is None or receipt.member_id is None:
        return None
    return numbers_of(session, {receipt.member_id})[receipt.member_id]


def _suggestions(session: Session, receipt: Receipt) -> list[Suggestion]:
    """Whose it may be, without the one who has it now."""
    return [each for each in suggest(session, receipt) if each.member_id != receipt.member_id]


def acts_on(session: Session, receipt: Receipt | None, found: BreakSummary | None) -> list[Act]:
    """What can be decided about them as they stand."""
    acts: list[Act] = []
    is_gone = receipt is not None and _is_gone(given_back(session, receipt))
    if receipt is not None and receipt.reversed_at is None and not is_gone:
        place = standing_of(receipt).place
        acts += [Act.MATCH] if place in {Place.MEMBER, Place.SUSPENSE, Place.REFUND} else []
        acts += [Act.SPLIT] if place in {Place.MEMBER, Place.SUSPENSE} else []
        acts += [Act.SUSPEND] if place in {Place.MEMBER, Place.REFUND} else []
        acts += [Act.REFUND] if place in {Place.MEMBER, Place.SUSPENSE} else []
    if found is not None and found.is_open:
        acts += [Act.WRITE_OFF] if not is_gone and _may_be_written_off(session, receipt, found) else []
        is_told_in_parts = receipt is not None and receipt.staff_place == Place.SPLIT
        if found.break_class in _REPOSTABLE and not is_told_in_parts and not is_gone:
            acts.insert(0, Act.REPOST)
        acts += [Act.BOOK_COST, Act.BOOK_BANK] if found.break_class is BreakClass.UNBOOKED_LINE else []
        acts.append(Act.EXPLAIN)
    return acts


def may_be_decided(session: Session, receipt: Receipt) -> bool:
    """Whether the page of a receipt offers any act: a decision, or the undoing of one."""
    if acts_on(session, receipt, None):
        return True
    back = given_back(session, receipt)
    decisions = decisions_about(session, receipt_id=receipt.id, break_id=None)
    return any(_may_be_undone(each, back) for each in decisions)


def _may_be_undone(decision: Decision, back: GivenBack | None) -> bool:
    return decision.is_to_undo and not (decision.act in _MOVING and _is_gone(back))


def _is_gone(back: GivenBack | None) -> bool:
    """Whether the money was sent to the payer: every move would be refused."""
    return back is not None and back.stands.is_final


def _may_be_written_off(session: Session, receipt: Receipt | None, found: BreakSummary) -> bool:
    if found.break_class is BreakClass.AMOUNT_DIFFERS:
        return (found.amount_cents or 0) > (found.other_amount_cents or 0)
    if found.break_class is not BreakClass.NOT_ON_STATEMENT or receipt is None:
        return False
    return receipt.reversed_at is None and not has_come(session, receipt)


def read_wish(
    session: Session,
    form: Mapping[str, str],
    *,
    receipt_id: uuid.UUID | None = None,
    break_id: uuid.UUID | None = None,
) -> Wish:
    """From a posted form. Raises InvalidValue for what no page sends, NotPossible for what people mistype."""
    try:
        key = uuid.UUID(form.get("key", ""))
        choice, _, about = _choice(form).partition(":")
        act = Act(choice)
        about_id = uuid.UUID(about) if about or act is Act.UNDO else None
    except ValueError as error:
        raise InvalidValue("not a decision") from error
    member_id = about_id if act is Act.MATCH else None
    if act is Act.MATCH and member_id is None:
        member_id = _typed_member(session, form.get("number", ""))
    return Wish(
        key=key,
        act=act,
        reason=on_one_line(form.get("reason", "")),
        receipt_id=receipt_id,
        break_id=break_id,
        member_id=member_id,
        undoes_id=about_id if act is Act.UNDO else None,
    )


def _choice(form: Mapping[str, str]) -> str:
    """What was chosen. A number that was typed chooses its member, and contradicts any other choice."""
    choice, has_number = form.get("choice", ""), bool(form.get("number", "").strip())
    if has_number and choice not in {"", Act.MATCH}:
        raise NotPossible("two_choices")
    if not choice and not has_number:
        raise NotPossible("no_choice")
    return choice or Act.MATCH


def _typed_member(session: Session, typed: str) -> uuid.UUID:
    try:
        number = MemberNumber.parse(typed)
    except InvalidValue as error:
        raise NotPossible("no_member") from error
    found = session.scalar(select(MemberRow.id).where(MemberRow.number == number.digits))
    if found is None:
        raise NotPossible("no_member")
    return found


def names_of(session: Session, actors: set[str]) -> dict[str, str]:
    """Display names of the staff among audit actors."""
    ids = []
    for actor in actors:
        try:
            ids.append(uuid.UUID(actor.removeprefix(_STAFF)))
        except ValueError:
            continue
    found = session.execute(select(Staff.id, Staff.name).where(Staff.id.in_(ids)))
    return {f"{_STAFF}{row.id}": row.name for row in found}


def numbers_in(session: Session, decisions: Iterable[Decision]) -> dict[uuid.UUID | str, str]:
    """The numbers of members that decisions give money to: by id, and by the id as their shares write it."""
    rows = list(decisions)
    named = {row.member_id for row in rows if row.member_id}
    named |= {uuid.UUID(share["member_id"]) for row in rows for share in row.shares}
    numbers: dict[uuid.UUID | str, str] = {}
    for member_id, number in numbers_of(session, named).items():
        numbers[member_id] = numbers[str(member_id)] = number
    return numbers


def numbers_of(session: Session, member_ids: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    found = session.execute(select(MemberRow.id, MemberRow.number).where(MemberRow.id.in_(member_ids)))
    return {row.id: row.number for row in found}
