"""Fits the registry room's adapters to what members and payments ask for, each in its own words."""

import uuid
from collections.abc import Sequence
from typing import Final

from core.clock import Clock
from members.civil import CivilAnswer, PersonFound, PersonUnknown, RegistryUnavailable, SeveralPersons
from members.documents import Document
from payments.registry_postings import model as central
from registry import outcomes
from registry.civil import CivilRegistry, Found, NotFound, Several
from registry.codes import Status, code_named
from registry.fund import FundRegistry, Posted
from registry.model import Consent, ContributionRecord, Identifier, financial_address
from ussd_app.identifiers import MEMBER_NUMBER, named_by

# What the caller agreed to on the second screen, before typing the ID.
_CONSENT: Final = "Confirm identity to join the fund"
_CONSENT_CODE: Final = "saving"
_PROVIDERS: Final = {"mpesa": "mpesa.ke"}
_MENDING_SECONDS: Final = 3600.0
# A registry may give a record back as it was sent (`rcvd`), or say nothing: then it has it.
_BOOKINGS: Final[dict[str, central.Booking]] = {
    Status.PENDING: central.Booking.PENDING,
    Status.REJECTED: central.Booking.REJECTED,
}


class CivilForMembers:
    """`members.civil.CivilRegistry` over DCI."""

    def __init__(self, civil: CivilRegistry, source: str, clock: Clock) -> None:
        self._civil = civil
        self._source = source
        self._clock = clock

    def find(self, document: Document) -> CivilAnswer:
        consent = Consent(given_at=self._clock.now(), text=_CONSENT, code=_CONSENT_CODE)
        named = named_by(document)
        answer = self._civil.look_up(named.type, named.value, consent=consent)
        match answer:
            case Found(person) if person.birth_date is not None:
                return PersonFound(
                    given_names=person.given_name,
                    surname=person.surname,
                    birth_date=person.birth_date,
                    alive=person.alive,
                    source=person.source,
                    at=person.looked_up_at,
                )
            case Found():
                # Nobody's age is guessed: the answer may be mended, staff see it waiting.
                return RegistryUnavailable("the registry knows no birth date", _MENDING_SECONDS)
            case Several():
                return SeveralPersons(self._source, self._clock.now())
            case NotFound(looked_up_at):
                return PersonUnknown(self._source, looked_up_at)
            case _:
                return RegistryUnavailable(answer.reason, answer.retry_seconds)


class FundForPayments:
    """`payments.registry_postings.model.CentralRegistry` over DCI."""

    def __init__(self, fund: FundRegistry, *, programme: str) -> None:
        self._fund = fund
        self._programme = programme

    def post(
        self, records: Sequence[central.ContributionRecord]
    ) -> central.Posted | central.Refused | central.Unclear:
        outcome = self._fund.post([self._told(record) for record in records])
        match outcome:
            case Posted(correlation_id):
                return central.Posted(correlation_id)
            case outcomes.Refused(permanent=True) if code_named(outcome.code).of_content:
                return central.Refused(outcome.code, outcome.message)
            case outcomes.Refused():
                # Nothing arrived, and no record is to blame: the same as not knowing.
                return central.Unclear(f"{outcome.code}: {outcome.message}", outcome.retry_seconds)
            case _:
                return central.Unclear(outcome.reason, outcome.retry_seconds)

    def read_back(self, reference_ids: Sequence[uuid.UUID]) -> central.Found | central.Unavailable:
        known = {str(reference_id): reference_id for reference_id in reference_ids}
        answer = self._fund.read_back(list(known))
        if isinstance(answer, outcomes.Unavailable):
            return central.Unavailable(answer.reason, answer.retry_seconds)
        return central.Found(
            tuple(
                central.StoredRecord(
                    reference_id=known[stored.reference_id],
                    member_number=stored.member_identifier.value,
                    amount=stored.amount,
                    receipt=stored.provider_reference,
                    booking=_BOOKINGS.get(stored.status, central.Booking.BOOKED),
                )
                for stored in answer
            )
        )

    def _told(self, record: central.ContributionRecord) -> ContributionRecord:
        provider = _PROVIDERS.get(record.wallet, record.wallet)
        return ContributionRecord(
            reference_id=str(record.reference_id),
            transaction_id=str(record.transaction_id),
            member_identifier=Identifier(MEMBER_NUMBER, record.member_number),
            programme=self._programme,
            amount=record.amount,
            period=record.period,
            paid_at=record.paid_at,
            payer_fa=financial_address(record.payer.wire, provider) if record.payer else "",
            provider_reference=record.receipt,
            corrects=str(record.corrects) if record.corrects else "",
            status="rjct" if record.corrects else "rcvd",
        )
