"""Asking how a prompt ended, until it is known: first the wallet's query, then the wallet's own list."""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Sessions
from core.ids import new_id
from core.outbox import Later, Task
from payments.contributions import service as contributions
from payments.contributions.tables import Contribution
from payments.crediting import find_receipt_for, link
from payments.evidence.tables import Evidence
from payments.intake import write_verdict
from payments.model import OPEN_STATES, ContributionState, EvidenceChannel
from payments.prompt_results import ended_without_money, paid_without_receipt
from payments.receipts.model import Meaning
from payments.telling import tell_prompt_result
from payments.wallet_lines.asking import ask_for_pull_now
from payments.wallet_lines.coverage import is_covered
from payments.wallets.protocol import AskOutcome, Fate, PromptResult, StillOpen, Unknown, Wallet

# Seconds after the prompt: the plan fits a prompt's life of one to three minutes.
ASK_AT_SECONDS = (30, 60, 120, 300)
_LIFE = timedelta(seconds=ASK_AT_SECONDS[-1])
_STILL_OPEN_MAX = timedelta(hours=1)
_LOOK_AGAIN_SECONDS = (15, 30, 60, 120, 300)
_WITHOUT_AN_END = (ContributionState.PROMPTED, ContributionState.UNKNOWN)
# After a day without a trace, an answer "paid" is a case for staff; the break stays open.
_GIVE_UP_AFTER = timedelta(hours=24)


class Asking:
    """Handles `ask` tasks. A prompt is only called expired after a complete list did not have its money."""

    def __init__(self, sessions: Sessions, wallets: Mapping[str, Wallet], clock: Clock) -> None:
        self._sessions = sessions
        self._wallets = wallets
        self._clock = clock

    def run(self, task: Task) -> Later | None:
        """Ask once; the answer says whether and when to ask again."""
        contribution_id = uuid.UUID(task.payload["contribution_id"])
        asked_again = contributions.AGAIN in task.key
        with self._sessions.begin() as session:
            contribution = contributions.locked(session, contribution_id)
            if contribution is None or not _is_open_question(contribution, asked_again=asked_again):
                return None
            wallet, checkout_id = self._wallets[contribution.wallet], contribution.checkout_id
            said_paid = contribution.said_paid
        # No transaction is open here.
        outcome: AskOutcome = Unknown("there is nothing to ask")
        if checkout_id and not said_paid:
            outcome = wallet.ask(checkout_id)
        with self._sessions.begin() as session:
            contribution = contributions.locked(session, contribution_id)
            if contribution is None or not _is_open_question(contribution, asked_again=asked_again):
                return None
            return self._record(session, contribution, outcome, task.attempt)

    def _record(
        self, session: Session, contribution: Contribution, outcome: AskOutcome, attempt: int
    ) -> Later | None:
        now = self._clock.now()
        if isinstance(outcome, PromptResult):
            self._keep(session, contribution, outcome, now=now)
            if contribution.state != ContributionState.UNKNOWN:
                return None
        age = now - (contribution.prompted_at or contribution.requested_at)
        later = [seconds for seconds in ASK_AT_SECONDS if seconds > age.total_seconds()]
        if later and not isinstance(outcome, PromptResult) and not contribution.said_paid:
            return Later(later[0] - age.total_seconds(), "not known yet")
        return self._look_in_list(session, contribution, outcome, attempt, now=now)

    def _keep(
        self, session: Session, contribution: Contribution, result: PromptResult, *, now: datetime
    ) -> None:
        """Keep the answer as evidence of its own, with what it changed."""
        record = paid_without_receipt if result.fate is Fate.PAID else ended_without_money
        verdict = record(session, contribution, result, source="query", now=now)
        evidence = Evidence(
            id=new_id(),
            channel=EvidenceChannel.STK_QUERY,
            wallet=contribution.wallet,
            reference=str(contribution.id),
            body=json.dumps({"code": result.code, "message": result.message}),
            received_at=now,
        )
        session.add(evidence)
        session.flush()
        detail = f"{result.code} {result.message}"
        meaning = Meaning(verdict, detail, contribution.receipt_id, contribution.id)
        write_verdict(session, evidence.id, meaning, now=now)

    def _look_in_list(
        self,
        session: Session,
        contribution: Contribution,
        outcome: AskOutcome,
        attempt: int,
        *,
        now: datetime,
    ) -> Later | None:
        """The wallet's own list decides: money on it was credited by the pull, money not on it never came."""
        if contribution.said_paid:
            receipt = find_receipt_for(session, contribution)
            if receipt is not None:
                link(session, contribution, receipt, "said paid; receipt known", now=now)
                return None
        since = contribution.prompted_at or contribution.requested_at
        age = now - since
        covered = is_covered(session, contribution.wallet, contribution.shortcode, since, since + _LIFE)
        still_open = isinstance(outcome, StillOpen) and age < _STILL_OPEN_MAX
        if covered and not still_open and (not contribution.said_paid or age > _GIVE_UP_AFTER):
            _end(session, contribution, now=now)
            return None
        if contribution.state in OPEN_STATES:
            why = "no answer; reading the wallet's list"
            contributions.move(session, contribution, ContributionState.UNKNOWN, why, now=now)
        why = f"ask:{contribution.id}:{attempt}"
        ask_for_pull_now(session, contribution.wallet, contribution.shortcode, why, now=now)
        pause = _LOOK_AGAIN_SECONDS[min(attempt, len(_LOOK_AGAIN_SECONDS)) - 1]
        return Later(pause, "waiting for the wallet's list")


def _end(session: Session, contribution: Contribution, *, now: datetime) -> None:
    # What the wallet calls paid stays unknown, a break for staff; what it called failed stays failed.
    if contribution.said_paid or contribution.state not in _WITHOUT_AN_END:
        return
    contributions.move(session, contribution, ContributionState.EXPIRED, "not on the wallet's list", now=now)
    tell_prompt_result(session, contribution, "prompt_expired", now=now)


def _is_open_question(contribution: Contribution, *, asked_again: bool) -> bool:
    """Whether the end is not known; or is known, but is of the kind that has been followed by a success."""
    if contribution.state in {ContributionState.FAILED, ContributionState.EXPIRED}:
        return asked_again
    return contribution.state in {ContributionState.PROMPTED, ContributionState.UNKNOWN}
