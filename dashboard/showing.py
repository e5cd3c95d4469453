"""How values are shown to staff: amounts, instants, ages and days, always the same way."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from dashboard import catalogue
from dashboard.services import services

# Not inside a longer word: receipts and ids mix letters and digits.
_LONG_DIGITS = re.compile(r"(?<![\w-])\+?[0-9]{6,15}(?![\w-])")
_AGES = ((timedelta(days=1), "days"), (timedelta(hours=1), "hours"), (timedelta(minutes=1), "minutes"))


def amount(cents: int) -> str:
    """Cents as a number with thousands and two decimals, for a column whose head names the currency."""
    sign = "\N{MINUS SIGN}" if cents < 0 else ""
    units, fraction = divmod(abs(cents), 100)
    return f"{sign}{units:,}.{fraction:02d}"


def money(cents: int) -> str:
    """Cents with their currency, cents left out when there are none."""
    sign = "\N{MINUS SIGN}" if cents < 0 else ""
    return f"{sign}{services().currency} {amount(abs(cents)).removesuffix('.00')}"


def number(count: int) -> str:
    return f"{count:,}"


def day(value: date) -> str:
    """`Sunday 22 November 2026`."""
    return f"{value:%A} {value.day} {value:%B %Y}"


def short_day(value: date) -> str:
    """`22 Nov 2026`."""
    return f"{value.day} {value:%b %Y}"


def month(value: date) -> str:
    """`November 2026`."""
    return f"{value:%B %Y}"


def iso_month(value: date) -> str:
    """`2026-11`, as addresses and `<input type=month>` have it."""
    return f"{value:%Y-%m}"


def moment(instant: datetime) -> str:
    """`22 Nov 2026, 14:05:09`, in the fund's zone."""
    local = services().calendar.local(instant)
    return f"{short_day(local.date())}, {local:%H:%M:%S}"


def clock_time(instant: datetime) -> str:
    """`14:05:09`, in the fund's zone."""
    return f"{services().calendar.local(instant):%H:%M:%S}"


def iso(instant: datetime) -> str:
    """For files and `<time datetime>`: `2026-11-22T14:05:09+03:00`, as the fund's own clock shows it."""
    return services().calendar.local(instant).isoformat(timespec="seconds")


def age(instant: datetime) -> str:
    """How long ago, in its largest whole unit: `3 h`."""
    passed = services().clock.now() - instant
    for unit, name in _AGES:
        if passed >= unit:
            return catalogue.text(f"age.{name}", count=passed // unit)
    return catalogue.text("age.now")


def spaced(digits: str) -> str:
    """A member number in groups of three."""
    return " ".join(digits[at : at + 3] for at in range(0, len(digits), 3))


def veiled(words: str) -> str:
    """Words from elsewhere; a long run of digits, maybe a phone or an ID, keeps only its end."""
    return _LONG_DIGITS.sub(lambda run: f"•••{run[0][-3:]}", words)


FILTERS: dict[str, Callable[..., str]] = {
    "spaced": spaced,
    "veiled": veiled,
    "amount": amount,
    "money": money,
    "number": number,
    "day": day,
    "short_day": short_day,
    "month": month,
    "iso_month": iso_month,
    "moment": moment,
    "clock_time": clock_time,
    "iso": iso,
    "age": age,
}
