"""How long an SMS is: septets of the GSM 7-bit default alphabet (3GPP TS 23.038, section 6.2.1)."""

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each of these is sent as an escape and a letter.
EXTENSION = frozenset("\f^{}\\[~]|€")

SEPTETS_IN_ONE = 160
SEPTETS_PER_PART = 153


def foreign(text: str) -> set[str]:
    """Characters that would turn the whole SMS into UCS-2, and 160 characters into 70."""
    return set(text) - BASIC - EXTENSION


def septets(text: str) -> int:
    """Septets of a text without foreign characters."""
    return len(text) + sum(character in EXTENSION for character in text)


def parts(text: str) -> int:
    """How many SMS a text is sent, and paid for, as."""
    count = septets(text)
    return 1 if count <= SEPTETS_IN_ONE else -(-count // SEPTETS_PER_PART)
