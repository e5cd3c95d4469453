"""A decision as somebody posted it: carried out, proposed, or given back with what is wrong about it."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace

from flask import abort, flash, request
from sqlalchemy.orm import Session

from core.errors import InvalidValue
from core.reasons import on_one_line
from dashboard.catalogue import text
from dashboard.deciding import read_wish
from dashboard.login import me
from dashboard.reasons import typed_reason
from dashboard.services import services
from payments.reconciliation.working import NOTE_CHARACTERS_MAX
from payments.suspense.deciding import decide
from payments.suspense.model import Act, DecisionState, NotPossible
from payments.suspense.tables import Decision

_NUMBER_CHARACTERS_MAX = 20
# What whoever typed it can put right on the form. All else is refused because of how things stand.
_MISTYPED = frozenset({"no_reason", "no_member", "no_choice", "two_choices"})
# These make no entry in the ledger.
_WITHOUT_LEDGER = {Act.REPOST: "work.reposted", Act.EXPLAIN: "work.explained"}


@dataclass(frozen=True, slots=True)
class Refused:
    """What was typed, for the form to show again. `why` it was not done: a code that pages have words for.

    Empty when nothing was refused: something else on the page was pressed, and what was typed stays.
    """

    why: str
    choice: str
    number: str
    reason: str
    note: str = ""

    @property
    def status(self) -> int:
        """Of the answer: 400 for what was mistyped, 409 for what does not fit the facts."""
        return 400 if self.why in _MISTYPED else 409

    @property
    def says_something(self) -> bool:
        """Whether anything would be lost that somebody typed or chose."""
        return bool(self.choice or self.number or self.reason or self.note)

    @property
    def is_undo(self) -> bool:
        return self.choice.startswith(f"{Act.UNDO}:")

    def has_chosen(self, choice: str) -> bool:
        """Whether this was the choice. A number alone chose the member whose it is."""
        return choice == (self.choice or (Act.MATCH.value if self.number else ""))


def carry_out(*, receipt_id: uuid.UUID | None = None, break_id: uuid.UUID | None = None) -> Refused | None:
    """Do what the posted form decides about a receipt or a difference, and have the next page say so.

    What was refused comes back to be shown. Answers 400 to what no page of ours sends.
    """
    parts = services()
    try:
        with parts.sessions.begin() as database:
            wish = read_wish(database, request.form, receipt_id=receipt_id, break_id=break_id)
            decision = decide(
                database,
                wish,
                maker=me().actor,
                limit_cents=parts.four_eyes_above_cents,
                now=parts.clock.now(),
            )
            done = _words(database, decision)
    except InvalidValue:
        abort(400)
    except NotPossible as error:
        return as_typed(error.why)
    flash(text(done))
    return None


def _words(session: Session, decision: Decision) -> str:
    if decision.state == DecisionState.PROPOSED:
        return "work.proposed"
    undone = session.get(Decision, decision.undoes_id) if decision.undoes_id else None
    if undone is not None and undone.act == Act.EXPLAIN:
        return "work.opened_again"
    return _WITHOUT_LEDGER.get(Act(decision.act), "work.done")


def as_typed(why: str, choice: str = "choice") -> Refused:
    """What the posted form held, with why it was not done. `choice`: the field that says what was wanted."""
    form = request.form
    return Refused(
        why=why,
        choice=form.get(choice, ""),
        number=on_one_line(form.get("number", ""))[:_NUMBER_CHARACTERS_MAX],
        reason=typed_reason(),
        note=on_one_line(form.get("text", ""))[:NOTE_CHARACTERS_MAX],
    )


def draft(*, without: Collection[str] = ()) -> Refused | None:
    """What of the posted page is still to be done; None when nothing is. `without`: fields that are done."""
    typed = replace(as_typed(""), **dict.fromkeys(without, ""))
    return typed if typed.says_something else None
