"""The words of every SMS: declared here, written in `texts/<language>.yaml`, filled with ids and amounts."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.clock import FundCalendar
from core.errors import InvalidValue
from core.money import Money
from core.yaml_text import read_yaml

_TEXTS = Path(__file__).parent / "texts"
# `{name}`, or `{name|hour|hours}`: the first form where the number is 1, the second for any other.
_PLACE = re.compile(r"\{([a-z_]+)(?:\|([^{}|\s][^{}|]*)\|([^{}|\s][^{}|]*))?\}")
_NUMBER = re.compile(r"[0-9 ]{1,12}")
# As wallets write them: M-Pesa ten letters and digits, Airtel Money MP261122.1405.L06941.
_RECEIPT = re.compile(r"[A-Za-z0-9.-]{1,40}")
_RECEIPT_CHARACTERS_SHOWN = 20
_HOURS_MAX = 999
_WALLETS = {"mpesa": "M-Pesa", "airtel": "Airtel Money", "mtn": "MTN MoMo"}


@dataclass(frozen=True, slots=True)
class Template:
    """One SMS. `values`: what the payload must bring, by name on the page.

    `better_twice`: when nobody knows whether it was sent, it is sent once more. `reminder`: only to members
    who agreed to reminders.
    """

    name: str
    values: frozenset[str] = frozenset()
    better_twice: bool = True
    reminder: bool = False
    parts_max: int = 1


_DECLARED = (
    Template("welcome", frozenset({"number"})),
    Template("welcome_pending", frozenset({"number"})),
    Template("verified", frozenset({"name"})),
    Template("needs_review"),
    Template("receipt", frozenset({"amount", "receipt", "balance", "as_of"})),
    Template("prompt_cancelled", frozenset({"amount"}), better_twice=False),
    Template("prompt_insufficient", frozenset({"amount", "wallet"}), better_twice=False),
    Template("prompt_wrong_pin", frozenset({"amount", "wallet"}), better_twice=False),
    Template("prompt_expired", frozenset({"amount", "wallet"}), better_twice=False),
    Template("prompt_failed", frozenset({"amount", "wallet"}), better_twice=False),
    Template("prompt_unknown", frozenset({"amount", "wallet"})),
    Template("prompt_unreachable", frozenset({"amount", "wallet"}), better_twice=False),
    Template("prompt_limits", frozenset({"amount", "wallet"}), better_twice=False),
    Template("prompt_daily_limit", frozenset({"amount", "wallet"}), better_twice=False),
    Template("prompt_wait", frozenset({"amount", "wallet"}), better_twice=False),
    Template("prompt_busy", frozenset({"amount", "wallet"}), better_twice=False),
    Template("prompt_locked", frozenset({"amount"}), better_twice=False),
    Template("prompt_pin_locked", frozenset({"amount", "wallet"}), better_twice=False),
    Template("balance", frozenset({"balance", "as_of"}), better_twice=False),
    Template("part", frozenset({"amount", "receipt", "balance", "as_of"})),
    Template("taken_out", frozenset({"amount", "receipt", "balance", "as_of"})),
    Template("reversed", frozenset({"amount", "receipt", "balance", "as_of", "wallet"})),
    Template("paid_for", frozenset({"amount", "receipt", "number"})),
    Template("suspense", frozenset({"amount", "receipt"})),
    Template("right_number", frozenset({"amount", "receipt", "number"})),
    Template("named", frozenset({"amount"})),
    Template("not_yours", frozenset({"receipt"}), better_twice=False),
    Template("phone_change_old", frozenset({"hours"})),
    Template("phone_change_held"),
    Template("phone_change_late"),
    Template("enough_today"),
    Template("phone_change_new", frozenset({"hours"})),
    Template("phone_change_done"),
    Template("phone_change_stopped"),
    Template("pin_allowed", frozenset({"hours"})),
    Template("pin_changed"),
    Template("refunded", frozenset({"amount", "receipt", "wallet"})),
    Template("refund_begun", frozenset({"amount", "receipt"})),
    Template("refund_single", frozenset({"receipt"}), better_twice=False),
    Template("refund_unknown", frozenset({"receipt"}), better_twice=False),
    Template("refund_staff", frozenset({"receipt"}), better_twice=False),
    Template("yes_code", better_twice=False),
    Template("claim_code", better_twice=False),
    Template("claim_known", frozenset({"amount", "receipt"}), better_twice=False),
    Template("claim_waiting", frozenset({"receipt"}), better_twice=False),
    Template("claim_staff", frozenset({"receipt"}), better_twice=False),
    Template("claim_tomorrow", frozenset({"receipt"}), better_twice=False),
    Template("claim_closed", frozenset({"receipt"})),
    Template("way_none", better_twice=False),
    Template("way_asked", frozenset({"amount", "wallet"}), better_twice=False),
    Template("way_checking", frozenset({"amount", "wallet"}), better_twice=False),
    Template("way_failed", frozenset({"amount", "as_of"}), better_twice=False),
    Template("way_received", frozenset({"amount", "receipt", "as_of", "wallet"}), better_twice=False),
    Template("way_confirmed", frozenset({"amount", "receipt", "as_of", "wallet"}), better_twice=False),
    Template("way_posted", frozenset({"amount", "receipt", "as_of", "wallet"}), better_twice=False),
    Template("way_acknowledged", frozenset({"amount", "receipt", "as_of", "wallet"}), better_twice=False),
    Template("way_reversed", frozenset({"amount", "receipt", "wallet"}), better_twice=False),
    Template("staff_alert", better_twice=False),
    Template("staff_old_breaks", better_twice=False),
    Template("staff_money_at_risk", better_twice=False),
    Template("staff_statement_missing", better_twice=False),
    Template("staff_registry_silent", better_twice=False),
    Template("staff_second_look", better_twice=False),
    Template("merged", frozenset({"number"})),
    Template("merged_closed", frozenset({"number"})),
    Template("merge_undone", frozenset({"number"})),
    Template("help", better_twice=False),
    Template("help_stranger", better_twice=False),
    Template("stop_done", better_twice=False),
    Template("unknown_keyword", better_twice=False),
    Template("plan_reminder", frozenset({"amount"}), better_twice=False, reminder=True),
)
TEMPLATES = {template.name: template for template in _DECLARED}

# What may choose between two forms of a word.
_COUNTED = frozenset({"hours"})
# What may stand in any template.
STANDING = frozenset({"fund", "code", "contact"})


@dataclass(frozen=True, slots=True)
class FundWords:
    """How the fund calls itself, the code to dial, where to call: 14 characters of each fit everywhere."""

    fund: str
    code: str
    contact: str


class Texts:
    """Renders SMS in the fund's words and time."""

    def __init__(
        self, words: FundWords, calendar: FundCalendar, *, languages: Sequence[str] = ("en",)
    ) -> None:
        """`languages`: the country's, the usual one first; the first that is written here is the default."""
        self._standing = {"fund": words.fund, "code": words.code, "contact": words.contact}
        self._calendar = calendar
        self._texts = load_texts()
        self.default_language = next((one for one in languages if one in self._texts), "en")

    def language(self, wanted: str | None) -> str:
        """The wanted language, or the default one when none is wanted or nobody has written it yet."""
        return wanted if wanted in self._texts else self.default_language

    def render(self, name: str, language: str, values: Mapping[str, Any], *, member_name: str = "") -> str:
        """The words of an SMS.

        `values` is the payload's: `amount_cents`, `balance_cents` (whole cents, with `currency`, KES unless
        said), `as_of` (ISO 8601 instant), `receipt`, `number`, `hours`, `wallet` (its name in code, `mpesa`
        unless said). Raises InvalidValue for a template or a value that is unknown, missing or malformed.
        """
        template = template_named(name)
        filled = dict(self._standing)
        for value in template.values:
            filled[value] = member_name if value == "name" else self._value(value, values)
        return _PLACE.sub(lambda place: _filled(place, filled[place[1]]), self._texts[language][name])

    def _value(self, name: str, values: Mapping[str, Any]) -> str:
        return _FORMATS[name](values, self._calendar)


def template_named(name: str) -> Template:
    template = TEMPLATES.get(name)
    if template is None:
        raise InvalidValue(f"there is no SMS called {name[:40]!r}")
    return template


def load_texts() -> dict[str, dict[str, str]]:
    """Language → template → text. Raises InvalidValue unless each language has each template as declared."""
    texts: dict[str, dict[str, str]] = {}
    for path in sorted(_TEXTS.glob("*.yaml")):
        written = read_yaml(path.read_text(encoding="utf-8"))
        if set(written) != set(TEMPLATES):
            raise InvalidValue(f"{path.name}: missing or extra: {sorted(set(written) ^ set(TEMPLATES))}")
        for name, text in written.items():
            used = {place[1] for place in _PLACE.finditer(text)}
            if not {place[1] for place in _PLACE.finditer(text) if place[2]} <= _COUNTED:
                raise InvalidValue(f"{path.name}: {name} has two forms for what is no number")
            if set("{}") & set(_PLACE.sub("", text)):
                raise InvalidValue(f"{path.name}: {name} has a brace that is no placeholder")
            if not TEMPLATES[name].values <= used <= TEMPLATES[name].values | STANDING:
                raise InvalidValue(f"{path.name}: {name} does not use exactly its values")
        texts[path.stem] = {name: text.strip() for name, text in written.items()}
    return texts


def _filled(place: re.Match[str], value: str) -> str:
    one, other = place[2], place[3]
    return value if one is None else (one if value == "1" else other)


def _cents(name: str) -> Callable[[Mapping[str, Any], FundCalendar], str]:
    def read(values: Mapping[str, Any], _: FundCalendar) -> str:
        return str(Money(values.get(f"{name}_cents"), values.get("currency", "KES")))  # type: ignore[arg-type]

    return read


def _number(values: Mapping[str, Any], _: FundCalendar) -> str:
    return _matching(_NUMBER, values, "number")


def _receipt(values: Mapping[str, Any], _: FundCalendar) -> str:
    """A longer one is told by its end, which differs most."""
    return _matching(_RECEIPT, values, "receipt")[-_RECEIPT_CHARACTERS_SHOWN:]


def _matching(pattern: re.Pattern[str], values: Mapping[str, Any], name: str) -> str:
    text = values.get(name)
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise InvalidValue(f"an SMS needs a {name}")
    return text


def _as_of(values: Mapping[str, Any], calendar: FundCalendar) -> str:
    try:
        instant = datetime.fromisoformat(str(values.get("as_of")))
    except ValueError as error:
        raise InvalidValue("as_of is an ISO 8601 instant") from error
    if instant.tzinfo is None:
        raise InvalidValue("as_of is an aware instant")
    return calendar.local(instant).strftime("%d/%m %H:%M")


def _hours(values: Mapping[str, Any], _: FundCalendar) -> str:
    hours = values.get("hours")
    if type(hours) is not int or not 0 <= hours <= _HOURS_MAX:
        raise InvalidValue("hours is a whole number")
    return str(hours)


def _wallet(values: Mapping[str, Any], _: FundCalendar) -> str:
    wallet = values.get("wallet", "mpesa")
    if wallet not in _WALLETS:
        raise InvalidValue("an SMS names a wallet we know")
    return _WALLETS[wallet]


_FORMATS: dict[str, Callable[[Mapping[str, Any], FundCalendar], str]] = {
    "amount": _cents("amount"),
    "balance": _cents("balance"),
    "receipt": _receipt,
    "number": _number,
    "as_of": _as_of,
    "hours": _hours,
    "wallet": _wallet,
}
