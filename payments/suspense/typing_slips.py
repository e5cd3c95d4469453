"""The slips of a finger on digits: one wrong, one missing, one too many, two neighbours swapped."""

_DIGITS = "0123456789"
_CHARACTERS_MAX = 15


def near(digits: str) -> set[str]:
    """Every string of digits that is one slip away, `digits` itself left out; none for overlong input."""
    if not digits or len(digits) > _CHARACTERS_MAX:
        return set()
    places = range(len(digits))
    found = {digits[:at] + other + digits[at + 1 :] for at in places for other in _DIGITS}
    found |= {digits[:at] + other + digits[at:] for at in range(len(digits) + 1) for other in _DIGITS}
    found |= {digits[:at] + digits[at + 1 :] for at in places}
    found |= {digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :] for at in range(len(digits) - 1)}
    return found - {digits}
