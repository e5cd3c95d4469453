"""The central registry of the fund: contributions are posted by notification and believed when read back."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.errors import InvalidValue
from registry import codes
from registry.client import DciClient
from registry.contribution_records import contribution_event, read_contribution
from registry.model import Acknowledged, Condition, ContributionRecord, Predicate, Records, Search
from registry.outcomes import Refused, Unavailable, Unclear

_PAGES_MAX = 10_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Posted:
    """The registry acknowledged the message. Only reading back shows what it made of it."""

    correlation_id: str


class FundRegistry:
    """Posts and reads contributions. Never raises for what the registry or the network does."""

    def __init__(self, client: DciClient) -> None:
        self._client = client

    def post(self, records: Sequence[ContributionRecord]) -> Posted | Refused | Unclear:
        """Send one batch, in this order. Raises InvalidValue unless all records carry one transaction id.

        `Refused` means that nothing arrived (not permanent when the registry is away), `Unclear` that some or
        all may have: read back before sending again, and send again under the same ids.
        """
        transaction_id = _one_transaction(records)
        events = [contribution_event(record, self._client.connection) for record in records]
        outcome = self._client.notify(transaction_id, events)
        match outcome:
            case Acknowledged(correlation_id):
                return Posted(correlation_id)
            case Unavailable(reason, retry_seconds):
                busy = reason == "too_many_requests"
                code = codes.TOO_MANY_REQUESTS if busy else codes.UNAVAILABLE
                return Refused(code, reason, permanent=False, retry_seconds=retry_seconds)
            case Refused() | Unclear():
                return outcome

    def read_back(
        self, reference_ids: Sequence[str] = (), *, transaction_id: str = ""
    ) -> list[ContributionRecord] | Unavailable:
        """What the registry holds of these references or this transaction; every copy, if it doubled one.

        Either all of it or `Unavailable`: a part is never taken for the whole.
        """
        if not reference_ids and not transaction_id:
            raise InvalidValue("reading back needs reference ids or a transaction id")
        conditions = (Condition("transaction_id", "eq", transaction_id),) if transaction_id else ()
        found: list[ContributionRecord] = []
        for part in _parts(reference_ids, self._client.connection.page_size) if reference_ids else [()]:
            by_reference = (Condition("reference_id", "in", list(part)),) if part else ()
            records = self._search(by_reference + conditions)
            if isinstance(records, Unavailable):
                return records
            # A registry that ignores a condition answers about others too.
            asked = frozenset(part)
            found += [
                record
                for record in records
                if (not asked or record.reference_id in asked)
                and (not transaction_id or record.transaction_id in {"", transaction_id})
            ]
        return found

    def _search(self, conditions: tuple[Condition, ...]) -> list[ContributionRecord] | Unavailable:
        found: list[ContributionRecord] = []
        seen = 0
        for number in range(1, _PAGES_MAX + 1):
            page = self._page(conditions, number)
            if isinstance(page, Unavailable):
                return page
            found += self._readable(page)
            seen += len(page.records)
            if page.total_count is None and len(page.records) < self._client.connection.page_size:
                return found
            if page.total_count is not None and seen >= page.total_count:
                return found
            if not page.records:
                break
        return Unavailable("pages_incomplete")

    def _page(self, conditions: tuple[Condition, ...], number: int) -> Records | Unavailable:
        connection = self._client.connection
        answer = self._client.sync_search(
            Search(
                query=Predicate(conditions),
                reg_type=connection.reg_type,
                reg_record_type=connection.reg_record_type,
                page_size=connection.page_size,
                page_number=number,
            )
        )
        if isinstance(answer, Refused):
            return Unavailable(answer.code, answer.retry_seconds, permanent=answer.permanent)
        return answer

    def _readable(self, page: Records) -> Iterator[ContributionRecord]:
        unreadable = 0
        for record in page.records:
            try:
                yield read_contribution(record, self._client.connection)
            except InvalidValue:
                unreadable += 1
        if unreadable:
            # They count as not posted, which a person will see: what cannot be read is not proof.
            _log.warning("registry=%s unreadable_contributions=%d", self._client.connection.name, unreadable)


def _one_transaction(records: Sequence[ContributionRecord]) -> str:
    transactions = {record.transaction_id for record in records}
    references = {record.reference_id for record in records}
    if len(transactions) != 1 or len(references) != len(records):
        raise InvalidValue("a batch has one transaction id, and no reference id twice")
    return transactions.pop()


def _parts(reference_ids: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(reference_ids), size):
        yield tuple(reference_ids[start : start + size])
