"""What lists are made of: pairs of the value kept when chosen and the label shown."""

from __future__ import annotations

from typing import Any, Final

from menus.engine.vocabulary import ListRule, View
from menus.facts import STATEMENT_PAYMENTS_MAX, USUAL_AMOUNTS_MAX
from menus.rules.values import LONGEST_SAVING, currency_of, day, money

# Longest state words are kept short by the lint: "10 Nov UGX 5,000,000" and a state of up to 20 septets.
_LONGEST_PAYMENT = "22 Nov KES 999,999.99 " + "w" * 24


def usual_amount(view: View) -> list[tuple[str, str]]:
    """The one amount this member saves most."""
    return [(str(cents), money(cents, currency_of(view))) for cents in view.facts["usual_amounts"][:1]]


def amounts_to_offer(view: View) -> list[tuple[str, str]]:
    """The member's usual amounts; for a newcomer those the scheme suggests."""
    amounts = view.facts["usual_amounts"] or view.facts["scheme"]["suggested_cents"]
    return [(str(cents), money(cents, currency_of(view))) for cents in amounts[:USUAL_AMOUNTS_MAX]]


def last_payments(view: View) -> list[tuple[str, str]]:
    """Day, amount and what became of it, newest first."""
    return [
        ("", f"{day(payment['on'], view)} {_paid(payment, view)} {_state(payment['state'], view)}")
        for payment in view.facts["payments"][:STATEMENT_PAYMENTS_MAX]
    ]


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
)
