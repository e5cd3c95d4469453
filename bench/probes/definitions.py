"""Kibaba's own menus with a fault put in: what its check says of them before anybody can dial."""

import shutil
import tempfile
from pathlib import Path

import menus

_ROOT = Path(menus.__file__).parent
_ORPHAN = "\n  nobody_comes_here: {kind: notice, ends: true}\n"
_ORPHAN_TEXT = '\n  nobody_comes_here:\n    text: "Nobody reads this. {helpline}"\n'


def faults_of_our_menus(fault: str | None) -> list[str]:
    """What the check finds in the definition as it is (None), or with an `orphan`, an `overlong` text or a
    `dangling` link in it.
    """
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for part in ("screens", "texts"):
            shutil.copytree(_ROOT / part, root / part)
        if fault is not None:
            _put_in(root, fault)
        return [str(found) for found in menus.lint(root)]


def _put_in(root: Path, fault: str) -> None:
    if fault == "orphan":
        _append(root / "screens" / "save.yaml", _ORPHAN)
        for text in (root / "texts").glob("*.yaml"):
            _append(text, _ORPHAN_TEXT)
    elif fault == "overlong":
        for text in (root / "texts").glob("*.yaml"):
            _replace(text, '  help:\n    text: "', f'  help:\n    text: "{"Too long. " * 40}')
    elif fault == "dangling":
        _replace(root / "screens" / "save.yaml", "to: save_confirm", "to: nowhere_at_all")
    else:
        raise ValueError(f"no such fault: {fault}")


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if old not in text:
        raise ValueError(f"{path.name} no longer holds {old!r}")
    path.write_text(text.replace(old, new))
