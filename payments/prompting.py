"""Sending a prompt, once: marked before, recorded after, and never sent again when the end is not known."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core import outbox
from core.clock import Clock
from core.database import Sessions
from core.errors import InvalidValue
from core.money import Money
from core.outbox import Later, Task
from core.phone import PhoneNumber
from members.tables import MemberRow
from payments.alerts.service import refused_by_wallet
from payments.contributions import service as contributions
from payments.contributions.tables import Contribution
from payments.model import ContributionState
from payments.telling import tell_prompt_result
from payments.wallets.protocol import (
    Accepted,
    PromptOutcome,
    PromptRequest,
    Rejected,
    Unknown,
    Wallet,
    wallet_on,
)

_ATTEMPTS_MAX = 3
# Nobody wants a prompt for a call made long ago, for instance after an outage.
_STALE_AFTER = timedelta(minutes=15)
# Whoever asked may have newer settings than this worker, for as long as a release takes.
_NOT_ON_AFTER = timedelta(minutes=1)
_NOT_ON_AGAIN_SECONDS = 10.0
_ASK_WITHOUT_WALLET_AFTER = timedelta(minutes=1)
_CODE_CHARACTERS_MAX = 40
_TEXT_CHARACTERS_MAX = 300


class Prompting:
    """Handles `prompt` tasks. `callback_base`: `<public url>/hooks/<token>`; the contribution id is added, so
    that a callback finds its prompt even when the wallet's answer to our request was lost; before it stands
    the wallet's own `hook`.
    """

    def __init__(
        self,
        sessions: Sessions,
        wallets: Mapping[str, Wallet],
        clock: Clock,
        *,
        callback_base: str,
        description: str,
    ) -> None:
        self._sessions = sessions
        self._wallets = wallets
        self._clock = clock
        self._callback_base = callback_base.rstrip("/")
        self._description = description

    def run(self, task: Task) -> Later | None:
        """Send the prompt of a contribution unless it was, or may have been, sent before."""
        contribution_id = uuid.UUID(task.payload["contribution_id"])
        with self._sessions.begin() as session:
            prepared = self._prepare(session, contribution_id)
        if not isinstance(prepared, tuple):
            return prepared
        wallet, request = prepared
        # No transaction is open here: a wallet may take half a minute, and a connection is dear.
        outcome = _sent(wallet, request)
        with self._sessions.begin() as session:
            return self._record(session, contribution_id, outcome)

    def _prepare(
        self, session: Session, contribution_id: uuid.UUID
    ) -> tuple[Wallet, PromptRequest] | Later | None:
        now = self._clock.now()
        contribution = contributions.locked(session, contribution_id)
        if contribution is None:
            return None
        if contribution.state == ContributionState.PROMPTING:
            # A worker died between marking and recording: the prompt may be on the phone.
            self._to_unknown(session, contribution, "sending was interrupted", now=now)
        if contribution.state != ContributionState.REQUESTED:
            return None
        if now - contribution.requested_at > _STALE_AFTER:
            contributions.move(session, contribution, ContributionState.EXPIRED, "not sent in time", now=now)
            tell_prompt_result(session, contribution, "", now=now)
            return None
        wallet = wallet_on(self._wallets, contribution.wallet, contribution.shortcode)
        if wallet is None:
            return self._without_wallet(session, contribution, now=now)
        # A name that is ours to give is kept before the call, so that its end can always be asked about.
        contribution.checkout_id = contribution.checkout_id or wallet.checkout_id_for(contribution.id)
        member = session.get_one(MemberRow, contribution.member_id)
        contribution.prompt_attempts += 1
        contribution.prompted_at = now
        contributions.move(session, contribution, ContributionState.PROMPTING, "sending", now=now)
        return wallet, PromptRequest(
            contribution_id=contribution.id,
            phone=PhoneNumber(contribution.phone),
            amount=Money(contribution.amount_cents, contribution.currency),
            account=member.number,
            description=self._description,
            callback_url=f"{self._callback_base}/{wallet.hook}/{contribution.id}",
        )

    def _without_wallet(self, session: Session, contribution: Contribution, *, now: datetime) -> Later | None:
        why = "its wallet is not on"
        if now - contribution.requested_at < _NOT_ON_AFTER:
            return Later(_NOT_ON_AGAIN_SECONDS, why)
        # It was never sent, so that no money can come.
        contributions.move(session, contribution, ContributionState.FAILED, why, now=now)
        tell_prompt_result(session, contribution, "prompt_failed", now=now)
        return None

    def _record(self, session: Session, contribution_id: uuid.UUID, outcome: PromptOutcome) -> Later | None:
        now = self._clock.now()
        contribution = contributions.locked(session, contribution_id)
        assert contribution is not None  # Contributions are never deleted.
        match outcome:
            case Accepted():
                self._accepted(session, contribution, outcome, now=now)
            case Rejected():
                return self._rejected(session, contribution, outcome, now=now)
            case Unknown() if contribution.state == ContributionState.PROMPTING:
                self._to_unknown(session, contribution, f"no answer: {outcome.reason}", now=now)
            case Unknown():
                pass
        return None

    def _accepted(
        self, session: Session, contribution: Contribution, outcome: Accepted, *, now: datetime
    ) -> None:
        # The callback may have overtaken us; then the state is beyond `prompting` and stays. So does
        # `unknown`, when our lease ran out meanwhile: the phone may have a newer prompt by now.
        contribution.checkout_id = contribution.checkout_id or outcome.checkout_id
        contribution.merchant_id = contribution.merchant_id or outcome.merchant_id
        if contribution.state == ContributionState.PROMPTING:
            contributions.move(session, contribution, ContributionState.PROMPTED, "accepted", now=now)
        self._ask_soon(session, contribution, now=now)

    def _rejected(
        self, session: Session, contribution: Contribution, outcome: Rejected, *, now: datetime
    ) -> Later | None:
        if contribution.state not in {ContributionState.PROMPTING, ContributionState.UNKNOWN}:
            return None
        why = f"refused: {outcome.code} {outcome.message}"
        is_ours = contribution.state == ContributionState.PROMPTING
        if is_ours and outcome.retry_seconds is not None and contribution.prompt_attempts < _ATTEMPTS_MAX:
            contributions.move(session, contribution, ContributionState.REQUESTED, why, now=now)
            return Later(outcome.retry_seconds, f"refused for now: {outcome.code}")
        if outcome.alert:
            refused_by_wallet(session, contribution.wallet, contribution.shortcode, why, now=now)
        contribution.result_code = outcome.code[:_CODE_CHARACTERS_MAX]
        contribution.result_text = outcome.message[:_TEXT_CHARACTERS_MAX]
        contributions.move(session, contribution, ContributionState.FAILED, why, now=now)
        tell_prompt_result(session, contribution, "prompt_failed", now=now)
        return None

    def _to_unknown(self, session: Session, contribution: Contribution, why: str, *, now: datetime) -> None:
        contributions.move(session, contribution, ContributionState.UNKNOWN, why, now=now)
        self._ask_soon(session, contribution, now=now)

    def _ask_soon(self, session: Session, contribution: Contribution, *, now: datetime) -> None:
        wallet = self._wallets.get(contribution.wallet)
        first = timedelta(seconds=wallet.ask_at_seconds[0]) if wallet else _ASK_WITHOUT_WALLET_AFTER
        payload = {"contribution_id": str(contribution.id)}
        outbox.add(session, "ask", str(contribution.id), payload, now=now, due_at=now + first)


def _sent(wallet: Wallet, request: PromptRequest) -> PromptOutcome:
    try:
        return wallet.prompt(request)
    except InvalidValue as error:
        # Raised before anything was sent: a fault of ours or of our settings, and surely no prompt.
        return Rejected("not_sendable", str(error), alert=True)
