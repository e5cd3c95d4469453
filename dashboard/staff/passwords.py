"""Staff passwords: argon2id, and the same work for an account that does not exist."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

# OWASP's minimum for argon2id: 19 MiB, two passes, one lane. About 20 ms.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _HASHER.hash("the password of nobody")


def hash_password(password: str) -> str:
    """An argon2id hash in PHC form."""
    return _HASHER.hash(password)


def is_right(password_hash: str | None, password: str) -> bool:
    """Whether the password fits; with no hash (no account) the same time is spent and the answer is no."""
    try:
        _HASHER.verify(password_hash or _NOBODY, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return _HASHER.check_needs_rehash(password_hash)
