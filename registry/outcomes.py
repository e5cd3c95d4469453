"""What can become of a call to a registry: told in values, so that no caller forgets one."""

from dataclasses import dataclass

from registry import codes


@dataclass(frozen=True, slots=True)
class Answered:
    """The registry answered with a body that is now to be read."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """The registry will not do it. Nothing was changed there.

    `permanent`: the same content will be refused again. `code` and `message` are the registry's words,
    printable and at most 80 and 200 characters. `retry_seconds`: when it asked to be left alone for so long.
    """

    code: str
    message: str
    permanent: bool
    retry_seconds: int | None = None

    @classmethod
    def because(cls, code: str, message: str = "", *, retry_seconds: int | None = None) -> "Refused":
        """A refusal whose permanence the table of codes decides."""
        known = codes.code_named(code)
        return cls(_printable(known.code)[:80], _printable(message)[:200], known.permanent, retry_seconds)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No usable answer.

    `retry_seconds`: what the registry asked for; None when it said nothing: the caller's back-off applies.
    `permanent`: asking the same again cannot help (only ever true where an outcome type has no `Refused`).
    `may_have_arrived`: whether the request may have had its effect all the same.
    """

    reason: str
    retry_seconds: int | None = None
    permanent: bool = False
    may_have_arrived: bool = True


@dataclass(frozen=True, slots=True)
class Unclear:
    """What was sent may or may not be at the registry: reading back decides, not sending again."""

    reason: str
    retry_seconds: int | None = None


def _printable(words: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in words).strip()
