"""Ways in which providers differ from each other or from themselves, set while the sandbox runs."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from sandbox.store import Store


class SwitchError(ValueError):
    """A switch that does not exist, or a value it cannot take."""


@dataclass(frozen=True, slots=True)
class Switches:
    """Names, defaults and types of all switches; `README.md` says what each one does."""

    prompt_seconds: int = 60
    auto_seconds: int = 1
    same_amount_rule: bool = False
    ussd_blocks_prompt: bool = False
    callback_retries: int = 0
    c2b_register_once: bool = False
    pull_page_size: int = 50
    pull_spaced_keys: bool = False
    pull_utc_dates: bool = False
    statement_charge_cents: int = 0
    statement_lower_case: bool = False
    token_expires_as_text: bool = True
    sms_report_seconds: int = 1
    sign_replies: bool = True
    airtel_sign_callbacks: bool = True
    mtn_callback_post: bool = False


def current(store: Store) -> Switches:
    return Switches(**json.loads(store.fact("switches") or "{}"))


def change(store: Store, wanted: Any) -> Switches:
    """Merges `wanted` into what is set. SwitchError names the first thing that is wrong."""
    if not isinstance(wanted, dict):
        raise SwitchError("a JSON object of switches is expected")
    kinds = {field.name: type(field.default) for field in fields(Switches)}
    for name, value in wanted.items():
        if name not in kinds:
            raise SwitchError(f"unknown switch {name!r}; there are {', '.join(kinds)}")
        if type(value) is not kinds[name]:
            raise SwitchError(
                f"{name} must be {'true or false' if kinds[name] is bool else 'a whole number'}"
            )
        if isinstance(value, int) and not 0 <= value <= 1_000_000:  # noqa: PLR2004 - sane for every number here.
            raise SwitchError(f"{name} must be between 0 and 1000000")
    with store.transaction():
        merged = asdict(current(store)) | wanted
        store.put_fact("switches", json.dumps(merged))
    return Switches(**merged)


def restore_defaults(store: Store) -> None:
    store.put_fact("switches", "{}")
