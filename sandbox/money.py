"""Integer cents in and out of the ways providers write amounts."""

import re


def cents(text: str) -> int | None:
    """`50`, `50.5` or `50.00` as cents; None for anything else, signs and thousands commas included."""
    found = re.fullmatch(r"(\d{1,9})(?:\.(\d{1,2}))?", text.strip())
    if not found:
        return None
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))


def plain(amount_cents: int) -> str:
    """`1234.50`."""
    sign = "-" if amount_cents < 0 else ""
    return f"{sign}{abs(amount_cents) // 100}.{abs(amount_cents) % 100:02d}"


def grouped(amount_cents: int) -> str:
    """`1,234.50`, as people and statements write it."""
    sign = "-" if amount_cents < 0 else ""
    return f"{sign}{abs(amount_cents) // 100:,}.{abs(amount_cents) % 100:02d}"
