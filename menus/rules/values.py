"""What fills the placeholders of texts, each with the longest it can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from menus.engine.vocabulary import Value, View

_CENTS_PER_SHILLING = 100
_LONGEST_AMOUNT = "KES 99,999,999.99"
# The largest single payment of any scheme, in Uganda.
LONGEST_SAVING = "UGX 5,000,000"
_WALLETS = {"mpesa": "M-Pesa", "airtel": "Airtel Money", "mtn": "MTN MoMo"}


def money(amount_cents: int, currency: str = "KES") -> str:
    """Cents for people: `KES 1,250`, or `KES 1,250.50` when there are cents."""
    units, cents = divmod(abs(amount_cents), _CENTS_PER_SHILLING)
    sign = "-" if amount_cents < 0 else ""
    return f"{sign}{currency} {units:,}" + (f".{cents:02d}" if cents else "")


def day(moment: str, view: View) -> str:
    """The day of an ISO moment in the caller's language: `22 Nov`."""
    return f"{int(moment[8:10])} {view.texts['month_' + moment[5:7]]}"


def month(period: str, view: View) -> str:
    """A month in the caller's language: `Nov 2026`."""
    return f"{view.texts['month_' + period[5:7]]} {period[:4]}"


def day_and_time(moment: str, view: View) -> str:
    """`22 Nov 10:30`."""
    return f"{day(moment, view)} {moment[11:16]}"


def number_in_groups(number: str) -> str:
    """A member number as it is read aloud: `412 345 678`."""
    return " ".join(number[start : start + 3] for start in range(0, len(number), 3))


def _of(fact: str, field: str, show: Callable[[Any], str] = str) -> Callable[[View], str]:
    """A field of a fact as it is shown."""
    return lambda view: show(view.facts[fact][field])


def currency_of(view: View) -> str:
    """The scheme's currency."""
    return str(view.facts["scheme"].get("currency", "KES"))


def _money_of(fact: str, field: str) -> Callable[[View], str]:
    """An amount in a fact as it is shown."""
    return lambda view: money(int(view.facts[fact][field]), currency_of(view))


def _amount(view: View) -> str:
    return money(int(view.answers["amount"]), currency_of(view))


def _wallet(view: View) -> str:
    """The name on the prompt that comes, or is open."""
    return _WALLETS.get(view.facts["save"].get("wallet", ""), _WALLETS["mpesa"])


def _as_of(view: View) -> str:
    return day_and_time(view.facts["balance"]["as_of"], view)


def _recipient(view: View) -> str:
    """The masked name, or the number while no register has named them."""
    recipient = view.facts["recipient"]
    return str(recipient["masked_name"] or number_in_groups(recipient["number"]))


def _period(view: View) -> str:
    return month(view.answers["period"], view)


def _each(rhythm: str, view: View) -> str:
    return view.texts[f"each_{rhythm}"]


def _plan_rhythm(view: View) -> str:
    return _each(view.facts["plan"]["rhythm"], view)


def _rhythm(view: View) -> str:
    return _each(view.answers["rhythm"], view)


def _plan_amount(view: View) -> str:
    return money(int(view.answers["plan_amount"]), currency_of(view))


def _plan_reminders(view: View) -> str:
    return view.texts["reminders_on" if view.facts["plan"]["reminders"] else "reminders_off"]


def _way_of(view: View) -> str:
    """`KES 50 SFF6XYZ12X`, or the amount alone while no money came."""
    way = view.facts["payment_way"]
    return f"{money(way['amount_cents'], currency_of(view))} {way['receipt']}".rstrip()


def _claimed_on(view: View) -> str:
    return day_and_time(view.facts["claimed"]["on"], view)


def _locked_minutes(view: View) -> str:
    """As the verdict on a PIN said, or as is known before one is asked for."""
    return view.answers.get("locked_minutes") or str(view.facts["own_pin"]["minutes"])


_DAYS = _of("start_phone_change", "waiting_days")
_LONGEST_NAME = "W*********** M***********"

VALUES: Final = (
    Value("language_of_member", _of("member", "language"), "en", ("member",)),
    Value("fund", _of("scheme", "fund_name"), "Hazina ya Haba na Haba", ("scheme",), shortens=True),
    Value("helpline", _of("scheme", "helpline"), "+254 800 123 456", ("scheme",)),
    Value("minimum", _money_of("scheme", "minimum_cents"), LONGEST_SAVING, ("scheme",)),
    Value("maximum", _money_of("scheme", "maximum_cents"), LONGEST_SAVING, ("scheme",)),
    Value("amount", _amount, LONGEST_SAVING, ("scheme",), answers=("amount",)),
    Value("wallet", _wallet, "Airtel Money", ("save",)),
    Value("phone", _of("member", "phone_masked"), "0712***678", ("member",)),
    Value("number", _of("member", "number", number_in_groups), "412 345 678", ("member",)),
    Value("new_number", _of("join", "number", number_in_groups), "412 345 678", ("join",)),
    Value("name", _of("identity", "masked_name"), _LONGEST_NAME, ("identity",), shortens=True),
    Value("balance", _money_of("balance", "amount_cents"), _LONGEST_AMOUNT, ("balance", "scheme")),
    Value("on_its_way", _money_of("balance", "pending_cents"), _LONGEST_AMOUNT, ("balance", "scheme")),
    Value("as_of", _as_of, "22 Nov 10:30", ("balance",)),
    Value("free", _money_of("charges", "free_up_to_cents"), LONGEST_SAVING, ("charges", "scheme")),
    Value("recipient", _recipient, _LONGEST_NAME, ("recipient",), shortens=True),
    Value("recipient_number", _of("recipient", "number", number_in_groups), "412 345 678", ("recipient",)),
    Value("period", _period, "Nov 2026", answers=("period",)),
    Value("plan_rhythm", _plan_rhythm, "w" * 12, ("plan",)),
    Value("plan_whole", _money_of("plan", "amount_cents"), LONGEST_SAVING, ("plan", "scheme")),
    Value("plan_saved", _money_of("plan", "saved_cents"), _LONGEST_AMOUNT, ("plan", "scheme")),
    Value("plan_reminders", _plan_reminders, "w" * 4, ("plan",)),
    Value("rhythm", _rhythm, "w" * 12, answers=("rhythm",)),
    Value("plan_amount", _plan_amount, LONGEST_SAVING, ("scheme",), answers=("plan_amount",)),
    Value("way_of", _way_of, f"{LONGEST_SAVING} SFF6XYZ12X3456789012", ("payment_way", "scheme")),
    Value("claim_amount", _money_of("claimed", "amount_cents"), LONGEST_SAVING, ("claimed", "scheme")),
    Value("claim_on", _claimed_on, "22 Nov 10:30", ("claimed",)),
    Value("claim_receipt", _of("claimed", "receipt"), "SFF6XYZ12X3456789012", ("claimed",)),
    Value("waiting_days", _DAYS, "30", ("start_phone_change",)),
    Value("tries_left", lambda view: view.answers["tries_left"], "2", answers=("tries_left",)),
    Value("locked_minutes", _locked_minutes, "30", ("own_pin",)),
)
