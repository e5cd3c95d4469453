"""How many SMS parts a text takes: GSM 03.38 septets, or UCS-2 as soon as one character is foreign."""

BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = set("^{}\\[~]|€\f")


def septets(text: str) -> int | None:
    """The septets `text` needs, or None when it cannot be written in GSM 03.38."""
    if not set(text) <= BASIC | EXTENDED:
        return None
    return sum(2 if letter in EXTENDED else 1 for letter in text)


def parts_of(text: str) -> int:
    """Parts billed, at least one."""
    count = septets(text)
    if count is None:
        units = len(text.encode("utf-16-be")) // 2
        return 1 if units <= 70 else -(-units // 67)  # noqa: PLR2004 - TS 23.040 part sizes.
    return 1 if count <= 160 else -(-count // 153)  # noqa: PLR2004 - TS 23.040 part sizes.
