"""Staff texts: every word on a staff page comes from `texts/<language>.yaml` by its key."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from core.yaml_text import read_yaml

_FOLDER = Path(__file__).parent / "texts"


@cache
def catalogue(language: str = "en") -> dict[str, str]:
    """All texts of a language by dotted key."""
    tree = read_yaml((_FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    return dict(_flat("", tree))


def text(key: str, **values: Any) -> str:
    """The text of a key, with its `{values}` filled in. Raises KeyError for a key nobody wrote."""
    return catalogue()[key].format(**values)


def counted(key: str, count: int, **values: Any) -> str:
    """The text of `key.one` or `key.other`, by `count`."""
    return text(f"{key}.{'one' if count == 1 else 'other'}", count=f"{count:,}", **values)


def word(group: str, value: str) -> str:
    """The word for a code of a known group; a code nobody has a word for yet is shown as it is."""
    return catalogue().get(f"{group}.{value}", value.replace("_", " "))


def _flat(prefix: str, tree: Any) -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        # YAML 1.1 reads a bare `no` or `yes` as a boolean; a key that is not text is a mistake.
        assert isinstance(name, str), f"{prefix}{name} is not text"
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            assert isinstance(value, str), f"{prefix}{name} is not text"
            yield f"{prefix}{name}", value.strip()
