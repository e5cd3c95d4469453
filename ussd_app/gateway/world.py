"""What the menus want to know and do, answered by the rooms: one function per fact and per effect."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.clock import FundCalendar, PerDay
from core.errors import InvalidValue
from core.vault import Vault
from members.documents import as_answer, from_answer
from members.id_forms import id_form_of
from members.model import (
    AlreadyMember,
    IdentityState,
    IdentityView,
    Joined,
    Member,
    PhoneChangeRefused,
    Purpose,
    Status,
)
from members.pins import Locked, PinWeakness, Right, weak_pin_reason
from members.service import Members
from menus import Effect, PinVerdict, Session
from menus.facts import USUAL_AMOUNTS_MAX
from payments.contributions import service as contributions
from payments.contributions.model import Terms
from payments.ledger import service as ledger
from payments.schemes.rules import Scheme
from ussd_app.gateway.caller import CALLER, facts_of, read_cells
from ussd_app.gateway.hop import Hop
from ussd_app.gateway.money_world import MoneyWorld
from ussd_app.gateway.pin_world import PinWorld
from ussd_app.gateway.saving_world import SavingWorld
from ussd_app.gateway.turns import Visit

NOTICE_VERSION: Final = "2026-11"
_ID_PLACE: Final = "ussd.identity"
_PIN_ANSWER: Final = "pin"
_ID_ANSWER: Final = "national_id"
_YES: Final = "yes"
_WEAKNESSES: Final = {
    PinWeakness.SEQUENCE: "sequence",
    PinWeakness.REPEATED: "repeated",
    PinWeakness.BIRTH_YEAR: "birth_year",
}


@dataclass(frozen=True, slots=True)
class FundFacts:
    """What the fund says of itself to callers."""

    name: str
    helpline: str


class RoomsWorld:
    """The host's view of members and payments. Everything a visit asks happens in its own transaction;
    `read_caller` reads the values of a row of `CALLER` without one.
    """

    def __init__(
        self,
        *,
        members: Members,
        read_caller: Callable[..., tuple[str | None, ...] | None],
        vault: Vault,
        calendar: FundCalendar,
        fund: FundFacts,
        terms_at: Callable[[datetime], Terms],
        phone_change_wait_hours: float,
    ) -> None:
        self._members = members
        self._read_caller = read_caller
        self._vault = vault
        self._calendar = calendar
        self._fund = fund
        self._terms_at = terms_at
        self._today = PerDay(calendar, self._rules_and_fact)
        self._phone_change_days = max(1, math.ceil(phone_change_wait_hours / 24))
        money = MoneyWorld(self._caller, calendar)
        self._saving = saving = SavingWorld(self._caller, members, calendar, terms_at, NOTICE_VERSION)
        pins = PinWorld(self._caller, members.new_pins)
        self._facts: dict[str, Callable[[Visit, Session], Any]] = {
            "member": lambda visit, _: self._caller_facts(visit)["member"],
            "usual_amounts": lambda visit, _: self._caller_facts(visit)["usual_amounts"],
            "identity": self._identity,
            "balance": self._balance,
            **pins.facts,
            **money.facts,
            **saving.facts,
        }
        self._effects: dict[str, Callable[[dict[str, str], Visit], dict[str, Any]]] = {
            "look_up_identity": self._look_up_identity,
            "join": self._join,
            "start_phone_change": self._start_phone_change,
            "set_language": self._set_language,
            "set_consent": self._set_consent,
            **pins.effects,
            **money.effects,
            **saving.effects,
        }

    def given(self, now: datetime) -> Mapping[str, Any]:
        return self._today.at(now)[1]

    def caller(self, hop: Hop, now: datetime) -> Mapping[str, Any]:
        row = read_cells(self._read_caller(phone_index=self._members.indexes.phone(hop.phone)))
        facts = facts_of(row, hop.phone, self._rules(now).allows)
        return {**facts, "charges": self._saving.charges_of(hop, now)}

    def fact(self, name: str, visit: Visit, draft: Session) -> Any:
        return self._facts[name](visit, draft)

    def perform(self, effect: Effect, visit: Visit) -> dict[str, Any]:
        return self._effects[effect.name](dict(effect.args), visit)

    def mark_pin(self, pin: str, place: str) -> str:
        return self._members.pins.mark(pin, place)

    def check_pin(self, pin: str, visit: Visit) -> PinVerdict:
        verdict = self._members.pins.check(visit.database, self._caller(visit).id, pin, key=visit.key)
        if isinstance(verdict, Right):
            return PinVerdict("right")
        if isinstance(verdict, Locked):
            return PinVerdict("locked", minutes=verdict.minutes)
        return PinVerdict("wrong", tries_left=verdict.tries_left)

    def choose_pin(self, pin: str, visit: Visit, session: Session) -> PinVerdict:
        weakness = weak_pin_reason(pin, self._birth_year(visit, session))
        if weakness is not None:
            return PinVerdict("weak", reason=_WEAKNESSES.get(weakness, "sequence"))
        return PinVerdict("chosen", sealed=self._members.pins.hash_new(pin))

    def repeat_pin(self, pin: str, session: Session) -> PinVerdict:
        same = self._members.pins.matches(session.answers[_PIN_ANSWER], pin)
        return PinVerdict("matches" if same else "mismatch")

    def _caller(self, visit: Visit) -> Member:
        member = self._members.by_phone(visit.database, visit.hop.phone)
        if member is None:
            raise InvalidValue("this phone is no member's any more")
        return member

    def _caller_facts(self, visit: Visit) -> Mapping[str, Any]:
        """As `caller`, but in the visit's transaction, which may have changed them."""
        asked = {"phone_index": self._members.indexes.phone(visit.hop.phone)}
        row = visit.database.execute(CALLER, asked).first()
        return facts_of(row, visit.hop.phone, self._rules(visit.now).allows)

    def _rules(self, now: datetime) -> Scheme:
        return self._today.at(now)[0]

    def _rules_and_fact(self, now: datetime) -> tuple[Scheme, Mapping[str, Any]]:
        """The rules of the day and the fact `scheme`."""
        rules = self._terms_at(now).scheme
        return rules, {"scheme": self._scheme(rules)}

    def _scheme(self, rules: Scheme) -> dict[str, Any]:
        form = id_form_of(rules.country)
        return {
            "fund_name": self._fund.name,
            "helpline": self._fund.helpline,
            "minimum_cents": rules.payment_min_cents,
            "maximum_cents": rules.payment_max_cents,
            "suggested_cents": list(rules.suggested_cents[:USUAL_AMOUNTS_MAX]),
            "currency": rules.currency,
            "id_kind": form.kind,
            "id_pattern": form.pattern,
        }

    def _identity(self, visit: Visit, draft: Session) -> dict[str, Any]:
        view = self._identity_view(visit, draft)
        return {"state": view.state.value, "masked_name": view.masked_name}

    def _balance(self, visit: Visit, _draft: Session) -> dict[str, Any]:
        member = self._caller(visit)
        return {
            "amount_cents": ledger.savings(
                visit.database, member.id, self._rules(visit.now).currency
            ).amount_cents,
            "as_of": self._calendar.minute(visit.now),
            "pending_cents": contributions.on_its_way_cents(visit.database, member.id, now=visit.now),
        }

    def _look_up_identity(self, args: dict[str, str], visit: Visit) -> dict[str, Any]:
        document = from_answer(args[_ID_ANSWER])
        key = self._vault.index(_ID_PLACE, f"{visit.session_key}:{as_answer(document)}")
        phone = visit.hop.phone
        self._members.ask_identity(visit.database, key=key, phone=phone, document=document)
        state = self._members.identity(visit.database, phone=phone, document=document).state
        return {"state": "too_many" if state is IdentityState.TOO_MANY else "started"}

    def _join(self, args: dict[str, str], visit: Visit) -> dict[str, Any]:
        outcome = self._members.join(
            visit.database,
            key=visit.key,
            phone=visit.hop.phone,
            document=from_answer(args[_ID_ANSWER]),
            language=args["language"],
            consents={
                Purpose.SAVING: args["consent_saving"] == _YES,
                Purpose.REMINDERS: args["consent_reminders"] == _YES,
            },
            name_confirmed=args["name_confirmed"] == _YES,
            pin_hash=args[_PIN_ANSWER],
            notice_version=NOTICE_VERSION,
        )
        if isinstance(outcome, Joined):
            state = "joined" if outcome.member.status is Status.ACTIVE else "pending"
            return {"state": state, "number": outcome.member.number.digits}
        return {"state": "taken" if isinstance(outcome, AlreadyMember) else "refused", "number": ""}

    def _start_phone_change(self, args: dict[str, str], visit: Visit) -> dict[str, Any]:
        outcome = self._members.start_phone_change(
            visit.database,
            key=visit.key,
            identifier=from_answer(args[_ID_ANSWER]),
            new_phone=visit.hop.phone,
            birth_year=int(args["birth_year"]),
            language=args["language"],
        )
        if isinstance(outcome, PhoneChangeRefused):
            return {"state": "too_many" if outcome.reason == "too_many" else "refused", "waiting_days": 0}
        # The same words whether it waits for its time or for staff: facts must not be guessable.
        return {"state": "started", "waiting_days": self._phone_change_days}

    def _set_language(self, args: dict[str, str], visit: Visit) -> dict[str, Any]:
        self._members.change_language(visit.database, self._caller(visit).id, args["language"])
        return {"state": "done"}

    def _set_consent(self, args: dict[str, str], visit: Visit) -> dict[str, Any]:
        self._members.give_consent(
            visit.database,
            member=self._caller(visit),
            purpose=Purpose(args["purpose"]),
            given=args["granted"] == _YES,
            notice_version=NOTICE_VERSION,
            channel="ussd",
        )
        return {"state": "done"}

    def _birth_year(self, visit: Visit, session: Session) -> int | None:
        """Of the paper that a newcomer typed, otherwise of the member who calls."""
        if _ID_ANSWER in session.answers:
            return self._identity_view(visit, session).birth_year
        return self._members.birth_year(visit.database, self._caller(visit).id)

    def _identity_view(self, visit: Visit, session: Session) -> IdentityView:
        document = from_answer(session.answers[_ID_ANSWER])
        return self._members.identity(visit.database, phone=visit.hop.phone, document=document)
