"""Staff roles, and the rules for names, passwords and tries: pure."""

import re
from datetime import timedelta
from enum import StrEnum

from core.errors import InvalidValue, KibabaError

TRIES_MAX = 5
LOCKED_FOR = timedelta(minutes=15)
# Failed tries from one network, whatever the names, within one window; a new window begins from nothing.
SOURCE_TRIES_MAX = 20
SOURCE_WINDOW = timedelta(minutes=10)
# Tries that failed longer ago than this no longer count.
TRIES_REMEMBERED_FOR = timedelta(hours=1)

PASSWORD_CHARACTERS_MIN = 12
PASSWORD_CHARACTERS_MAX = 128
_DIFFERENT_CHARACTERS_MIN = 5
_EMAIL_CHARACTERS_MAX = 254
_NAME_CHARACTERS_MAX = 80
_EMAIL = re.compile(r"[a-z0-9._%+-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*")


class Role(StrEnum):
    """What someone is at the fund. Each page and act declares which roles may have it."""

    OFFICER = "officer"
    CHECKER = "checker"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMIN = "admin"


class WeakPassword(InvalidValue):
    """A password that is too short, too long, too plain, or holds the account's own name."""

    code = "weak_password"


class StaffExists(KibabaError):  # noqa: N818 -- it reads as what it is at the raise
    """There is an account with this e-mail address already."""

    code = "staff_exists"


def parse_email(text: str) -> str:
    """An e-mail address in lower case. Raises InvalidValue."""
    email = text.strip().lower()
    if len(email) > _EMAIL_CHARACTERS_MAX or not _EMAIL.fullmatch(email):
        raise InvalidValue("not an e-mail address")
    return email


def parse_name(text: str) -> str:
    """A display name: 1 to 80 printable characters, single spaces. Raises InvalidValue."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= _NAME_CHARACTERS_MAX or not name.isprintable():
        raise InvalidValue("a name has 1 to 80 printable characters")
    return name


def check_password(password: str, *, email: str) -> None:
    """Refuse what is easily guessed; length before variety (NIST SP 800-63B). Raises WeakPassword."""
    if len(password) < PASSWORD_CHARACTERS_MIN:
        raise WeakPassword(f"a password has at least {PASSWORD_CHARACTERS_MIN} characters")
    if len(password) > PASSWORD_CHARACTERS_MAX:
        raise WeakPassword(f"a password has at most {PASSWORD_CHARACTERS_MAX} characters")
    if len(set(password)) < _DIFFERENT_CHARACTERS_MIN:
        raise WeakPassword("a password is more than a few characters repeated")
    if email.partition("@")[0] in password.lower():
        raise WeakPassword("a password does not hold the account's own name")
