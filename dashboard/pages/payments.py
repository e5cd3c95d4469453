"""Payments: the latest, one by its receipt, and the whole way of one."""

import uuid
from collections.abc import Sequence
from datetime import date

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from core.errors import InvalidValue
from core.reasons import on_one_line
from dashboard import receipts
from dashboard.access import READERS, WORKERS, allow, may
from dashboard.deciding import may_be_decided
from dashboard.reading import was_seen
from dashboard.services import services
from dashboard.ways import match_in_words, step_in_words, why_in_words
from payments.model import PaymentState
from payments.receipts.tables import Receipt
from payments.suspense.giving_back import BackStep, BackWay, GivingBack, StepMade, way_back
from payments.view import WayStep, intent_of, payment_way

routes = Blueprint("payments", __name__, url_prefix="/payments")

_STEPS = (PaymentState.CONFIRMED, PaymentState.POSTED, PaymentState.ACKNOWLEDGED)
# What is given back goes no further on the way to the fund.
_LEAVES = frozenset({PaymentState.REVERSED, *GivingBack})


@routes.get("/")
@allow(READERS)
def index() -> str | Response:
    """The latest payments, or straight to the one whose receipt was typed."""
    parts = services()
    typed = on_one_line(request.args.get("receipt", ""))[:40]
    with parts.sessions.begin() as database:
        if typed and (found := receipts.by_receipt(database, parts.accounts, typed)):
            return redirect(url_for(".show", payment_id=found))
        try:
            rows, after = receipts.latest(database, request.args.get("after"))
        except InvalidValue:
            abort(400)
        was_seen(database, "payments.listed", "payments", rows=len(rows))
    return render_template(
        "dashboard/payments.html",
        rows=rows,
        after=after,
        is_first=not request.args.get("after"),
        typed=typed,
    )


@routes.get("/<uuid:payment_id>")
@allow(READERS)
def show(payment_id: uuid.UUID) -> str:
    """One payment, by its receipt's or its wish's id: facts, every step with its time, differences."""
    with services().sessions.begin() as database:
        facts = receipts.facts(database, payment_id)
        if facts is None:
            abort(404)
        money = database.get(Receipt, facts.payment_id)
        back = way_back(database, money) if money else BackWay((), ())
        way = _with(back.steps, _without_echoes(payment_way(database, facts.payment_id)))
        intent = intent_of(database, facts.payment_id)
        differences = receipts.breaks_about(database, facts.payment_id)
        can_decide = money is not None and may(WORKERS) and may_be_decided(database, money)
        was_seen(database, "payment.opened", facts.payment_id)
    reached = {step.state for step in way}
    # On the wallet's list, and yet not confirmed: the list names another amount.
    disputed = PaymentState.CONFIRMED in reached and facts.state == PaymentState.RECEIVED
    is_on_its_way = facts.receipt is not None and facts.state not in _LEAVES
    ahead = [state for state in _STEPS if state not in reached] if is_on_its_way else []
    return render_template(
        "dashboard/payment.html",
        facts=facts,
        intent=intent,
        counts_for=date.fromisoformat(f"{intent.period}-01") if intent and intent.period else None,
        way=way,
        ahead=[*ahead, *back.ahead],
        refused=BackStep.REFUSED,
        step_in_words=step_in_words,
        why_in_words=why_in_words,
        match_in_words=match_in_words,
        disputed=disputed,
        differences=differences,
        can_decide=can_decide,
    )


def _with(back: Sequence[StepMade], way: Sequence[WayStep]) -> list[WayStep | StepMade]:
    return sorted([*way, *back], key=lambda step: step.at)


def _without_echoes(way: Sequence[WayStep]) -> list[WayStep]:
    """Steps into the same state with nothing new to say are shown once, at the last."""
    following = [*way[1:], None]
    return [
        step
        for step, after in zip(way, following, strict=True)
        if why_in_words(step) or not _repeats(after, step)
    ]


def _repeats(after: WayStep | None, step: WayStep) -> bool:
    return after is not None and after.state == step.state
