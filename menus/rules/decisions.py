"""Which way a caller goes next: named decisions over facts and answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from menus.engine.vocabulary import DecisionRule, View
from menus.rules.inputs import NO_NATIONAL_ID

_OPENINGS: Final = {
    "none": "newcomer",
    "active": "member",
    "pending_verification": "member",
    "blocked": "blocked",
    "closed": "closed",
    "merged": "merged",
}
# What a newcomer has answered before the PIN.
_JOINING: Final = ("national_id", "consent_saving", "consent_reminders")
_IDENTITY_STATES: Final = ("found", "unknown", "dead", "minor", "taken", "look_alike", "several", "too_many")


def opening(view: View) -> str:
    return _OPENINGS[view.facts["member"]["status"]]


def home_kind(view: View) -> str:
    """Someone with a usual amount is offered it first; a weekly saver needs two answers."""
    return "usual" if view.facts["usual_amounts"] else "plain"


def document_needed(view: View) -> str:
    """Whether another paper than the national ID must be named."""
    return "yes" if view.answers["national_id"] == NO_NATIONAL_ID else "no"


def identity_state(view: View) -> str:
    """What the civil register said so far. `waiting`, `unavailable` and `several` all mean: not now."""
    state: str = view.facts["identity"]["state"]
    if state in {"several", "unavailable"} or state not in _IDENTITY_STATES:
        return "waiting"
    return state


def has_payments(view: View) -> str:
    return "some" if view.facts["payments"] else "none"


def money_on_its_way(view: View) -> str:
    return "some" if view.facts["balance"]["pending_cents"] > 0 else "none"


def free_payments(view: View) -> str:
    return "some" if view.facts["charges"]["free_up_to_cents"] > 0 else "none"


def recipient_state(view: View) -> str:
    state: str = view.facts["recipient"]["state"]
    return state if state in {"found", "self", "too_many"} else "unknown"


def plan_now(view: View) -> str:
    return "some" if view.facts["plan"]["state"] == "some" else "none"


def plan_reminders_wanted(view: View) -> str:
    return "on" if view.answers["plan_reminders"] == "yes" else "off"


def own_pin(view: View) -> str:
    state: str = view.facts["own_pin"]["state"]
    return {"set": "set", "locked": "set", "to_choose": "to_choose"}.get(state, "lapsed")


def pin_door(view: View) -> str:
    """As `own_pin`, for where a PIN would be asked for: nobody types one that is not looked at."""
    return "locked" if view.facts["own_pin"]["state"] == "locked" else own_pin(view)


def pin_for(view: View) -> str:
    """What the PIN just chosen is for. Newcomers have named their paper and consented, a member has shown
    the paper, and whoever did neither has typed the old PIN.
    """
    if all(name in view.answers for name in _JOINING):
        return "joining"
    return "choosing" if "paper" in view.answers else "changing"


def reminders_now(view: View) -> str:
    return "on" if view.facts["member"]["reminders"] else "off"


def reminders_asked(view: View) -> str:
    return "yes" if "consent_reminders" in view.answers else "no"


def reminders_wanted(view: View) -> str:
    return "on" if view.answers["reminders"] == "yes" else "off"


def _result_of(effect: str, *outcomes: str) -> DecisionRule:
    """The result of an effect; anything the menus do not know is the last outcome."""

    def choose(view: View) -> str:
        state: str = view.facts[effect]["state"]
        return state if state in outcomes else outcomes[-1]

    return DecisionRule(f"{effect}_result", outcomes, choose, (effect,))


def _over(choose: Callable[[View], str], outcomes: tuple[str, ...], *needs: str) -> DecisionRule:
    return DecisionRule(choose.__name__, outcomes, choose, needs)


DECISIONS: Final = (
    _over(opening, ("newcomer", "member", "blocked", "closed", "merged"), "member"),
    _over(home_kind, ("usual", "plain"), "usual_amounts"),
    _over(
        identity_state,
        ("waiting", "found", "unknown", "dead", "minor", "taken", "look_alike", "too_many"),
        "identity",
    ),
    _over(has_payments, ("some", "none"), "payments"),
    _over(money_on_its_way, ("some", "none"), "balance"),
    _over(free_payments, ("some", "none"), "charges"),
    _over(recipient_state, ("found", "self", "unknown", "too_many"), "recipient"),
    _over(own_pin, ("set", "to_choose", "lapsed"), "own_pin"),
    _over(pin_door, ("set", "locked", "to_choose", "lapsed"), "own_pin"),
    DecisionRule("pin_for", ("joining", "choosing", "changing"), pin_for, proves={"joining": _JOINING}),
    _over(plan_now, ("some", "none"), "plan"),
    DecisionRule("plan_reminders_wanted", ("on", "off"), plan_reminders_wanted, (), ("plan_reminders",)),
    _over(reminders_now, ("on", "off"), "member"),
    DecisionRule("document_needed", ("yes", "no"), document_needed, (), ("national_id",)),
    DecisionRule("reminders_asked", ("yes", "no"), reminders_asked, proves={"yes": ("consent_reminders",)}),
    DecisionRule("reminders_wanted", ("on", "off"), reminders_wanted, (), ("reminders",)),
    _result_of("look_up_identity", "started", "too_many"),
    _result_of("join", "joined", "pending", "taken", "refused"),
    _result_of("start_phone_change", "started", "too_many", "refused"),
    _result_of("save", "queued", "already_open", "limit", "not_allowed"),
    _result_of("set_language", "done"),
    _result_of("set_consent", "done"),
    _result_of("show_paper", "right", "wrong", "over"),
    _result_of("choose_new_pin", "done", "not_shown", "over"),
    _result_of("change_pin", "done", "refused"),
    _result_of("claim", "offered", "yours", "waiting", "too_many", "staff"),
    _result_of("take_claim", "taken", "gone"),
    _result_of("set_plan", "done", "refused"),
    _result_of("set_plan_reminders", "done"),
    _result_of("stop_plan", "done"),
)
