"""The closed set of things a menu can make happen, each with all of its arguments.

The host performs an effect exactly once per hop, in its own database transaction, and gives the result back
as the fact of the same name (shapes in `menus.facts`).
"""

from __future__ import annotations

from typing import Final

from menus.engine.vocabulary import EffectRule, View


def _identity(view: View) -> dict[str, str]:
    return {"national_id": view.answers["national_id"]}


def _join(view: View) -> dict[str, str]:
    """`consent_…` and `name_confirmed` are `yes` or `no`; `pin` is the host's own sealed string."""
    answers = view.answers
    return {
        "national_id": answers["national_id"],
        "language": view.language,
        "consent_saving": answers["consent_saving"],
        "consent_reminders": answers["consent_reminders"],
        "name_confirmed": answers.get("name_confirmed", "no"),
        "pin": answers["pin"],
    }


def _phone_change(view: View) -> dict[str, str]:
    return {
        "national_id": view.answers["national_id"],
        "birth_year": view.answers["birth_year"],
        "language": view.language,
    }


def _save(view: View) -> dict[str, str]:
    """`number` (another member's) and `period` are those of the confirmation that was pressed, else empty."""
    answers = view.answers
    kind = answers.get("saving_for", "")
    return {
        "amount_cents": answers["amount"],
        "number": answers["for_number"] if kind == "member" else "",
        "period": answers["period"] if kind == "month" else "",
    }


def _plan(view: View) -> dict[str, str]:
    """`reminders` is `yes` or `no`."""
    answers = view.answers
    return {
        "rhythm": answers["rhythm"],
        "amount_cents": answers["plan_amount"],
        "reminders": answers["plan_reminders"],
    }


def _plan_reminders(view: View) -> dict[str, str]:
    """`granted` is `yes` or `no`."""
    return {"granted": view.answers["plan_reminders"]}


def _nothing(_view: View) -> dict[str, str]:
    return {}


def _language(view: View) -> dict[str, str]:
    return {"language": view.language}


def _reminders(view: View) -> dict[str, str]:
    """`granted` is `yes` or `no`."""
    return {"purpose": "reminders", "granted": view.answers["reminders"]}


def _paper(view: View) -> dict[str, str]:
    return {"number": view.answers["paper"]}


def _pin(view: View) -> dict[str, str]:
    """`pin` is the host's own sealed string."""
    return {"pin": view.answers["pin"]}


def _receipt_code(view: View) -> dict[str, str]:
    return {"receipt": view.answers["receipt_code"]}


EFFECTS: Final = (
    EffectRule("look_up_identity", ("national_id",), _identity, ("national_id",)),
    EffectRule(
        "join",
        ("national_id", "language", "consent_saving", "consent_reminders", "name_confirmed", "pin"),
        _join,
        ("national_id", "consent_saving", "consent_reminders", "pin"),
    ),
    EffectRule(
        "start_phone_change",
        ("national_id", "birth_year", "language"),
        _phone_change,
        ("national_id", "birth_year"),
    ),
    EffectRule("save", ("amount_cents", "number", "period"), _save, ("amount",)),
    EffectRule("set_language", ("language",), _language),
    EffectRule("set_consent", ("purpose", "granted"), _reminders, ("reminders",)),
    EffectRule("show_paper", ("number",), _paper, ("paper",)),
    EffectRule("choose_new_pin", ("pin",), _pin, ("pin",)),
    EffectRule("change_pin", ("pin",), _pin, ("pin",)),
    EffectRule("claim", ("receipt",), _receipt_code, ("receipt_code",)),
    EffectRule(
        "set_plan",
        ("rhythm", "amount_cents", "reminders"),
        _plan,
        ("rhythm", "plan_amount", "plan_reminders"),
    ),
    EffectRule("set_plan_reminders", ("granted",), _plan_reminders, ("plan_reminders",)),
    EffectRule("stop_plan", (), _nothing),
    EffectRule("take_claim", ("receipt",), _receipt_code, ("receipt_code",)),
)
