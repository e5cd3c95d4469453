"""Reads YAML that is part of the house, with libyaml's loader where there is one."""

from typing import Any

import yaml

# Ten times faster than the one in Python, and every process reads its words when it starts.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> Any:
    """Plain values only. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 -- both are safe loaders
