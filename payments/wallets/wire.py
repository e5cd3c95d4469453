"""Wallets' JSON, read strictly and once.

Numbers in JSON stay the text they were written as until a type takes them, so that no amount is ever a float.
"""

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from core.errors import InvalidValue
from core.money import Money, cents_from_text
from payments.wallets.protocol import UnreadableMessage

MESSAGE_BYTES_MAX = 64 * 1024
_AMOUNT = re.compile(r"-?[0-9,]{1,15}(\.[0-9]{1,6})?")


def _printable(value: Any) -> Any:
    # NUL and lone surrogates cannot be stored, and control characters have no place on a screen.
    if not isinstance(value, str):
        return value
    return "".join(character if character.isprintable() else " " for character in value).strip()


Identifier = Annotated[str, StringConstraints(strict=True, pattern=r"^[!-~]{1,100}$")]
Line = Annotated[str, Field(strict=True, max_length=400), BeforeValidator(_printable)]

_Model = TypeVar("_Model", bound=BaseModel)


class WireModel(BaseModel):
    """A message's fields; others are let through, and no value shows in an error."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def _refuse(token: str) -> NoReturn:
    raise ValueError(f"{token} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # Two readers of one message must not see two truths.
        raise ValueError("a name occurs twice")
    return found


def read_json(raw: str | bytes, *, bytes_max: int = MESSAGE_BYTES_MAX) -> dict[str, Any]:
    """A JSON object whose numbers are texts. Raises UnreadableMessage for anything else."""
    if len(raw) > bytes_max:
        raise UnreadableMessage(f"longer than {bytes_max} bytes")
    try:
        text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
        found = json.loads(
            text, parse_int=str, parse_float=str, parse_constant=_refuse, object_pairs_hook=_once
        )
    except (ValueError, RecursionError):
        raise UnreadableMessage("not JSON") from None
    if not isinstance(found, dict):
        raise UnreadableMessage("not a JSON object")
    return found


def read_fields(model: type[_Model], body: Any) -> _Model:
    """Fit a message into its fields. Raises UnreadableMessage naming fields, never their values."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        raise UnreadableMessage(
            "; ".join(_named(fault["loc"], fault["msg"]) for fault in faults[:5])
        ) from None


def _named(place: Iterable[int | str], message: str) -> str:
    return f"{'.'.join(str(part) for part in place)}: {message}"


def read_amount(text: str, currency: str) -> Money:
    """An amount as providers write it (`5`, `5.0`, `"1,168.00"`). Raises UnreadableMessage."""
    if not _AMOUNT.fullmatch(text.strip()):
        raise UnreadableMessage("not an amount")
    try:
        return Money(cents_from_text(text), currency)
    except InvalidValue:
        raise UnreadableMessage("not an amount in whole cents") from None


def read_payment(text: str, currency: str) -> Money:
    """An amount above zero. Raises UnreadableMessage."""
    amount = read_amount(text, currency)
    if amount.amount_cents <= 0:
        raise UnreadableMessage("a payment must be more than nothing")
    return amount
