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
from payments.crediting import Crediting, find_receipt_for, link
from payments.evidence.service import first_heard
from payments.evidence.tables import Evidence
from payments.intake import arrival_of, write_verdict
from payments.model import OPEN_STATES, ContributionState, EvidenceChannel
from payments.prompt_results import ended_without_money, paid_without_receipt
from payments.receipts.model import Meaning
from payments.telling import tell_prompt_result, tell_prompt_unknown
from payments.wallet_lines.asking import ask_for_pull_now
from payments.wallet_lines.coverage import is_covered
from payments.wallets.protocol import (
    AskOutcome,
    Fate,
    PromptResult,
    StillOpen,
    Unknown,
    Wallet,
    wallet_on,
)

_STILL_OPEN_MAX = timedelta(hours=1)
_LOOK_AGAIN_SECONDS = (15, 30, 60, 120, 300)
# Without a list there is nothing but the wallet's own answer.
_KEEP_ASKING_SECONDS = (60, 120, 300, 600, 1800)
# By then most are known; who still hears nothing may pay a second time.
_SAY_SO_AFTER = timedelta(minutes=2)
# Each of these was seen to be followed by the word that it was paid.
_FOLLOWED_BY_A_SUCCESS = (ContributionState.FAILED, ContributionState.EXPIRED, ContributionState.CANCELLED)
_WITHOUT_AN_END = (ContributionState.PROMPTED, ContributionState.UNKNOWN)
# After a day without a trace, an answer "paid" is a case for staff; the break stays open.
_GIVE_UP_AFTER = timedelta(hours=24)
# A wallet lists what was paid so long ago.
_LISTED_FOR = timedelta(hours=48)


class Asking:
    """Handles `ask` tasks. A prompt is only called expired after a complete list did not have its money.

    Of a wallet that has no list only its own word that a prompt is over counts. A prompt of a wallet or an
    account that is not on is unknown: it may have been paid. `pull_delay`: how soon after a new receipt the
    wallet's list is read.
    """

    def __init__(
        self, sessions: Sessions, wallets: Mapping[str, Wallet], clock: Clock, *, pull_delay: timedelta
    ) -> None:
        self._sessions = sessions
        self._wallets = wallets
        self._clock = clock
        self._crediting = Crediting(pull_delay)

    def run(self, task: Task) -> Later | None:
        """Ask once; the answer says whether and when to ask again."""
        contribution_id = uuid.UUID(task.payload["contribution_id"])
        asked_again = contributions.AGAIN in task.key
        with self._sessions.begin() as session:
            contribution = contributions.locked(session, contribution_id)
            if contribution is None or not _is_open_question(contribution, asked_again=asked_again):
                return None
            wallet = wallet_on(self._wallets, contribution.wallet, contribution.shortcode)
            if wallet is None:
                return self._without_wallet(session, contribution, task.attempt)
            checkout_id, said_paid = contribution.checkout_id, contribution.said_paid
        # No transaction is open here.
        outcome: AskOutcome = Unknown("there is nothing to ask")
        if checkout_id and not (said_paid and wallet.can_pull):
            outcome = wallet.ask(checkout_id)
        with self._sessions.begin() as session:
            contribution = contributions.locked(session, contribution_id)
            if contribution is None or not _is_open_question(contribution, asked_again=asked_again):
                return None
            return self._record(session, wallet, contribution, outcome, task.attempt)

    def _without_wallet(self, session: Session, contribution: Contribution, attempt: int) -> Later | None:
        """Nobody can be asked: the phone is free for another prompt, and the wallet may be on again."""
        now = self._clock.now()
        self._warn(session, contribution, now=now)
        age = now - (contribution.prompted_at or contribution.requested_at)
        return _keep_asking(session, contribution, age, attempt, now=now)

    def _record(
        self,
        session: Session,
        wallet: Wallet,
        contribution: Contribution,
        outcome: AskOutcome,
        attempt: int,
    ) -> Later | None:
        now = self._clock.now()
        if isinstance(outcome, PromptResult):
            self._keep(session, contribution, outcome, now=now)
            if contribution.state not in _WITHOUT_AN_END:
                return None
        age = now - (contribution.prompted_at or contribution.requested_at)
        self._warn(session, contribution, now=now)
        later = [seconds for seconds in wallet.ask_at_seconds if seconds > age.total_seconds()]
        if later and not isinstance(outcome, PromptResult) and not contribution.said_paid:
            return Later(later[0] - age.total_seconds(), "not known yet")
        if not wallet.can_pull:
            return _keep_asking(session, contribution, age, attempt, now=now)
        life = timedelta(seconds=wallet.ask_at_seconds[-1])
        return self._look_in_list(session, contribution, outcome, attempt, life=life, now=now)

    def _warn(self, session: Session, contribution: Contribution, *, now: datetime) -> None:
        """Who may have paid without our knowing is told so. A prompt that was ignored is no such case."""
        since = contributions.unknown_since(session, contribution)
        if since is None or now - since < _SAY_SO_AFTER:
            return
        was_sent = contribution.prompted_at or contribution.requested_at
        if contribution.said_paid or since - was_sent < _SAY_SO_AFTER:
            tell_prompt_unknown(session, contribution, now=now)

    def _keep(
        self, session: Session, contribution: Contribution, result: PromptResult, *, now: datetime
    ) -> None:
        """Keep the answer as evidence of its own, with what it changed."""
        meaning = self._meaning(session, contribution, result, now=now)
        evidence = Evidence(
            id=new_id(),
            channel=EvidenceChannel.STK_QUERY,
            wallet=contribution.wallet,
            reference=str(contribution.id),
            body=_as_body(result),
            received_at=now,
        )
        session.add(evidence)
        session.flush()
        write_verdict(session, evidence.id, meaning, now=now)

    def _meaning(
        self, session: Session, contribution: Contribution, result: PromptResult, *, now: datetime
    ) -> Meaning:
        if result.fate is Fate.PAID and result.receipt is not None:
            source = EvidenceChannel.STK_QUERY
            # It was paid when its message came, not when we came to ask: near midnight that is another month.
            seen_at = first_heard(session, contribution.id) or now
            arrival = arrival_of(result, result.receipt, contribution, source=source, seen_at=seen_at)
            return self._crediting.by_prompt(session, contribution, arrival, now=now)
        record = paid_without_receipt if result.fate is Fate.PAID else ended_without_money
        verdict = record(session, contribution, result, source="query", now=now)
        detail = f"{result.code} {result.message}"
        return Meaning(verdict, detail, contribution.receipt_id, contribution.id)

    def _look_in_list(
        self,
        session: Session,
        contribution: Contribution,
        outcome: AskOutcome,
        attempt: int,
        *,
        life: timedelta,
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
        covered = is_covered(session, contribution.wallet, contribution.shortcode, since, since + life)
        still_open = isinstance(outcome, StillOpen) and age < _STILL_OPEN_MAX
        if covered and not still_open and (not contribution.said_paid or age > _GIVE_UP_AFTER):
            _end(session, contribution, now=now)
            return None
        if contribution.state in OPEN_STATES:
            why = "no answer; reading the wallet's list"
            contributions.move(session, contribution, ContributionState.UNKNOWN, why, now=now)
        if not covered and age > _LISTED_FOR:
            # No pull reaches back so far. It stays unknown, a break; a statement may still bring its money.
            return None
        why = f"ask:{contribution.id}:{attempt}"
        ask_for_pull_now(session, contribution.wallet, contribution.shortcode, why, now=now)
        pause = _LOOK_AGAIN_SECONDS[min(attempt, len(_LOOK_AGAIN_SECONDS)) - 1]
        return Later(pause, "waiting for the wallet's list")


def _keep_asking(
    session: Session, contribution: Contribution, age: timedelta, attempt: int, *, now: datetime
) -> Later | None:
    if contribution.state in OPEN_STATES:
        contributions.move(session, contribution, ContributionState.UNKNOWN, "no answer yet", now=now)
    if age > _GIVE_UP_AFTER:
        # It stays unknown, a break for staff; a statement may still bring its money.
        return None
    pause = _KEEP_ASKING_SECONDS[min(attempt, len(_KEEP_ASKING_SECONDS)) - 1]
    return Later(pause, "waiting for the wallet's answer")


def _as_body(result: PromptResult) -> str:
    said = {"code": result.code, "message": result.message}
    if result.receipt is not None:
        said["receipt"] = result.receipt
    if result.amount is not None:
        said["amount"] = str(result.amount)
    return json.dumps(said)


def _end(session: Session, contribution: Contribution, *, now: datetime) -> None:
    # What the wallet calls paid stays unknown, a break for staff; what it called failed stays failed.
    if contribution.said_paid or contribution.state not in _WITHOUT_AN_END:
        return
    contributions.move(session, contribution, ContributionState.EXPIRED, "not on the wallet's list", now=now)
    tell_prompt_result(session, contribution, "prompt_expired", now=now)


def _is_open_question(contribution: Contribution, *, asked_again: bool) -> bool:
    """Whether the end is not known; or is known, but is of the kind that has been followed by a success."""
    if contribution.state in _FOLLOWED_BY_A_SUCCESS:
        return asked_again
    return contribution.state in {ContributionState.PROMPTED, ContributionState.UNKNOWN}
