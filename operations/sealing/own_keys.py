"""The keys for personal data that this house made for itself, in its state directory."""

import fcntl
import os
import re
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

from dotenv import dotenv_values

from operations.environment import SECRET_BYTES, configured, is_production, kept_secrets
from operations.state import State, write_private

_NAME: Final = "PII_KEYS"
_LINE: Final = re.compile(rf"^{_NAME}=.*$", re.MULTILINE)


class OwnKeys:
    """PII_KEYS of `secrets.env`, newest first. While an older one stands there, a rotation is not over."""

    def __init__(self, state: State) -> None:
        self._state = state

    def all(self) -> list[str]:
        """The keys as they stand there now."""
        return _split(dotenv_values(self._state.secrets_file, interpolate=False).get(_NAME) or "")

    def begin(self) -> bool:
        """Put a new key before the one that is there; False when a rotation has begun already.

        The key is on the disk when this returns: what it seals could not be opened without it.
        """
        kept_secrets(self._state)
        with self._alone():
            keys = self.all()
            if len(keys) > 1:
                return False
            self._write([secrets.token_urlsafe(SECRET_BYTES), *keys])
        return True

    def keep(self, keys: Collection[str]) -> None:
        """Take out what is not among these."""
        with self._alone():
            self._write([key for key in self.all() if key in keys])

    def _write(self, keys: list[str]) -> None:
        text = self._state.secrets_file.read_text(encoding="utf-8")
        line = f"{_NAME}='{','.join(keys)}'"
        # A function, since a replacement that is text would be read for groups.
        write_private(self._state.secrets_file, _LINE.sub(lambda _: line, text, count=1))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two commands at once would each make a key, and the one written first would be lost."""
        directory = os.open(self._state.root, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)


def own_keys(state: State) -> OwnKeys | None:
    """None where PII_KEYS are set: whoever set them also makes new ones."""
    given = configured()
    return None if _NAME in given or is_production(given) else OwnKeys(state)


def _split(value: str) -> list[str]:
    return [key.strip() for key in value.split(",") if key.strip()]
