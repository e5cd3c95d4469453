"""Names, of which we keep as little as we can: a mask to recognise, a key to compare."""

import re
import unicodedata
from datetime import date

_STARS_MAX = 6


def masked_name(given_names: str, surname: str) -> str:
    """The first given name and the surname, each as its first letter and stars: `W****** M*****`.

    At most fifteen characters, all of them in the GSM alphabet.
    """
    words = [*_words(given_names)[:1], *_words(surname)[:1]]
    return " ".join(word[0].upper() + "*" * min(len(word) - 1, _STARS_MAX) for word in words)


def name_birth_key(given_names: str, surname: str, birth_date: date) -> str:
    """What two registrations of one person share however the name is spelt out: sorted words, birth date."""
    words = sorted(_words(f"{given_names} {surname}"))
    return f"{' '.join(words)}|{birth_date.isoformat()}"


def age_on(day: date, birth_date: date) -> int:
    """Completed years. Who is born on 29 February comes of age on 1 March of a common year."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def _words(name: str) -> list[str]:
    # Letters keep their base form, and what stands inside a word (Ng'ang'a) does not cut it.
    base = unicodedata.normalize("NFKD", name).casefold()
    letters = "".join(c for c in base if c.isascii() and (c.isalpha() or c.isspace() or c == "-"))
    return [word for word in re.split(r"[\s-]+", letters) if word]
