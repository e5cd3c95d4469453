"""The proof of the books: what came in, where it is, and that both sides agree."""

from dataclasses import asdict, dataclass

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from members.tables import MemberRow
from payments.contributions.tables import Contribution
from payments.model import ContributionState, PostingState
from payments.receipts.parts import is_whole
from payments.receipts.tables import Receipt
from payments.registry_postings.corrections import CorrectionState
from payments.registry_postings.tables import RegistryCorrection, RegistryPosting

# One pass over the postings; the comparison with the balances finds an account that only one side knows.
_POSTINGS = text("""
WITH posted AS (SELECT account_id, sum(amount_cents) AS cents FROM ledger_postings GROUP BY account_id),
kept AS (SELECT account_id, sum(balance_cents) AS cents FROM ledger_balances GROUP BY account_id)
SELECT coalesce(sum(p.cents), 0),
       coalesce(bool_and(coalesce(p.cents, 0) = coalesce(k.cents, 0)), true),
       coalesce(-sum(p.cents) FILTER (WHERE a.kind = 'member'), 0),
       coalesce(-sum(p.cents) FILTER (WHERE a.kind = 'suspense'), 0),
       coalesce(-sum(p.cents) FILTER (WHERE a.kind = 'refunds_payable'), 0)
FROM posted p FULL JOIN kept k USING (account_id) JOIN ledger_accounts a ON a.id = account_id
""")
_REFUNDED = text("""
SELECT coalesce(-sum(p.amount_cents), 0)
FROM ledger_transfers t
JOIN ledger_postings p ON p.transfer_id = t.id
JOIN ledger_accounts a ON a.id = p.account_id
WHERE t.reason = 'refund' AND a.kind = 'wallet_float'
""")


@dataclass(frozen=True, slots=True)
class Proof:
    """What `bin/kibaba ledger proof` prints. Cents are those that members or suspense hold now, or that
    are still to be given back.

    `unknown`: payments whose outcome nobody knows. `posted` counts what the registry took, read back or not.
    `corrected`: acknowledged payments that a second acknowledged record made void, so that the registry
    counts `acknowledged - corrected` payments; one told anew counts once, as before.
    """

    members: int
    receipts: int
    credited_cents: int
    suspense_cents: int
    refunded_cents: int
    refunds_payable_cents: int
    postings_sum_cents: int
    balances_equal_postings: bool
    unknown: int
    posted: int
    acknowledged: int
    corrected: int

    @property
    def holds(self) -> bool:
        return self.postings_sum_cents == 0 and self.balances_equal_postings

    def as_dict(self) -> dict[str, int | bool]:
        return asdict(self)


def proof(session: Session) -> Proof:
    """Add everything up. Run it in a REPEATABLE READ transaction to compare figures of one instant."""
    total, equal, credited, suspense, payable = session.execute(_POSTINGS).one()
    by_state = select(RegistryPosting.state, func.count()).group_by(RegistryPosting.state)
    states = {state: count for state, count in session.execute(by_state)}  # noqa: C416 -- a row is no tuple to mypy
    acknowledged = states.get(PostingState.ACKNOWLEDGED, 0)
    return Proof(
        members=session.scalar(select(func.count()).select_from(MemberRow)) or 0,
        receipts=session.scalar(select(func.count()).select_from(Receipt).where(is_whole())) or 0,
        credited_cents=int(credited),
        suspense_cents=int(suspense),
        refunded_cents=int(session.scalar(_REFUNDED) or 0),
        refunds_payable_cents=int(payable),
        postings_sum_cents=int(total),
        balances_equal_postings=bool(equal),
        unknown=session.scalar(
            select(func.count())
            .select_from(Contribution)
            .where(Contribution.state == ContributionState.UNKNOWN)
        )
        or 0,
        posted=acknowledged + states.get(PostingState.POSTED, 0),
        acknowledged=acknowledged,
        corrected=session.scalar(
            select(func.count())
            .select_from(RegistryCorrection)
            # What was told anew is counted there under its new reference.
            .join(RegistryPosting, RegistryPosting.reference_id == RegistryCorrection.corrects)
            .where(RegistryCorrection.state == CorrectionState.ACKNOWLEDGED)
        )
        or 0,
    )
