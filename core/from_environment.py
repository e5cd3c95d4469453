"""Settings as the environment and `.env` have them: text by name, for the model to read."""

import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import ConfigDict

# Of every model of settings. Defaults are checked too, and nothing that was set is shown when it is wrong.
SETTINGS: ConfigDict = ConfigDict(
    extra="ignore", frozen=True, hide_input_in_errors=True, validate_default=True
)


def from_environment(names: Iterable[str], env_file: str | None = ".env") -> dict[str, str]:
    """What is set of `names`, by the environment or else by the file. Upper and lower case are the same."""
    found = {**_of_file(env_file), **os.environ}
    by_name = {name.lower(): value for name, value in found.items()}
    return {name: by_name[name] for name in names if name in by_name}


def _of_file(env_file: str | None) -> dict[str, str]:
    if env_file is None or not Path(env_file).is_file():
        return {}
    # Whoever has no such file need not load what reads it.
    from dotenv import dotenv_values  # noqa: PLC0415

    return {name: value for name, value in dotenv_values(env_file).items() if value is not None}
