"""What the menus want to know and do about saving: for oneself, for another, another month, by plan."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.clock import FundCalendar
from core.errors import InvalidValue
from members.look_ups import may_look_up
from members.model import Member, Purpose
from members.numbers import MemberNumber
from members.service import Members
from menus import Session
from menus.facts import USUAL_AMOUNTS_MAX
from payments.contributions import service as contributions
from payments.contributions.model import AlreadyOpen, OutOfLimits, Requested, Terms
from payments.model import Channel
from payments.plans import service as plans
from payments.plans.model import PlanSet, Rhythm
from ussd_app.gateway.hop import Hop
from ussd_app.gateway.money_world import Caller
from ussd_app.gateway.turns import Visit

_NUMBER_ANSWER: Final = "for_number"
_YES: Final = "yes"


@dataclass(frozen=True, slots=True)
class SavingWorld:
    """Facts and effects of saving, for `RoomsWorld` to offer."""

    caller: Caller
    members: Members
    calendar: FundCalendar
    terms_at: Callable[[datetime], Terms]
    notice_version: str

    @property
    def facts(self) -> dict[str, Callable[[Visit, Session], Any]]:
        return {
            "charges": lambda visit, _: self.charges_of(visit.hop, visit.now),
            "months": self.months,
            "recipient": self.recipient,
            "plan": self.plan,
            "plan_amounts": self.plan_amounts,
        }

    @property
    def effects(self) -> dict[str, Callable[[dict[str, str], Visit], dict[str, Any]]]:
        return {
            "save": self.save,
            "set_plan": self.set_plan,
            "set_plan_reminders": self.set_plan_reminders,
            "stop_plan": self.stop_plan,
        }

    def charges_of(self, hop: Hop, now: datetime) -> dict[str, Any]:
        """What is free depends on the wallet that will ask this phone."""
        terms = self.terms_at(now)
        wallet = terms.wallets.choose(hop.phone, hop.network_code).wallet
        return {"free_up_to_cents": terms.scheme.free_up_to(wallet)}

    def months(self, visit: Visit, _draft: Session) -> list[str]:
        return list(self._months(visit))

    def recipient(self, visit: Visit, draft: Session) -> dict[str, Any]:
        typed = draft.answers[_NUMBER_ANSWER]
        if not self._may_hear(visit, typed):
            return {"state": "too_many", "number": "", "masked_name": ""}
        found = self._by_number(visit, typed)
        if found is None or not found.status.is_open:
            return {"state": "unknown", "number": "", "masked_name": ""}
        state = "self" if found.id == self.caller(visit).id else "found"
        return {"state": state, "number": found.number.digits, "masked_name": found.masked_name}

    def plan(self, visit: Visit, _draft: Session) -> dict[str, Any]:
        member, scheme = self.caller(visit), self.terms_at(visit.now).scheme
        found = plans.standing(visit.database, scheme, self.calendar, member.id, now=visit.now)
        if found is None:
            nothing = {"amount_cents": 0, "saved_cents": 0, "rest_cents": 0}
            return {"state": "none", "rhythm": "month", **nothing, "reminders": False}
        agreed = self.members.current_consents(visit.database, member.id)[Purpose.REMINDERS]
        return {
            "state": "some",
            "rhythm": found.rhythm.value,
            "amount_cents": found.amount.amount_cents,
            "saved_cents": found.saved.amount_cents,
            # What one payment may be: the rest of the plan, within the scheme's limits.
            "rest_cents": found.rest.amount_cents if scheme.allows(found.rest.amount_cents) else 0,
            "reminders": found.reminders and agreed,
        }

    def plan_amounts(self, visit: Visit, draft: Session) -> list[int]:
        suggested = self.terms_at(visit.now).scheme.plans.suggested_cents
        return list(suggested[Rhythm(draft.answers["rhythm"])][:USUAL_AMOUNTS_MAX])

    def save(self, args: dict[str, str], visit: Visit) -> dict[str, Any]:
        caller, number, period = self.caller(visit), args["number"], args["period"]
        owner = self._by_number(visit, number) if number else caller
        if owner is None or (period and period not in self._months(visit)):
            return {"state": "not_allowed", "wallet": ""}
        outcome = contributions.request(
            visit.database,
            self.terms_at(visit.now),
            key=visit.key,
            member_id=owner.id,
            phone=visit.hop.phone,
            amount_cents=int(args["amount_cents"]),
            channel=Channel.USSD,
            now=visit.now,
            network_code=visit.hop.network_code,
            asked_by=None if owner.id == caller.id else caller.id,
            period=period or None,
        )
        match outcome:
            case Requested():
                contribution_id = str(outcome.contribution_id)
                return {"state": "queued", "contribution_id": contribution_id, "wallet": outcome.wallet}
            case AlreadyOpen():
                return {"state": "already_open", "wallet": outcome.wallet}
            case OutOfLimits():
                return {"state": "limit", "wallet": ""}
            case _:
                return {"state": "not_allowed", "wallet": ""}

    def set_plan(self, args: dict[str, str], visit: Visit) -> dict[str, Any]:
        caller, reminders = self.caller(visit), args["reminders"] == _YES
        outcome = plans.set_plan(
            visit.database,
            self.terms_at(visit.now).scheme,
            key=visit.key,
            member_id=caller.id,
            rhythm=Rhythm(args["rhythm"]),
            amount_cents=int(args["amount_cents"]),
            reminders=reminders,
            now=visit.now,
        )
        if isinstance(outcome, PlanSet) and reminders:
            self._agree_to_reminders(caller, visit)
        return {"state": "done" if isinstance(outcome, PlanSet) else "refused"}

    def set_plan_reminders(self, args: dict[str, str], visit: Visit) -> dict[str, Any]:
        caller, wanted = self.caller(visit), args["granted"] == _YES
        plans.set_reminders(visit.database, caller.id, wanted=wanted)
        if wanted:
            self._agree_to_reminders(caller, visit)
        return {"state": "done"}

    def stop_plan(self, _args: dict[str, str], visit: Visit) -> dict[str, Any]:
        plans.stop_plan(visit.database, self.caller(visit).id, now=visit.now)
        return {"state": "done"}

    def _agree_to_reminders(self, caller: Member, visit: Visit) -> None:
        if self.members.current_consents(visit.database, caller.id)[Purpose.REMINDERS]:
            return
        self.members.give_consent(
            visit.database,
            member=caller,
            purpose=Purpose.REMINDERS,
            given=True,
            notice_version=self.notice_version,
            channel="ussd",
        )

    def _may_hear(self, visit: Visit, typed: str) -> bool:
        """Who goes through numbers to hear whose they are gets no further than a day's share."""
        try:
            number = MemberNumber.parse(typed).digits
        except InvalidValue:
            return True
        index, day = self.members.indexes.phone(visit.hop.phone), self.calendar.day_of(visit.now)
        return may_look_up(visit.database, phone_index=index, number=number, day=day)

    def _by_number(self, visit: Visit, typed: str) -> Member | None:
        try:
            return self.members.by_number(visit.database, MemberNumber.parse(typed))
        except InvalidValue:
            return None

    def _months(self, visit: Visit) -> tuple[str, ...]:
        scheme = self.terms_at(visit.now).scheme
        return scheme.months_around(self.calendar.day_of(visit.now))
