"""Looking for short secrets in what is stored or shown."""

import re

_RANDOM = re.compile(r"[0-9a-f-]{12,}", re.IGNORECASE)


def without_random(text: str) -> str:
    """`text` without ids, digests and times: four digits stand in one of some hundred of them by chance."""
    return _RANDOM.sub(" ", text)
