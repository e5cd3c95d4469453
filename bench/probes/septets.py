"""Counts septets by GSM 03.38, on its own: a probe must not trust the code it probes."""

from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("\f^{}\\[~]|€")
SCREEN_SEPTETS: Final = 160


def septets(text: str) -> int | None:
    """Septets that a screen takes; None when a character is outside the alphabet."""
    if not set(text) <= _BASIC | _EXTENDED:
        return None
    return len(text) + sum(character in _EXTENDED for character in text)
