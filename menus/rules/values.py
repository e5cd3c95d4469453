"""What fills the placeholders of texts, each with the longest it can be."""

from __future__ import annotations

from typing import Final

from menus.engine.vocabulary import Value, View

_CENTS_PER_SHILLING = 100
_LONGEST_AMOUNT = "KES 99,999,999.99"
_LONGEST_SAVING = "KES 999,999"


def money(amount_cents: int) -> str:
    """Cents for people: `KES 1,250`, or `KES 1,250.50` when there are cents."""
    shillings, cents = divmod(abs(amount_cents), _CENTS_PER_SHILLING)
    sign = "-" if amount_cents < 0 else ""
    return f"{sign}KES {shillings:,}" + (f".{cents:02d}" if cents else "")


def day(moment: str, view: View) -> str:
    """The day of an ISO moment in the caller's language: `22 Nov`."""
    return f"{int(moment[8:10])} {view.texts['month_' + moment[5:7]]}"


def day_and_time(moment: str, view: View) -> str:
    """`22 Nov 10:30`."""
    return f"{day(moment, view)} {moment[11:16]}"


def number_in_groups(number: str) -> str:
    """A member number as it is read aloud: `412 345 678`."""
    return " ".join(number[start : start + 3] for start in range(0, len(number), 3))


def _amount(view: View) -> str:
    return money(int(view.answers["amount"]))


VALUES: Final = (
    Value("language_of_member", lambda view: str(view.facts["member"]["language"]), "en", ("member",)),
    Value("fund", lambda view: str(view.facts["scheme"]["fund_name"]), "Hazina ya Haba na Haba", ("scheme",)),
    Value("helpline", lambda view: str(view.facts["scheme"]["helpline"]), "0800 123 456", ("scheme",)),
    Value("minimum", lambda view: money(view.facts["scheme"]["minimum_cents"]), _LONGEST_SAVING, ("scheme",)),
    Value("maximum", lambda view: money(view.facts["scheme"]["maximum_cents"]), _LONGEST_SAVING, ("scheme",)),
    Value("amount", _amount, _LONGEST_SAVING),
    Value("phone", lambda view: str(view.facts["member"]["phone_masked"]), "0712***678", ("member",)),
    Value("number", lambda view: number_in_groups(view.facts["member"]["number"]), "412 345 678", ("member",)),
    Value("new_number", lambda view: number_in_groups(view.facts["join"]["number"]), "412 345 678", ("join",)),
    Value("name", lambda view: str(view.facts["identity"]["masked_name"]), "W" + "*" * 11 + " M" + "*" * 11, ("identity",)),
    Value("national_id", lambda view: view.answers["national_id"], "12345678"),
    Value("birth_year", lambda view: view.answers["birth_year"], "1999"),
    Value("balance", lambda view: money(view.facts["balance"]["amount_cents"]), _LONGEST_AMOUNT, ("balance",)),
    Value("on_its_way", lambda view: money(view.facts["balance"]["pending_cents"]), _LONGEST_AMOUNT, ("balance",)),
    Value("as_of", lambda view: day_and_time(view.facts["balance"]["as_of"], view), "22 Nov 10:30", ("balance",)),
    Value("waiting_days", lambda view: str(view.facts["start_phone_change"]["waiting_days"]), "30", ("start_phone_change",)),
    Value("tries_left", lambda view: view.answers["tries_left"], "2"),
    Value("locked_minutes", lambda view: view.answers["locked_minutes"], "30"),
)
