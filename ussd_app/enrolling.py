"""Fits the IBR calls of the central registry to what members ask and tell by them."""

import uuid
from typing import Final

from core.clock import Clock
from members.documents import Document
from members.elsewhere import EnrolmentAnswer, NoEnrolmentAnswer
from members.enrolments import Known, NotNow, Rejected, Taken, Telling
from members.model import Standing
from registry import outcomes
from registry.client import DciClient
from registry.codes import code_named
from registry.model import Enrolled, Enrollee, Identifier
from ussd_app.identifiers import MEMBER_NUMBER, named_by

_NO_SUCH_CALL: Final = {"http_404", "http_405", "http_501"}
_NO_SUCH_CALL_WORDS: Final = "the registry has no such call"
_MENDING_SECONDS: Final = 900.0


class EnrolmentsForMembers:
    """`members.elsewhere.EnrolmentRegistry` over DCI (IBR `sync/enrolled`), in any programme but our own.

    The standard can ask about one programme or about any, not about all but one. A yes of which our own
    programme may be the reason is neither yes nor no.
    """

    def __init__(self, client: DciClient, clock: Clock, *, programme: str) -> None:
        self._client = client
        self._clock = clock
        self._programme = programme

    def enrolled(self, document: Document) -> EnrolmentAnswer | NoEnrolmentAnswer:
        anywhere = self._ask(document, "")
        if isinstance(anywhere, NoEnrolmentAnswer) or not anywhere.enrolled:
            return anywhere
        with_us = self._ask(document, self._programme)
        if isinstance(with_us, NoEnrolmentAnswer) and not with_us.final:
            return with_us
        is_ours = isinstance(with_us, EnrolmentAnswer) and with_us.enrolled
        return EnrolmentAnswer(None if is_ours else True, anywhere.source, anywhere.at)

    def _ask(self, document: Document, programme: str) -> EnrolmentAnswer | NoEnrolmentAnswer:
        answer = self._client.sync_enrolled(named_by(document), programme)
        match answer:
            case Enrolled(enrolled):
                return EnrolmentAnswer(enrolled, self._client.connection.name, self._clock.now())
            case outcomes.Refused(permanent=True):
                return NoEnrolmentAnswer(answer.code, final=True)
            case outcomes.Unavailable(reason) if reason in _NO_SUCH_CALL:
                return NoEnrolmentAnswer(_NO_SUCH_CALL_WORDS, final=True)
            case outcomes.Refused():
                return NoEnrolmentAnswer(answer.code, answer.retry_seconds)
            case _:
                return NoEnrolmentAnswer(answer.reason, answer.retry_seconds)


class EnrolmentsAtFund:
    """`members.enrolments.CentralEnrolments` over DCI (IBR `sync/enrollment/updates`, `sync/enrolled`)."""

    def __init__(self, client: DciClient, *, programme: str) -> None:
        self._client = client
        self._programme = programme

    def tell(self, transaction_id: uuid.UUID, telling: Telling) -> Taken | Rejected | NotNow:
        enrollee = Enrollee(_identifiers(telling), self._programme, telling.since, telling.standing.value)
        answer = self._client.enrollment_updates(str(transaction_id), [enrollee])
        match answer:
            case Enrolled():
                return Taken()
            case outcomes.Refused(permanent=True) if code_named(answer.code).of_content:
                return Rejected(answer.code, answer.message)
            case _:
                return _not_now(answer)

    def known(self, telling: Telling) -> Known | NotNow:
        answer = self._client.sync_enrolled(_identifiers(telling)[0], self._programme)
        return Known(answer.enrolled) if isinstance(answer, Enrolled) else _not_now(answer)


def _identifiers(telling: Telling) -> tuple[Identifier, ...]:
    """The paper first, by which a registry that keeps persons can be asked.

    Of a merged membership the number alone: what ends is that membership, and not its person's enrolment.
    """
    number = Identifier(MEMBER_NUMBER, telling.number.digits)
    if telling.merged and telling.standing is Standing.INACTIVE:
        return (number,)
    return (named_by(telling.document), number)


def _not_now(answer: outcomes.Refused | outcomes.Unavailable) -> NotNow:
    if isinstance(answer, outcomes.Refused):
        return NotNow(f"{answer.code}: {answer.message}", answer.retry_seconds)
    if answer.reason in _NO_SUCH_CALL:
        return NotNow(_NO_SUCH_CALL_WORDS, _MENDING_SECONDS, no_such_call=True)
    return NotNow(answer.reason, answer.retry_seconds)
