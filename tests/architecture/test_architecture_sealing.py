"""Whatever is sealed lies where `bin/kibaba keys rotate` looks for it."""

import ast
from pathlib import Path

from core.database import Encrypted
from members.notices import PHONE_PLACE
from operations.sealing.places import FIELDS
from payments.evidence.tables import BODY_PLACE
from payments.receipts.tables import PARTICULARS_PLACE
from tests.architecture.test_architecture_words import REPOSITORY, tracked
from tests.operations.sealed_house import encrypted_columns

# What else seals, under another word or for itself: registries' envelopes, the column type, the proof of a
# key, sessions in Redis (counted, they end by themselves), and the command.
_NOT_PLACES = {
    "registry/client.py",
    "core/database.py",
    "core/key_proofs.py",
    "ussd_app/gateway/session_store.py",
    "operations/sealing/batches.py",
}
_NAMES = {"PHONE_PLACE": PHONE_PLACE, "BODY_PLACE": BODY_PLACE, "PARTICULARS_PLACE": PARTICULARS_PLACE}
_OUTSIDE = ("tests", "bench", "sandbox", "migrations")


def test_what_is_sealed_by_hand_is_sealed_for_a_column_or_a_field_that_is_known() -> None:
    """A new place needs its column to be `Encrypted`, or its field of JSON to be in `FIELDS`."""
    known = {f"{column.table.name}.{column.name}" for column in encrypted_columns()} | set(FIELDS.values())
    found: dict[str, str] = {}
    for path in tracked("*.py"):
        name = str(path.relative_to(REPOSITORY))
        if name not in _NOT_PLACES and not name.startswith(_OUTSIDE):
            found |= {f"{name}:{line}": place for line, place in sealed_by_hand(path)}
    assert len(found) >= 6
    assert {where: place for where, place in found.items() if place not in known} == {}


def test_a_column_is_sealed_for_its_own_place() -> None:
    elsewhere = [
        str(column)
        for column in encrypted_columns()
        if isinstance(column.type, Encrypted) and column.type.place != str(column)
    ]
    assert elsewhere == []


def sealed_by_hand(path: Path) -> list[tuple[int, str]]:
    """Where `….seal(place, …)` or `….seal_bytes(…)` is called, and for which place."""
    return [
        (call.lineno, place_of(call.args[0]))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in {"seal", "seal_bytes"}
    ]


def place_of(argument: ast.expr) -> str:
    if isinstance(argument, ast.Constant):
        return str(argument.value)
    return _NAMES.get(argument.id, argument.id) if isinstance(argument, ast.Name) else ast.dump(argument)
