"""What the end of a prompt changes when no money came: the state, what the member is told, asking again."""

from datetime import datetime

from sqlalchemy.orm import Session

from payments.alerts.service import refused_by_wallet
from payments.contributions import service as contributions
from payments.contributions.tables import Contribution
from payments.crediting import find_receipt_for, link
from payments.model import ContributionState, MatchStep, Verdict
from payments.receipts.tables import Receipt
from payments.telling import tell_prompt_result
from payments.wallet_lines.asking import ask_for_pull_now
from payments.wallets.protocol import Fate, PromptResult

_STATES = {
    Fate.FAILED: ContributionState.FAILED,
    Fate.CANCELLED: ContributionState.CANCELLED,
    Fate.EXPIRED: ContributionState.EXPIRED,
    Fate.UNKNOWN: ContributionState.UNKNOWN,
}
_OVER = (ContributionState.FAILED, ContributionState.CANCELLED, ContributionState.EXPIRED)
_CODE_CHARACTERS_MAX = 40
_TEXT_CHARACTERS_MAX = 300


def ended_without_money(
    session: Session, contribution: Contribution, result: PromptResult, *, source: str, now: datetime
) -> Verdict:
    """Record a failure of a locked contribution. Money that is proven to have come is never un-said."""
    if contribution.state == ContributionState.PAID and not _is_presumed(session, contribution, result):
        contributions.note(
            session, contribution.id, ContributionState.PAID, f"{source} said {result.code}", now=now
        )
        return Verdict.NOTED
    if contribution.said_paid and contribution.state != ContributionState.PAID:
        return Verdict.NOTED
    if contribution.state == _STATES[result.fate] or contribution.state in _OVER:
        return Verdict.DUPLICATE
    contribution.receipt_id = None
    contribution.may_still_pay = result.may_still_pay
    _remember(contribution, result)
    contributions.move(
        session, contribution, _STATES[result.fate], f"{source}: {result.code} {result.message}", now=now
    )
    if result.alert:
        why = f"{source}: {result.code} {result.message}"
        refused_by_wallet(session, contribution.wallet, contribution.shortcode, why, now=now)
    if result.fate is not Fate.UNKNOWN:
        tell_prompt_result(session, contribution, result.told, now=now)
    if result.may_still_pay or result.fate is Fate.UNKNOWN:
        contributions.ask_again(session, contribution, now=now)
    return Verdict.FAILED_PROMPT


def paid_without_receipt(
    session: Session, contribution: Contribution, result: PromptResult, *, source: str, now: datetime
) -> Verdict:
    """The wallet says paid but names no receipt: find it among what arrived, else in the wallet's list."""
    if contribution.state == ContributionState.PAID:
        return Verdict.NOTED
    _remember(contribution, result)
    contribution.said_paid = True
    receipt = find_receipt_for(session, contribution)
    if receipt is not None:
        link(session, contribution, receipt, f"{source}: paid; receipt known", now=now)
        return Verdict.CORROBORATES
    if contribution.state != ContributionState.UNKNOWN:
        contributions.move(
            session, contribution, ContributionState.UNKNOWN, f"{source}: paid, receipt not known", now=now
        )
    ask_for_pull_now(
        session, contribution.wallet, contribution.shortcode, f"unreceipted:{contribution.id}", now=now
    )
    return Verdict.PAID_UNRECEIPTED


def _remember(contribution: Contribution, result: PromptResult) -> None:
    contribution.result_code = result.code[:_CODE_CHARACTERS_MAX]
    contribution.result_text = result.message[:_TEXT_CHARACTERS_MAX]


def _is_presumed(session: Session, contribution: Contribution, result: PromptResult) -> bool:
    # A hand payment of the same amount was taken for the answer; only a code that excludes a late
    # success is stronger than that.
    receipt = session.get(Receipt, contribution.receipt_id) if contribution.receipt_id else None
    presumed = receipt is not None and receipt.match_step != MatchStep.PROMPT
    return presumed and not result.may_still_pay and result.fate is not Fate.UNKNOWN
