"""The settings of a test as the environment of a process of its own."""

import json
import os

from pydantic import SecretStr

from core.settings import Settings


def environment_of(settings: Settings) -> dict[str, str]:
    """What `load_settings` reads in the other process, and the path to commands."""
    plain = settings.model_dump(mode="python", exclude_none=True, exclude_unset=True)
    return {name.upper(): _text(value) for name, value in plain.items()} | {"PATH": os.environ["PATH"]}


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, list):
        return ",".join(_text(each) for each in value)
    return json.dumps(value) if isinstance(value, dict) else str(value)
