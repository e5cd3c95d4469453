"""Scheme rules are data: dated, checked when read, and answered for any day."""

from datetime import date

import pytest

from payments.schemes.rules import BadScheme, read_schemes, scheme_on

RULE = """
  - effective_from: {start}
    payment_min_cents: {minimum}
    payment_max_cents: 20000
    day_max_cents: 50000
    free_up_to_cents: 10000
    suggested_cents: [5000, 10000]
"""


def _source(*rules: tuple[str, str]) -> str:
    body = "".join(RULE.format(start=start, minimum=minimum) for start, minimum in rules)
    return f"country: KE\ncurrency: KES\nrules:{body or ' []'}"


def test_kenyas_rules_hold_today() -> None:
    scheme = scheme_on("KE", date(2026, 11, 22))
    assert (scheme.currency, scheme.payment_max_cents) == ("KES", 25_000_000)
    assert all(scheme.allows(cents) for cents in scheme.suggested_cents)
    assert not scheme.allows(5050)


def test_a_rule_holds_from_its_day_until_the_next() -> None:
    first, second = read_schemes(_source(("2026-01-01", "1000"), ("2026-07-01", "2000")))
    assert (first.payment_min_cents, second.payment_min_cents) == (1000, 2000)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "country: KE",
        "[",
        _source(),
        _source(("2026-07-01", "1000"), ("2026-01-01", "1000")),
        _source(("2026-01-01", "1000"), ("2026-01-01", "1000")),
        _source(("2026-01-01", "0")),
        _source(("2026-01-01", "6000")),
        _source(("2026-01-01", "10.5")),
    ],
)
def test_bad_rules_are_refused_when_read(source: str) -> None:
    with pytest.raises(BadScheme):
        read_schemes(source)


@pytest.mark.parametrize(
    ("country", "day"), [("KE", date(2025, 1, 1)), ("ZZ", date(2026, 11, 22)), ("../ke", date(2026, 11, 22))]
)
def test_a_country_or_day_without_rules_is_said_so(country: str, day: date) -> None:
    with pytest.raises(BadScheme):
        scheme_on(country, day)
