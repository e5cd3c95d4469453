"""Searches answered item by item: a rejected item says why and does not spoil its neighbours."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import InvalidValue
from registry import codes
from registry.codes import Status
from registry.contribution_records import decimal_text
from registry.envelope import written
from registry.model import ContributionRecord, Identifier
from registry.server.headers import id_or_empty
from registry.server.holdings import Holdings, Membership
from registry.server.model import Rejected
from registry.server.queries import Question, read_question

REG_TYPES = {
    "Contribution": "ns:org:RegistryType:Contribution",
    "Membership": "ns:org:RegistryType:Membership",
}
Item = dict[str, Any]


class Searching:
    """Answers searches from `holdings`."""

    def __init__(self, holdings: Holdings, clock: Clock) -> None:
        self._holdings = holdings
        self._clock = clock

    def answer(self, session: Session, items: Sequence[Mapping[str, Any]]) -> list[Item]:
        """One entry of `search_response` for each item, in order."""
        seen: set[str] = set()
        return [self._answer_one(session, item, seen) for item in items]

    def _answer_one(self, session: Session, item: Mapping[str, Any], seen: set[str]) -> Item:
        head = {
            "reference_id": id_or_empty(item.get("reference_id")),
            "timestamp": written(self._clock.now()),
        }
        try:
            question = read_question(item)
            _check_new(question.reference_id, seen)
            records, total_count = self._found(session, question)
        except Rejected as error:
            return head | rejection(error) | {"locale": "eng"}
        data = {
            "version": "1.0.0",
            "reg_type": question.reg_type or REG_TYPES[question.record_type],
            "reg_record_type": question.record_type,
            "reg_records": records,
        }
        pagination = {
            "page_size": question.page_size,
            "page_number": question.page_number,
            "total_count": total_count,
        }
        answered = {"status": Status.SUCCEEDED, "data": data, "pagination": pagination}
        return head | answered | {"locale": question.locale}

    def _found(self, session: Session, question: Question) -> tuple[list[Item], int]:
        try:
            if question.record_type == "Membership":
                membership = self._holdings.membership(session, question.wanted.member)
                found = [] if membership is None else [membership_record(membership)]
                return found, len(found)
            page = self._holdings.contributions(
                session,
                question.wanted,
                (question.page_number - 1) * question.page_size,
                question.page_size,
            )
        except InvalidValue as error:
            raise Rejected("rjct.search_criteria.invalid", str(error)) from error
        if not question.pages and page.total_count > question.page_size:
            raise Rejected(codes.TOO_MANY_RECORDS, f"{page.total_count} records: ask for pages")
        asked = question.wanted.member
        return [contribution_record(record, asked) for record in page.records], page.total_count


def _check_new(reference_id: str, seen: set[str]) -> None:
    if reference_id in seen:
        raise Rejected("rjct.reference_id.duplicate", "this reference_id is already in the batch")
    seen.add(reference_id)


def rejection(error: Rejected) -> Item:
    """Status and reason of a rejected item."""
    return {
        "status": Status.REJECTED,
        "status_reason_code": error.code,
        "status_reason_message": str(error)[:999],
    }


def contribution_record(record: ContributionRecord, member: Identifier) -> Item:
    """A contribution as others see it: not who paid, not by which wallet receipt."""
    return {
        "@type": "Contribution",
        "reference_id": record.reference_id,
        "member_identifier": [{"identifier_type": member.type, "identifier_value": member.value}],
        "programme_identifier": record.programme,
        "amount": decimal_text(record.amount),
        "currency_code": record.amount.currency,
        "period": record.period,
        "paid_at": written(record.paid_at.astimezone(UTC)),
        "status": record.status,
    }


def membership_record(membership: Membership) -> Item:
    """A membership as others see it: that there is one, since when, and how it stands."""
    member = membership.identifier
    return {
        "@type": "Membership",
        "member_identifier": [
            {"identifier_type": "NSSF_NO", "identifier_value": membership.member_number},
            *(
                [{"identifier_type": member.type, "identifier_value": member.value}]
                if member.type != "NSSF_NO"
                else []
            ),
        ],
        "programme_identifier": membership.programme,
        "enrolment_date": membership.joined_at.date().isoformat(),
        "enrolment_status": membership.status,
    }
