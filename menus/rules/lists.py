"""What lists are made of: pairs of the value kept when chosen and the label shown."""

from __future__ import annotations

from typing import Any, Final

from menus.engine.vocabulary import ListRule, View
from menus.facts import MONTHS_MAX, STATEMENT_PAYMENTS_MAX, STEPS_MAX, USUAL_AMOUNTS_MAX
from menus.rules.values import LONGEST_SAVING, currency_of, day, day_and_time, money, month, number_in_groups

# Longest state words are kept short by the lint: "10 Nov UGX 5,000,000" and a state of up to 20 septets.
_LONGEST_PAYMENT = "22 Nov KES 999,999.99 " + "w" * 24
_LONGEST_STEP = "22 Nov 10:30 " + "w" * 24


def usual_amount(view: View) -> list[tuple[str, str]]:
    """The one amount this member saves most."""
    return [(str(cents), money(cents, currency_of(view))) for cents in view.facts["usual_amounts"][:1]]


def amounts_to_offer(view: View) -> list[tuple[str, str]]:
    """The member's usual amounts, then those the scheme suggests: there is always a choice."""
    amounts = list(dict.fromkeys([*view.facts["usual_amounts"], *view.facts["scheme"]["suggested_cents"]]))
    return [(str(cents), money(cents, currency_of(view))) for cents in amounts[:USUAL_AMOUNTS_MAX]]


def months_to_choose(view: View) -> list[tuple[str, str]]:
    """Months past, the last one first, then months ahead."""
    return [(period, month(period, view)) for period in view.facts["months"][:MONTHS_MAX]]


def plan_rest(view: View) -> list[tuple[str, str]]:
    """What is left of the plan, to be paid now; nothing when it is fulfilled."""
    rest = view.facts["plan"]["rest_cents"]
    return [(str(rest), money(rest, currency_of(view)))] if rest else []


def plan_amounts_to_offer(view: View) -> list[tuple[str, str]]:
    """What the scheme suggests for this rhythm."""
    return [(str(cents), money(cents, currency_of(view))) for cents in view.facts["plan_amounts"]]


def last_payments(view: View) -> list[tuple[str, str]]:
    """Day, amount and what became of it, newest first."""
    return [
        (payment["id"], f"{day(payment['on'], view)} {_paid(payment, view)} {_state(payment['state'], view)}")
        for payment in view.facts["payments"][:STATEMENT_PAYMENTS_MAX]
    ]


def steps_of_payment(view: View) -> list[tuple[str, str]]:
    """For whom and which month it is, where that was chosen; when each step was taken; what comes next."""
    way = view.facts["payment_way"]
    steps = way["steps"][-STEPS_MAX:]
    wished = []
    if way.get("for_number"):
        wished.append(("", f"{view.texts['way_for_member']} {number_in_groups(way['for_number'])}"))
    if way.get("period"):
        wished.append(("", f"{view.texts['way_for_month']} {month(way['period'], view)}"))
    taken = [("", f"{day_and_time(step['on'], view)} {_state(step['state'], view)}") for step in steps]
    next_one = view.texts.get(f"next_{steps[-1]['state']}") if steps else None
    return [*wished, *taken, ("", next_one)] if next_one else [*wished, *taken]


def _paid(payment: dict[str, Any], view: View) -> str:
    return money(payment["amount_cents"], currency_of(view))


def _state(state: str, view: View) -> str:
    return view.texts.get(f"payment_{state}", view.texts["payment_unknown"])


LISTS: Final = (
    ListRule("usual_amount", usual_amount, LONGEST_SAVING, 1, ("scheme", "usual_amounts")),
    ListRule(
        "amounts_to_offer", amounts_to_offer, LONGEST_SAVING, USUAL_AMOUNTS_MAX, ("scheme", "usual_amounts")
    ),
    ListRule(
        "last_payments", last_payments, _LONGEST_PAYMENT, STATEMENT_PAYMENTS_MAX, ("payments", "scheme")
    ),
    ListRule("months_to_choose", months_to_choose, "Nov 2026", MONTHS_MAX, ("months",)),
    ListRule("plan_rest", plan_rest, LONGEST_SAVING, 1, ("plan", "scheme")),
    ListRule(
        "plan_amounts_to_offer",
        plan_amounts_to_offer,
        LONGEST_SAVING,
        USUAL_AMOUNTS_MAX,
        ("plan_amounts", "scheme"),
    ),
    ListRule("steps_of_payment", steps_of_payment, _LONGEST_STEP, STEPS_MAX + 3, ("payment_way",)),
)
